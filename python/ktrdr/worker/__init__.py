"""The worker: operations over HTTP, executed in child processes of their own."""
