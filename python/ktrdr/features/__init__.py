"""From bars to the feature matrix: history, alignment on closed bars, fuzzy degrees."""
