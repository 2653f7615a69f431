"""One claimed operation while it runs: its kind, heartbeat, progress, cancellation."""
