"""The only door from a scan to the files that it names: nothing outside the scan's own folder is opened, or outside the
one that a person named, where the scan lies below it.

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
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.file_search import FileSearch, plain_name
from scanstage.assets.raw_scans.raw_scan import ScanFinding, Severity
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import (
    MAX_FILE_BYTES,
    MAX_FOLDER_ENTRIES,
    MAX_NAMED_FILES,
    MAX_NOTE,
    MAX_NOTES,
)
from scanstage.assets.raw_scans.scan_file import locate, read_scan_file

_NAMED = 4  # files that a name could mean
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:")


class ScanFolder:
    """Reads files that a scan names, each once, and collects what was noticed on the way (:attr:`findings`).

    Places of files are paths below :attr:`root`, with forward slashes; what a scan names is relative to its own folder.

    Args:
        source: the scan.
        choices: of which ``within`` counts.

    Attributes:
        root: the folder that nothing outside of is opened; without links.
        here: place of the scan's own folder, "." where that is the root.

    Raises InputError where the scan itself is a link out of its folder.
    """

    def __init__(self, source: Path, choices: ReadingChoices = AS_IT_SAYS) -> None:
        self.source = source
        own = locate(source)[0]
        self.root = _root(own, choices.within)
        self.here = PurePosixPath(own.relative_to(self.root).as_posix())
        self._search = FileSearch(self.root, self.here)
        self._files: dict[str, bytes] = {}  # by their place below the root
        self._named: dict[tuple[str, PurePosixPath, bool], str | None] = {}
        self._others: dict[str, tuple[str, ...]] = {}  # files that a name could mean, where there are several
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

        Raises InputError for a reference that leads out of the root (absolute paths, ``..``, links, URLs) where no file
        of that name is in it, what is there but no file that can be read, and scans that name too many files or too
        large ones.
        """
        place = self.find(reference, kind)
        if place is None:
            what = f"{_short(reference)} is not in {self.root}{self._instead(reference)}"
            self.note(f"missing {kind}", what, "goes on without it")
            return None
        return self.read_place(place, kind)

    def read_place(self, place: str, kind: str) -> bytes:
        """Bytes of a file by its place, as :meth:`find` gives it. Raises InputError where it can't be read."""
        if place not in self._files:
            self._files[place] = self._read(place, kind)
        return self._files[place]

    def find(self, reference: str, kind: str, base: PurePosixPath | None = None, search: bool = True) -> str | None:
        """Where below :attr:`root` the file is that the scan names; None: there is none. Raises as :meth:`read`.

        Args:
            reference, kind: as in :meth:`read`.
            base: place of the folder that the reference is relative to; None: the scan's own.
            search: a file that isn't where the scan says, or whose name leads out, is looked for by its name
                (:class:`FileSearch`; buffers, without which there is no shape, just beside the scan), and a finding
                tells which was taken.
        """
        asked = (reference, base or self.here, search)
        if asked not in self._named:
            if len(self._named) >= MAX_NAMED_FILES:
                raise InputError(f"{self.source}: names more than {MAX_NAMED_FILES:,} files")
            self._named[asked] = self._locate(reference, kind, base or self.here, search)
        return self._named[asked]

    def has(self, name: str) -> bool:
        """Whether a regular file of that name, no link, lies in the scan's folder."""
        return self._is_file((self.here / name).as_posix())

    def names(self, place: PurePosixPath) -> list[str]:
        """Names in a folder below :attr:`root`; none where there is no such folder, or it holds very many."""
        folder = (self.root / place).resolve()
        listing = self._listing(folder) if folder.is_relative_to(self.root) else {}
        return [name for names in listing.values() for name in names]

    def _is_file(self, place: str) -> bool:
        try:
            return is_file_below(self.root, place)
        except (OSError, ValueError):
            return False

    def _read(self, place: str, kind: str) -> bytes:
        try:
            data = read_below(self.root, place, MAX_FILE_BYTES - self._bytes)
        except OSError as e:
            what = f"{self.source}: its {kind} {_short(place)} can't be read ({e.strerror or e})"
            raise InputError(what, "put a plain file in its place") from e
        self._bytes += len(data)
        return data

    def _locate(self, reference: str, kind: str, base: PurePosixPath, search: bool) -> str | None:
        name = reference.strip().strip('"').replace("\\", "/")
        if not name:
            return None
        if "\0" in name:
            raise self._refusal(reference, kind)
        try:
            there, inside = self._where_it_says(name, base)
            if there is not None or (inside and (self.root / base / name).is_dir()):
                return there
            found, others = self._by_its_name(name, kind) if search else (None, ())
        except (OSError, RuntimeError):  # name too long, link loop
            return None
        if found is None:
            self._others[reference] = others
            if not inside:
                raise self._refusal(reference, kind)
            return None
        where = "is not where it says" if inside else f"leads out of {self._meant()}"
        what = f"the {kind} {_short(reference)} {where}; {found} has its name"
        self.note(f"moved {kind}", what, "takes that")
        return found

    def _where_it_says(self, name: str, base: PurePosixPath) -> tuple[str | None, bool]:
        """The place of the file that a path names, if it is there, and whether the path stays in the root at all."""
        if name.startswith("/"):  # of a scan that was made here, which may have left its absolute paths in it
            normal = Path(os.path.normpath(name))
            if not normal.is_relative_to(self.root):
                return None, False
            name = os.path.relpath(normal, self.root / base).replace(os.sep, "/")
        elif leads_elsewhere(name):
            return None, False
        path = (self.root / base / name).resolve()
        if not path.is_relative_to(self.root):
            return None, False
        if os.path.lexists(path):
            return None if path.is_dir() else path.relative_to(self.root).as_posix(), True
        return self._ignoring_case(path), True

    def _by_its_name(self, name: str, kind: str) -> tuple[str | None, tuple[str, ...]]:
        if kind == "buffer":
            return self._search.beside(name), ()
        return self._search.find(name)

    def _ignoring_case(self, path: Path) -> str | None:
        """A file whose name differs from ``path`` only in case, or in how umlauts are written, if there is just one."""
        same = self._listing(path.parent).get(plain_name(path.name), [])
        place = (path.parent / same[0]).relative_to(self.root).as_posix() if len(same) == 1 else ""
        return place if place and self._is_file(place) else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Names of a folder by their :func:`plain_name`; none of one with very many. Each folder is listed once."""
        if folder not in self._listings:
            names: dict[str, list[str]] = {}
            try:
                with os.scandir(folder) as entries:
                    for number, entry in enumerate(entries):
                        if number >= MAX_FOLDER_ENTRIES:
                            names = {}
                            break
                        names.setdefault(plain_name(entry.name), []).append(entry.name)
            except OSError as e:
                if e.errno not in NO_FILE:
                    raise
            self._listings[folder] = names
        return self._listings[folder]

    def _instead(self, reference: str) -> str:
        others = self._others.get(reference, ())
        return f"; {listed(others, most=_NAMED)} {'has' if len(others) == 1 else 'have'} its name" if others else ""

    def _refusal(self, reference: str, kind: str) -> InputError:
        what = f"names the {kind} {_short(reference)}, which leads out of {self._meant()}{self._instead(reference)}"
        hint = f"copy the {kind} beside the scan, or name the folder that holds both in place of the scan"
        return InputError(f"{self.source}: {what}", hint)

    def _meant(self) -> str:
        return "the scan's folder" if self.here == PurePosixPath() else f"the folder {self.root}"


def _root(own: Path, within: Path | None) -> Path:
    """The folder that a scan's files may come from: the one that a person named where the scan's own is in it."""
    try:
        named = own if within is None else within.resolve()
    except (OSError, RuntimeError):  # a loop of links, before Python 3.13
        return own
    return named if own.is_relative_to(named) else own


def leads_elsewhere(name: str) -> bool:
    """Whether a path with forward slashes is absolute, on this system or another, or a URL."""
    return name.startswith(("/", "~")) or bool(_SCHEME.match(name))


def _short(name: str) -> str:
    return repr(name if len(name) <= MAX_NOTE else f"{name[:MAX_NOTE]}…")


def read_bounded(path: Path) -> bytes:
    """Bytes of a scan's own file of at most 4 GiB. Raises InputError as :func:`scan_file.read_scan_file`."""
    return read_scan_file(path, MAX_FILE_BYTES)
