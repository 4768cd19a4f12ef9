"""Which picture is for training, for validation, for testing, and why."""
