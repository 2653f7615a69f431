"""Labels, splits and training; only labels may use later bars.

``train`` and ``labels`` are the doors. ``sources`` holds the label sources, ``splits`` and ``samples`` choose the rows,
``trainer`` fits the net, ``draft`` describes the bundle.
"""
