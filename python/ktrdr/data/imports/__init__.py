"""Files of other programs, read into checked bars."""
