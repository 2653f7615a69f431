"""The processes of a worker: runner, children, owner, environment."""
