"""Strategy files: the grammar, its defaults, and the loader that turns one into a ``Strategy``.

``loader`` is the door. ``sections`` holds the grammar of each section, ``catalog`` the indicators and membership
functions, ``resolve`` the references between them. ``schema`` is the result, ``rules`` its trading rules, ``history``
its warm-up, ``library`` finds files by name.
"""
