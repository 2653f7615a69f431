"""`ktrdr strategies` and `ktrdr validate`."""
