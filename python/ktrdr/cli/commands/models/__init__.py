"""`ktrdr train` and `ktrdr models`."""
