"""Live decisions, bar by bar: paper trading, and later brokers."""
