"""Which scans exist, and are they fit for use: intake, inspection, library, packs and built-in samples."""
