"""What a conversion ends with that can't be made."""

from __future__ import annotations


class Refused(Exception):
    """This file can't be converted here; ``kind`` is for the caller."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
