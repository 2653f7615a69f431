"""Commands that print the reference: indicators, rules, and the schema of a strategy file."""
