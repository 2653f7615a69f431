"""Labels, splits, training; the only place that may look into the future, and only for labels."""
