"""Indicators: TA-Lib's definitions, composed where it lacks one."""
