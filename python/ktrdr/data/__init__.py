"""Bars: validation, storage, resampling, the synthetic sample."""
