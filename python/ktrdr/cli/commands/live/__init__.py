"""Commands that trade live bars."""
