"""Samples: things that the project sculpts itself, delivered as awkward as real scans, taken in like any other."""

from assets.samples.catalogue import sample_assets

__all__ = ["sample_assets"]
