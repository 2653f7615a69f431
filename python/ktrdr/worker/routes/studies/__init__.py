"""Routes that start what is made of many runs: walk-forwards, sweeps, research."""
