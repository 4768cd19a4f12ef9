"""What is in picture *i*: everything is decided here, before a pixel is rendered."""
