"""Files read within bounds, written at once or not at all, here or on an object store."""
