"""Guards of a worker: limits of its connections, and the truth about its readiness."""
