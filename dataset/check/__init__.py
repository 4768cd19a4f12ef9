"""Verifies a dataset from its files alone."""
