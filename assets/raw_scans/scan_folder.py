"""The only door from a scan to the files that it names: nothing outside the scan's own folder is opened.

A scan is untrusted. An MTL, a glTF or a PLY may name any path; following it would put files of this machine into a
library that is then shared. It may also name the same large file in a thousand ways, or a pipe that is never written.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path, PurePosixPath

from scanstage.assets.files.outside_files import NO_FILE, is_file_below, read_below
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanFinding, Severity
from scanstage.assets.raw_scans.scan_bounds import (
    MAX_FILE_BYTES,
    MAX_FOLDER_ENTRIES,
    MAX_NAMED_FILES,
    MAX_NOTE,
    MAX_NOTES,
)
from scanstage.assets.raw_scans.scan_file import locate, read_scan_file

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:")


class ScanFolder:
    """Reads files that a scan names, each once, and collects what was noticed on the way (:attr:`findings`).

    Raises InputError where the scan itself is a link out of its folder.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.root = locate(source)[0]
        self._files: dict[str, bytes] = {}  # by their place below the root
        self._named: dict[str, str | None] = {}
        self._bytes = 0
        self._listings: dict[Path, dict[str, list[str]]] = {}
        self._findings: dict[ScanFinding, None] = {}  # in order, each once
        self._topics: Counter[str] = Counter()

    @property
    def findings(self) -> tuple[ScanFinding, ...]:
        """What was noticed; of many of one topic the first, and how many more there are."""
        more = ((topic, n - MAX_NOTES) for topic, n in self._topics.items() if n > MAX_NOTES)
        return (*self._findings, *(ScanFinding("warning", t, f"{n:,} more like these", "the same") for t, n in more))

    def note(self, topic: str, what: str, action: str, severity: Severity = "warning") -> None:
        """Add a finding."""
        finding = ScanFinding(severity, topic, what if len(what) <= MAX_NOTE else f"{what[:MAX_NOTE]}…", action)
        if finding not in self._findings:
            self._topics[topic] += 1
            if self._topics[topic] <= MAX_NOTES:
                self._findings[finding] = None

    def read(self, reference: str, kind: str) -> bytes | None:
        """Bytes of the file that the scan names, or None (and a finding) where it is missing.

        Args:
            reference: the path as written in the scan, relative to the scan's folder.
            kind: ``texture``, ``material file`` or ``buffer``, for messages.

        Raises InputError for a reference that leads out of the folder (absolute paths, ``..``, links, URLs), what is
        there but no file that can be read, and scans that name too many files or too large ones.
        """
        place = self.find(reference, kind)
        if place is None:
            self.note(f"missing {kind}", f"{_short(reference)} is not in {self.root}", "goes on without it")
            return None
        if place not in self._files:
            self._files[place] = self._read(place, kind)
        return self._files[place]

    def find(self, reference: str, kind: str) -> str | None:
        """Where below :attr:`root` the file is that the scan names; None: there is none. Raises as :meth:`read`."""
        if reference not in self._named:
            if len(self._named) >= MAX_NAMED_FILES:
                raise InputError(f"{self.source}: names more than {MAX_NAMED_FILES:,} files")
            self._named[reference] = self._locate(reference, kind)
        return self._named[reference]

    def has(self, name: str) -> bool:
        """Whether a regular file of that name, no link, lies in the scan's folder."""
        try:
            return is_file_below(self.root, name)
        except (OSError, ValueError):
            return False

    def names(self, place: PurePosixPath) -> list[str]:
        """Names in a folder below :attr:`root`; none where there is no such folder, or it holds very many."""
        folder = (self.root / place).resolve()
        listing = self._listing(folder) if folder.is_relative_to(self.root) else {}
        return [name for names in listing.values() for name in names]

    def _read(self, place: str, kind: str) -> bytes:
        try:
            data = read_below(self.root, place, MAX_FILE_BYTES - self._bytes)
        except OSError as e:
            what = f"{self.source}: its {kind} {_short(place)} can't be read ({e.strerror or e})"
            raise InputError(what, "put a plain file in its place") from e
        self._bytes += len(data)
        return data

    def _locate(self, reference: str, kind: str) -> str | None:
        name = reference.strip().strip('"').replace("\\", "/")
        if not name:
            return None
        if "\0" in name or name.startswith(("/", "~")) or _SCHEME.match(name):
            raise self._refusal(reference, kind, name)
        try:
            path = (self.root / name).resolve()
            if not path.is_relative_to(self.root):
                raise self._refusal(reference, kind, name)
            if os.path.lexists(path):
                return None if path.is_dir() else path.relative_to(self.root).as_posix()
            return self._ignoring_case(path)
        except (OSError, RuntimeError):  # name too long, link loop
            return None

    def _ignoring_case(self, path: Path) -> str | None:
        """A file whose name differs from ``path`` in case only (scans written on Windows), if there is just one."""
        same = self._listing(path.parent).get(path.name.lower(), [])
        place = (path.parent / same[0]).relative_to(self.root).as_posix() if len(same) == 1 else ""
        return place if place and self.has(place) else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Names of a folder by their lower case; none of one with very many. Each folder is listed once."""
        if folder not in self._listings:
            names: dict[str, list[str]] = {}
            try:
                with os.scandir(folder) as entries:
                    for number, entry in enumerate(entries):
                        if number >= MAX_FOLDER_ENTRIES:
                            names = {}
                            break
                        names.setdefault(entry.name.lower(), []).append(entry.name)
            except OSError as e:
                if e.errno not in NO_FILE:
                    raise
            self._listings[folder] = names
        return self._listings[folder]

    def _refusal(self, reference: str, kind: str, name: str) -> InputError:
        base = name.rsplit("/", 1)[-1]
        hint = (
            f"a file {base!r} lies beside the scan: write just that name into the scan if it is the one meant"
            if base and self.has(base)
            else f"copy the {kind} into the scan's folder and name it without a path"
        )
        what = f"names the {kind} {_short(reference)}, which leads out of the scan's folder"
        return InputError(f"{self.source}: {what}", hint)


def _short(name: str) -> str:
    return repr(name if len(name) <= MAX_NOTE else f"{name[:MAX_NOTE]}…")


def read_bounded(path: Path) -> bytes:
    """Bytes of a scan's own file of at most 4 GiB. Raises InputError as :func:`scan_file.read_scan_file`."""
    return read_scan_file(path, MAX_FILE_BYTES)
