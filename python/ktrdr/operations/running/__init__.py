"""One claimed operation while it runs: recorder, heartbeat, progress, cancellation."""
