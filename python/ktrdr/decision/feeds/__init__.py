"""Sources of closed bars: a file that grows, a WebSocket."""
