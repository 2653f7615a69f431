"""Inputs of a backtest: parameters, request, configuration, features, bundle."""
