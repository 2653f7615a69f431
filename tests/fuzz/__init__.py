"""Fuzz targets that a person runs by hand; ``test_yaml.py`` runs the seeds in every test run."""
