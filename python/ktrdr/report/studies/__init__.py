"""Pages about trainings, walk-forwards, sweeps and research cycles: text, tables, small charts and heat maps."""
