"""The worker: operations over HTTP, each executed in a separate child process."""
