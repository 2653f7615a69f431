"""The commands, one room per noun."""
