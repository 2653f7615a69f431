"""Paper trading as an operation: request, loop, saves, result."""
