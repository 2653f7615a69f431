"""The sections of a strategy file as strict schemas."""
