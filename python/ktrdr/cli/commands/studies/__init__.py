"""Commands that are more than one run: research and walk-forward."""
