"""Asking people whether pictures look real: whom to believe, and what their answers amount to."""
