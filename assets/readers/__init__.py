"""One file format each: from a file of a scan to its arrays and materials."""
