"""Pictures on a Ray cluster: actors that work like a local machine, replaced where they fail."""
