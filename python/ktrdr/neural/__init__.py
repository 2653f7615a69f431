"""Nets, their inference in fixed blocks, and the bundles they are kept in. Nothing is imported until it is used."""
