"""From bars to the feature matrix: history, indicators, fuzzy degrees, alignment on closed bars."""
