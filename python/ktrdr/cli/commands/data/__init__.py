"""`ktrdr data`: import, list, check, sample, resample, delete."""
