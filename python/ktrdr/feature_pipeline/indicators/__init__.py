"""Indicators: the catalogue's definitions, computed over whole columns."""
