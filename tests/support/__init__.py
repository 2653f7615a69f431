"""What several tests share: random runs, the doors to the core, the comparison with the reference."""
