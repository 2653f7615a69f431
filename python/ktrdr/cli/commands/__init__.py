"""Commands: `ktrdr WORD` is in the file WORD.py, `ktrdr data` in a folder."""
