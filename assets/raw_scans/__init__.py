"""A scan as it comes: its arrays, the folder of files it lies in, its unit, its named points."""
