"""`ktrdr worker` and `ktrdr workers`."""
