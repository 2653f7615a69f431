"""Architectures of nets: a multi-layer perceptron, LSTM and GRU."""
