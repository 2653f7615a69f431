"""Features of a strategy: history, indicators, degrees of membership, alignment on closed bars.

``features`` is the function for users, ``build`` the pipeline behind it. ``window`` plans the bars to load,
``resolver`` the columns, ``alignment`` the rows of other timeframes, ``external`` further series. ``assembly`` fills
the ``matrix``, with ``memberships`` and ``normalization``.
"""
