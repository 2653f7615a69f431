"""References of a strategy file, resolved to frozen values."""
