"""Indicators of the catalogue, computed over whole columns.

``compute`` is the door. ``momentum``, ``trend``, ``volatility`` and ``volume`` hold the formulas, each beside the file
of the same name in ``strategy/catalog``. ``columns`` holds their inputs, ``primitives`` the pieces they share.
"""
