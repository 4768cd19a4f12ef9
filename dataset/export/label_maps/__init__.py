"""Pictures whose pixels are classes or instances."""
