"""Work of a run that another process has computed: whole parts of another database, and units of this one's workers."""
