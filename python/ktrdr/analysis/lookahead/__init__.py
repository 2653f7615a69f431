"""The look-ahead proof: a strategy's features and signals on a user's bars, with and without the future."""
