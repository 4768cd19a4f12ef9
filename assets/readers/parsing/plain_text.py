"""Text and numbers out of bytes, by the million."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import check_memory

_BYTES_A_LINE, _BYTES_A_NUMBER = 50, 24


def decode_text(data: bytes) -> str:
    """UTF-8, or what Windows tools of old write; any bytes give some text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def check_text(data: bytes) -> None:
    """Refuse a text whose lines and numbers would take more memory than is free: up to 20 times that of the text."""
    lines, words = data.count(b"\n") + data.count(b"\r"), data.count(b" ") + data.count(b"\t")
    check_memory(2 * len(data) + _BYTES_A_LINE * lines + _BYTES_A_NUMBER * (lines + words), f"{lines:,} lines of text")


def parse_numbers(lines: Sequence[bytes], dtype: type) -> npt.NDArray[Any]:
    """All numbers of some lines, one after the other, (N,) of ``dtype``. Raises InputError at anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy says that it met something not a number
        try:
            return np.fromstring(b" ".join(lines), dtype=dtype, sep=" ")
        except (DeprecationWarning, ValueError) as e:
            raise InputError("holds something that is not a number among its coordinates or indices") from e
