"""Sweeps: many scenarios of rules over one set of bars and signals, each with the metrics of a run of its own."""
