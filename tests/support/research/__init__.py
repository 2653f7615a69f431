"""Doubles of the services that a research asks."""
