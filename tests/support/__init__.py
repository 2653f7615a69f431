"""Helpers that several tests share, in rooms: runs, inputs, leaks, database, process, container."""
