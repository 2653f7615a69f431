"""Access to the service: tokens, sessions, hosts, body limits."""
