"""Real processes, services and clients for tests."""
