"""The three architectures: a multi-layer perceptron, LSTM and GRU."""
