"""Pages about trainings, walk-forwards and research cycles: text, tables and small charts, without a script."""
