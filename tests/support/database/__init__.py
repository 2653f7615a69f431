"""Databases, disks and stored operations for tests."""
