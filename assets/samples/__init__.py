"""Samples: things that the project sculpts itself, delivered as awkward as real scans, taken in like any other."""

from assets.samples.catalogue import SAMPLE_CLASSES, SampleSource, sample_assets, write_sample_sources

__all__ = ["SAMPLE_CLASSES", "SampleSource", "sample_assets", "write_sample_sources"]
