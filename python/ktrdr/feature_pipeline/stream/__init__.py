"""Features of one closed bar after another, with the bits that the whole matrix has.

``rows`` is the door. ``handles`` has TA-Lib's streams, ``indicator`` the catalogue's indicators over them, ``coarser``
the bars of longer timeframes, which are made of the base bars as they close.
"""
