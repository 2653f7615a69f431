"""Helpers of tests of live decisions."""
