"""The YAML config: reading, references, calibration files, and all errors at once."""
