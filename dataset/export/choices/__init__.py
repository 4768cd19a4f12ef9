"""What a person may choose of an export, whatever its format."""
