"""Nets, inference in fixed blocks, and the one reader and writer of model bundles."""
