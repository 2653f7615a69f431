"""Strategy files: the grammar, its defaults, and the loader that turns one into a ``Strategy``."""
