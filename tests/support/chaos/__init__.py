"""A fleet of workers on one database, and everything that can go wrong with it at once, drawn from a seed."""
