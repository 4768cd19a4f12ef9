"""``scanstage drift``: new photos against a fit's snapshot of older ones, or against these themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.analysis.picture_measures import MEASURED_EDGE_PX
from scanstage.dataset.likeness.compared_pictures import renamed, see, usual_edge_px
from scanstage.dataset.likeness.drift import Drift, find_drift
from scanstage.dataset.likeness.photo_snapshot import FILE_NAME, Snapshot, is_snapshot, read_snapshot
from scanstage.dataset.likeness.picture_features import PlainExtractor
from scanstage.render.bookkeeping.progress import MEASURING, OnProgress, Progress, counted, ignore_progress
from scanstage.render.commands.look.compare_sets import open_named


@dataclass(frozen=True)
class DriftOptions:
    """How photos are tested.

    Attributes:
        photos: folder of the new photos; None looks for them.
        reference_photos: the same of the older ones, where these are a COCO file.
        names: classes of the new photos that are called otherwise in the older ones.
    """

    photos: Path | None = None
    reference_photos: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)


def check_drift(reference: Path, new: Path, options: DriftOptions, on_progress: OnProgress = ignore_progress) -> Drift:
    """Test new photos.

    Args:
        reference: a snapshot, a folder with one (a fit's), or a COCO file of the older photos.
        new: a COCO file of the new ones.
        options: how.
        on_progress: told of photos that are read.

    Raises InputError where either isn't that, and for photos that can't be read.
    """
    opened = open_named(new, options.photos, "photos")
    opened = replace(opened, table=renamed(opened.table, options.names))
    older = _snapshot(reference, options.reference_photos, on_progress)
    seen = see(opened, [PlainExtractor()], older.seen.edge_px, counted(on_progress, MEASURING))
    total = len(seen.table.pictures)
    on_progress(Progress("comparing", total, done=total))
    return find_drift(older, seen, older.date or None)


def _snapshot(place: Path, photos: Path | None, on_progress: OnProgress) -> Snapshot:
    path = place / FILE_NAME if place.is_dir() else place
    if place.is_dir() and not path.is_file():
        raise InputError(
            f"{place}: holds no {FILE_NAME}",
            "name the folder that `scanstage fit` wrote, its snapshot, or a COCO file of the older photos",
        )
    if path.is_file() and is_snapshot(path):
        if photos is not None:
            raise InputError(f"{option('reference_photos')} {photos}: {path} is a snapshot, which needs no photos")
        return read_snapshot(path)
    opened = open_named(path, photos, "reference_photos")
    edge = min(MEASURED_EDGE_PX, usual_edge_px(opened.table))
    return Snapshot("", see(opened, [PlainExtractor()], edge, counted(on_progress, MEASURING)))
