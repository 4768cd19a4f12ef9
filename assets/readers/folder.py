"""The only door from a scan to the files that it names: nothing outside the scan's own folder is opened.

A scan is untrusted. An MTL, a glTF or a PLY may name any path; following it would put files of this machine into a
library that is then shared.
"""

from __future__ import annotations

import re
from pathlib import Path

from assets.errors import InputError
from assets.raw_scan import Finding

MAX_FILE_BYTES = 4 << 30
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:")


class ScanFolder:
    """Reads files that a scan names, and collects what was noticed on the way (:attr:`findings`)."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.root = source.parent.resolve()
        self.findings: list[Finding] = []

    def note(self, topic: str, what: str, action: str) -> None:
        """Add a warning."""
        self.findings.append(Finding("warning", topic, what, action))

    def read(self, reference: str, kind: str) -> bytes | None:
        """Bytes of the file that the scan names, or None (and a finding) where it is missing.

        Args:
            reference: the path as written in the scan, relative to the scan's folder.
            kind: ``texture``, ``material file`` or ``buffer``, for messages.

        Raises InputError for a reference that leads out of the folder: absolute paths, ``..``, links, URLs.
        """
        path = self._locate(reference, kind)
        if path is None:
            self.note(f"missing {kind}", f"{reference!r} is not in {self.root}", "goes on without it")
            return None
        return read_bounded(path)

    def _locate(self, reference: str, kind: str) -> Path | None:
        name = reference.strip().strip('"').replace("\\", "/")
        if not name:
            return None
        if "\0" in name or name.startswith(("/", "~")) or _SCHEME.match(name):
            raise self._refusal(reference, kind, name)
        try:
            path = (self.root / name).resolve()
            if not path.is_relative_to(self.root):
                raise self._refusal(reference, kind, name)
            if path.is_file():
                return path
            return _ignoring_case(path)
        except (OSError, RuntimeError):  # name too long, link loop
            return None

    def _refusal(self, reference: str, kind: str, name: str) -> InputError:
        base = name.rsplit("/", 1)[-1]
        try:
            beside = bool(base) and "\0" not in base and (self.root / base).is_file()
        except OSError:
            beside = False
        mend = (
            f"a file {base!r} lies beside the scan: write just that name into the scan if it is the one meant"
            if beside
            else f"copy the {kind} into the scan's folder and name it without a path"
        )
        return InputError(f"{self.source}: names the {kind} {reference!r}, which leads out of the scan's folder", mend)


def _ignoring_case(path: Path) -> Path | None:
    """A file whose name differs from ``path`` in case only (scans written on Windows), if there is just one."""
    if not path.parent.is_dir():
        return None
    same = [p for p in path.parent.iterdir() if p.name.lower() == path.name.lower() and not p.is_symlink()]
    return same[0] if len(same) == 1 and same[0].is_file() else None


def read_bounded(path: Path) -> bytes:
    """Bytes of a file of at most 4 GiB. Raises InputError where it is larger or can't be read."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: is not a file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path}: {size / 2**30:.1f} GiB is more than intake reads (4 GiB)", "simplify it first")
        return path.read_bytes()
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from e
