"""Units of a run: pure functions of stored work and a number, which this process or a cluster computes in any order."""
