"""Research as operations: the cycle, and its two small kinds of parts, design and assessment."""
