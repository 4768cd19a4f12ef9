"""Files and assets that a config names."""
