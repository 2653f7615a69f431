"""Parts of pages: templates, charts, results and forms as values."""
