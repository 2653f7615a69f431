"""Inputs of the pipeline for tests: bars, strategies, nets."""
