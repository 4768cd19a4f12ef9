"""``balance.json`` and its chart: written at a run's end, from its ledger."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from PIL import Image

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.records.dataset_folder import BALANCE_CHART, DatasetFolder
from scanstage.dataset.records.record_store import recorded_indices
from scanstage.dataset.report.overview_files import put_sheet
from scanstage.scenes.picture_order import Entry


def finished_entries(folder: DatasetFolder, entries: Iterable[Entry]) -> list[Entry]:
    """Entries whose picture is there, and those that could not be planned: what a picture would show doesn't count."""
    there = set(recorded_indices(folder))
    return [e for e in entries if e.attempt is None or e.order.index in there]


def write_balance(folder: DatasetFolder, figures: Mapping[str, Any]) -> None:
    """Write both files.

    Args:
        folder: of the dataset.
        figures: see :func:`balance_report.balance_figures`.

    Raises OSError where they can't be written.
    """
    write_atomically(folder.balance, (json.dumps(figures, indent=1) + "\n").encode("utf-8"))
    png = io.BytesIO()
    with _quiet_matplotlib():
        from scanstage.dataset.report.balance_chart import draw_balance  # half a second, at the end of a run alone

        Image.fromarray(draw_balance(figures)).save(png, "PNG", optimize=True)
    put_sheet(folder, BALANCE_CHART, png.getvalue())


@contextmanager
def _quiet_matplotlib() -> Iterator[None]:
    """Without matplotlib's words on its own cache of fonts, which it makes anew where the user has no home folder."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
