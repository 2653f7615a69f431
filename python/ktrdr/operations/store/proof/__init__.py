"""Proof that a stored row is the one that was written: its columns, read strictly, and hashes over them."""
