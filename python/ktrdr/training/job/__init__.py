"""Trainings as operations: the request, the kind, the run, its checkpoints and its result."""
