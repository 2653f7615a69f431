"""One training from its inputs to its bundle: identity, state between two batches, result."""
