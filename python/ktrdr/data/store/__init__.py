"""The data folder: stored series, their sidecars and their files."""
