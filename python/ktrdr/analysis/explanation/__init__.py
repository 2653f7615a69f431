"""Reasons of a net's decisions: its inputs in words, its probabilities, and what each input adds to the score."""
