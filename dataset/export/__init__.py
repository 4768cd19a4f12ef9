"""Annotations in the formats of others, from the records alone."""
