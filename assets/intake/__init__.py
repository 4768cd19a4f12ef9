"""Takes a scan in: inspected, mended, simplified, and stored as an asset."""
