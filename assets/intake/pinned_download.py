"""Packages fetched by their registry's own tool, and no other file of theirs than the one that was looked through."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from scanstage.assets.messages.errors import InputError


def fetched(
    command: list[str],
    into: Path,
    suffix: str,
    requirement: str,
    reason: Callable[[list[str]], str],
    by_hand: Callable[[str], str],
    timeout_s: float,
) -> Path:
    """The file that a registry's tool has put into a folder.

    Args:
        command: that fetches it.
        into: an empty folder, which the command puts it into.
        suffix: of the file.
        requirement: what is fetched, for messages.
        reason: of the lines that the tool wrote to its standard error, the one to be told.
        by_hand: from what it wrote there to how to get the file otherwise.
        timeout_s: seconds that it may take.

    Raises InputError where it can't be had.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise InputError(f"{requirement} can't be fetched: {e}", by_hand("")) from e
    found = sorted(into.glob(f"*{suffix}"))
    if done.returncode or not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise InputError(
            f"{requirement} can't be fetched: {reason(lines).strip()}",
            f"check the network, or {by_hand(done.stderr)}",
        )
    return found[0]


def check_digest(file: BinaryIO, path: Path, what: str, sha256: str, again: str) -> None:
    """Refuse any other file than the one that was looked through when a pack was made; reads from here to the end.

    Args:
        file, path: what is there.
        what: that is wanted, e.g. ``wheel of myosuite==2.11.6``.
        sha256: hex digest that it has.
        again: where to get it, for the message.

    Raises InputError.
    """
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    if digest.hexdigest() != sha256:
        raise InputError(
            f"{path}: is not the {what} that this pack was made for (sha256 {digest.hexdigest()}, expected {sha256})",
            again,
        )
