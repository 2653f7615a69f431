"""The SQL store: tables, claims, fenced writes, reads."""
