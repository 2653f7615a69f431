"""Mappings from a file, checked, with the line of each key."""
