"""Parts that the commands about runs share: client, foreground, options, summary, export."""
