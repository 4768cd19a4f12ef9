"""Surveys made of datasets and photos, answers gathered, and what they come to."""
