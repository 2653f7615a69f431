"""Checks against look-ahead, and leaks planted to prove that the checks see them."""
