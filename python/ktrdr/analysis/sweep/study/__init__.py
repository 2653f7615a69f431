"""Studies: a sampler picks scenarios of a grid, batch by batch, by the results of those before it."""
