"""Which scans there are, and whether they are fit for use: from a file somewhere to an asset in a library."""
