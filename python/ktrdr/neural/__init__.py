"""Nets, their inference in fixed blocks, and the bundles that store them. Importing this package loads no torch."""
