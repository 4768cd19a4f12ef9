"""The report of a folder that a run writes to: looked at again and again, each picture read once."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import PictureLabels, PictureRow, make_table
from scanstage.dataset.analysis.recorded_table import lost_objects, picture_labels, readable
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.picture_files import read_image, read_map
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import iterate_records, recorded_indices
from scanstage.dataset.report_page.build_report import report_parts
from scanstage.dataset.report_page.page import render_page
from scanstage.dataset.report_page.picture_detail import Json, picture_detail, skeletons_by_class
from scanstage.dataset.report_page.report_facts import report_facts
from scanstage.dataset.report_page.shown_pictures import (
    UNREADABLE,
    ReadPicture,
    choose_pictures,
    decoded_map,
    read_picture,
    webp,
)

logger = logging.getLogger(__name__)

MAP_EDGE_PX, MAP_QUALITY = 1280, 80
RUN = -1
"""Key of ``run.json`` among the stamps of records."""


@dataclass(frozen=True)
class _Known:
    """What is kept of a picture.

    Attributes:
        row, labels: for the table.
        lost: class and rule of each object without a label.
        sha256: of the picture: one that was made anew is read anew.
    """

    row: PictureRow
    labels: PictureLabels
    lost: tuple[tuple[str, str], ...]
    sha256: str


@dataclass
class LiveReport:
    """A page that is made anew when the folder has changed. Several threads may ask.

    Attributes:
        folder: of the dataset.
        named: the folder, as the command names it.
        most: pictures that are shown at most.
    """

    folder: DatasetFolder
    named: str
    most: int = 1000
    _known: dict[int, _Known] = field(default_factory=dict)
    _read: dict[int, ReadPicture] = field(default_factory=dict)
    _stamps: dict[int, int] = field(default_factory=dict)
    _page: bytes = b""
    _state: int = 0
    _stale: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> str:
        """A text that changes when the page does. Looks at the folder. Raises InputError, OSError."""
        with self._lock:
            self._stale = self._look() or self._stale
            if self._stale:
                self._page = self._make(self._state + 1)
                self._state, self._stale = self._state + 1, False  # only once it could be made
            return str(self._state)

    def page(self) -> bytes:
        """The page of the last :meth:`state`. Raises InputError, OSError."""
        if not self._page:
            self.state()
        return self._page

    def detail(self, index: int) -> Json | None:
        """See :func:`picture_detail.picture_detail`; None where there is no such picture."""
        record = self._record(index)
        skeletons = skeletons_by_class(open_dataset(self.folder.root).categories)
        try:
            return None if record is None else picture_detail(record, skeletons)
        except UNREADABLE:
            return None

    def image(self, index: int) -> tuple[str, bytes] | None:
        """Media type and content of a picture's own file; None where there is none that was recorded."""
        return self._file(index, lambda r: (_media_type(r.image.file_name), read_image(self.folder, r)))

    def map(self, index: int, name: str) -> tuple[str, bytes] | None:
        """The same of ``depth`` or ``normals``, as colours to look at."""

        def shown(record: Record) -> tuple[str, bytes]:
            colors = decoded_map(record, name, lambda kind: read_map(self.folder, record, kind))
            if colors is None:
                raise ValueError(f"picture {index} has no {name}")
            return "image/webp", webp(colors, MAP_EDGE_PX, MAP_QUALITY)

        return self._file(index, shown)

    def _file(self, index: int, read: Callable[[Record], tuple[str, bytes]]) -> tuple[str, bytes] | None:
        record = self._record(index)
        try:
            return None if record is None else read(record)
        except UNREADABLE:
            return None

    def _record(self, index: int) -> Record | None:
        return next(iterate_records(self.folder, [index]), None)

    def _look(self) -> bool:
        """Read what is new; whether anything is, or is gone."""
        stamps = {RUN: _stamp(self.folder.run_file)}
        for index in recorded_indices(self.folder):
            stamps[index] = _stamp(self.folder.record(index))
        if stamps == self._stamps:
            return False
        changed = [i for i, stamp in stamps.items() if i != RUN and self._stamps.get(i) != stamp]
        for gone in self._stamps.keys() - stamps.keys():
            self._known.pop(gone, None)
            self._read.pop(gone, None)
        for record in iterate_records(self.folder, changed):
            before = self._known.get(record.index)
            if before is not None and before.sha256 != record.image.sha256:
                self._read.pop(record.index, None)
            try:
                self._known[record.index] = _known(record)
            except InputError as e:
                logger.warning("%s", e)  # `scanstage report` refuses it; here the others are shown
        self._stamps = stamps
        return True

    def _make(self, state: int) -> bytes:
        dataset = open_dataset(self.folder.root)
        lost: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for known in self._known.values():
            for name, rule in known.lost:
                lost[name][rule] += 1
        classes = [c.name for c in dataset.categories]
        pairs = ((known.row, known.labels) for known in self._known.values())
        table = make_table(dataset.name, classes, pairs, lost)
        shown, chosen = choose_pictures(table, self.most)
        for record in iterate_records(self.folder, [i for i in shown if i not in self._read]):
            # Details and maps are given one by one when they are asked for.
            self._read[record.index] = read_picture(self.folder, record, with_detail=False)
        read = [self._read[i] for i in shown if i in self._read]
        table = table.with_numbers({p.index: p.numbers for p in read})
        facts = report_facts(report_parts(dataset, self.named, table, read, chosen))
        maps = [name for name in ("depth", "normals") if name in dataset.run.maps]
        return render_page(facts | {"images": None, "maps": maps, "state": str(state)}, None)


def _stamp(file: Location) -> int:
    try:
        return Path(str(file)).stat().st_mtime_ns
    except OSError:  # taken away meanwhile
        return 0


def _known(record: Record) -> _Known:
    labels = picture_labels(record.instances)
    return _Known(readable(record), labels, tuple(lost_objects(record)), record.image.sha256)


def _media_type(name: str) -> str:
    return "image/png" if name.endswith(".png") else "image/jpeg"
