"""The first steps of a process of ktrdr's own, the program or a child of a worker; the library takes none of them."""
