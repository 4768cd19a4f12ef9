"""From photos to a config that makes pictures like them: ``scanstage fit`` and ``like``."""
