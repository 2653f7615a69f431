"""Label sources: each file turns bars into labels by one definition; ``make`` chooses the source of a strategy."""
