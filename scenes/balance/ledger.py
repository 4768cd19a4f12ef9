"""The ledger of a balanced run on disk: one line a planned picture, from which any of them can be planned again."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import open_outside
from scanstage.assets.files.stores import Location, read_file
from scanstage.scenes.picture_order import Entry

FEWEST_NEW = 32
SHARE_NEW = 8
LEDGER_BYTES = 1 << 31
"""Of a ledger: of a million pictures and more."""
LINE_BYTES = 1 << 20


def ledger_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines of a ledger, one in memory at a time. The last one is cut off where it is longer than a line can be."""
    while line := file.readline(LINE_BYTES):
        yield line
        if not line.endswith(b"\n"):
            return


class Ledger:
    """Entries by index, kept in memory and, once it has a file, there too; ``loaded`` is the one they were taken from.

    Every entry follows from those before it. What a file lacks, or has broken, is only computed again. So on a store,
    where nothing can be appended, the whole is written where an eighth of it is new (and at the end, by :meth:`open`):
    all in all about eight times its size.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.loaded: Location | None = None
        self._path: Location | None = None
        self._unwritten = 0
        self._lock = threading.Lock()

    def load(self, path: Location) -> None:
        """Take in the entries of a file, up to the first that is broken or out of order. A missing file has none.

        Raises OSError where a store can't be reached.
        """
        self.loaded = path
        try:
            if isinstance(path, Path):
                with open_outside(path, LEDGER_BYTES) as file:
                    self._take(ledger_lines(file))
            else:
                self._take(ledger_lines(io.BytesIO(read_file(path, LEDGER_BYTES))))
        except FileNotFoundError:
            return
        except OSError:
            if isinstance(path, Path):
                return
            raise

    def _take(self, lines: Iterable[bytes]) -> None:
        for index, line in enumerate(lines):
            try:
                entry = Entry.from_json(line)
            except ValueError:
                return
            if entry.order.index != index:
                return
            self.entries[index] = entry

    def open(self, path: Location) -> None:
        """Write to ``path`` from now on, beginning with what is known. Raises OSError."""
        with self._lock:
            self._path = path
            self._write()

    def add(self, entry: Entry) -> None:
        """Add an entry. Raises OSError where its file can't be written."""
        with self._lock:
            self.entries[entry.order.index] = entry
            if isinstance(self._path, Path):
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(entry.to_json() + "\n")
                return
            self._unwritten += 1
            if self._unwritten >= max(FEWEST_NEW, len(self.entries) // SHARE_NEW):
                self._write()

    def forget_from(self, index: int) -> None:
        """Drop entries that no longer follow from those before them. Raises OSError as :meth:`add` does."""
        with self._lock:
            self.entries = {i: e for i, e in self.entries.items() if i < index}
            self._write()

    def _write(self) -> None:
        if self._path is not None:
            lines = "".join(self.entries[i].to_json() + "\n" for i in sorted(self.entries))
            write_atomically(self._path, lines.encode("utf-8"))
            self._unwritten = 0
