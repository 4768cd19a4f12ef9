"""The ledger of a balanced run on disk: one line a planned picture, from which any of them can be planned again."""

from __future__ import annotations

import threading
from pathlib import Path

from assets.atomic import write_atomically
from scenes.balance.order import Entry


class Ledger:
    """Entries by index, kept in memory and, once it has a file, there too.

    Every entry follows from those before it. What a file lacks, or has broken, is only computed again.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self._path: Path | None = None
        self._lock = threading.Lock()

    def load(self, path: Path) -> None:
        """Take in the entries of a file, up to the first that is broken or out of order. A missing file has none."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            return
        for index, line in enumerate(lines):
            try:
                entry = Entry.from_json(line.decode("utf-8"))
            except ValueError:
                return
            if entry.order.index != index:
                return
            self.entries[index] = entry

    def open(self, path: Path) -> None:
        """Write to ``path`` from now on, beginning with what is known. Raises OSError."""
        with self._lock:
            self._path = path
            self._write()

    def add(self, entry: Entry) -> None:
        """Add an entry. Raises OSError where its file can't be written."""
        with self._lock:
            self.entries[entry.order.index] = entry
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(entry.to_json() + "\n")

    def forget_from(self, index: int) -> None:
        """Drop entries that no longer follow from those before them. Raises OSError as :meth:`add` does."""
        with self._lock:
            self.entries = {i: e for i, e in self.entries.items() if i < index}
            self._write()

    def _write(self) -> None:
        if self._path is not None:
            lines = "".join(self.entries[i].to_json() + "\n" for i in sorted(self.entries))
            write_atomically(self._path, lines.encode("utf-8"))
