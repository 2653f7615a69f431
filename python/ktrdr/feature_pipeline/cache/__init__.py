"""The feature cache: assembled features on disk, found again by the identity of all that decides their bits."""
