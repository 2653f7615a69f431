"""The command line: parsing and printing only; every command is imported when it is called."""
