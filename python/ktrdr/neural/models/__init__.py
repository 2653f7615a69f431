"""The nets: one class a file under `BaseNeuralModel`."""
