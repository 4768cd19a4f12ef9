"""What a check of a dataset reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong with a dataset.

    Attributes:
        path: of the file, relative to the dataset, with forward slashes.
        kind: short and stable, for machines: ``mask-overlap``, ``image-hash`` …
        message: one sentence for people: what is wrong, with the values.
    """

    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


Faults = Iterator[tuple[str, str]]
"""Kind and message of each fault of a file that the caller knows."""
