"""The photos of a fit: read, named as the config names things, and parted into those that are fitted and the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import did_you_mean, listed
from scanstage.dataset.analysis.dataset_table import DatasetTable, Ints
from scanstage.dataset.fitting.photo_groups import photo_groups, split_groups
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.likeness.compared_pictures import of_classes, picked
from scanstage.dataset.likeness.photo_snapshot import Snapshot, make_snapshot
from scanstage.render.bookkeeping.progress import MEASURING, OnProgress, counted

FEWEST = 10
"""Photos with labels, and groups of them, that can be fitted to."""
FEW = 50
LEAST_HELD = 5
"""So few photos that are kept out say nothing."""
_MORE = "label some more: a hundred are an afternoon's work, and three hundred tell nearly all that labels can"


@dataclass(frozen=True)
class FitPhotos:
    """Photos by the classes of a config.

    Attributes:
        name: of the set.
        fitted, held: their labels: of the photos that are fitted, and of those that are kept out. Photos without a
            label are left out of both.
        groups: (n,) which of the fitted photos belong together.
        negatives: share of the photos without a label, of those that are fitted.
        resolution_wh: the most common size.
        snapshot: of all of them.
        folder: that they lie in.
        files: where they lie.
        notes: what a person should know of them, a sentence each.
    """

    name: str
    fitted: DatasetTable
    held: DatasetTable
    groups: Ints
    negatives: float
    resolution_wh: tuple[int, int]
    snapshot: Snapshot
    folder: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def open_photos(real: Path, folder: Path | None) -> PhotoSet:
    """The annotation file, before anything that takes a while. Raises InputError where it is none, or not of photos."""
    if real.is_dir():
        there = sorted([*real.glob("*.json"), *real.glob("annotations/*.json")])[:1]
        example = there[0] if there else real / "annotations" / "instances.json"
        raise InputError(f"{real}: is a folder", f"name the COCO file itself, for example {example}")
    photos = PhotoSet.open(real, folder)
    if photos.is_synthetic:
        raise InputError(
            f"{real}: holds pictures that scanstage made: what is fitted to them drifts away from what is real",
            f"name photos; how alike synthetic pictures are, `scanstage compare {real} DATASET` says",
        )
    if len(photos) < FEWEST:
        raise InputError(f"{real}: has {len(photos)} photos: fewer than {FEWEST} say too little", _MORE)
    return photos


def read_photos(
    real: Path,
    photos: PhotoSet,
    classes: Sequence[str],
    names: Mapping[str, str],
    holdout: float,
    date: str,
    on_progress: OnProgress,
) -> FitPhotos:
    """Read photos and their labels.

    Args:
        real: COCO file.
        photos: that it is of, see :func:`open_photos`.
        classes: of the config.
        names: class in the file: class of the config.
        holdout: share to be kept out.
        date: of the snapshot, ISO 8601.
        on_progress: told of photos that are read.

    Raises InputError where there are too few, or none shows what the config places.
    """
    _check_map(real, names, [c.name for c in photos.categories], classes)
    snapshot = make_snapshot(photos, names, date, counted(on_progress, MEASURING))
    whole = snapshot.seen.table
    foreign = [c for c in whole.classes if c not in classes]
    if len(foreign) == len(whole.classes) or not any(c in classes for c in whole.classes):
        raise InputError(
            f"{real}: none of its classes ({listed(whole.classes)}) is one of the config's ({listed(classes)})",
            "say which is which: `fit: {map: {class in the photos: class of the config}}`",
        )
    table = of_classes(whole, classes)
    counts = table.counts.sum(axis=1)
    groups = photo_groups(
        whole, {p.index: h for p, h in zip(whole.pictures, snapshot.seen.hashes, strict=True) if h is not None}
    )
    labelled = int((counts > 0).sum())
    if labelled < FEWEST:
        raise InputError(
            f"{real}: {labelled} photos have labels of the config's classes: fewer than {FEWEST} say too little",
            _MORE,
        )
    is_held = split_groups(groups, holdout) if holdout else np.zeros(len(groups), bool)
    foreign = [c for c in foreign if whole.counts[:, whole.classes.index(c)].any()]
    notes = [*_unread(snapshot), *_notes(photos, table, foreign, groups, labelled)]
    if holdout and (is_held & (counts > 0)).sum() < LEAST_HELD:
        is_held[:] = False
        notes.append("None are kept out, too few belong to groups of their own: how well the fit does is not tested.")
    fitted = np.flatnonzero(~is_held & (counts > 0))
    return FitPhotos(
        photos.name,
        picked(table, fitted),
        picked(table, np.flatnonzero(is_held & (counts > 0))),
        groups[fitted],
        float((counts[~is_held] == 0).mean()),
        Counter(p.resolution_wh for p in table.pictures).most_common(1)[0][0],
        snapshot,
        photos.folder,
        tuple(photos.folder / p.file_name for p in table.pictures),
        tuple(notes),
    )


def _check_map(real: Path, names: Mapping[str, str], there: Sequence[str], classes: Sequence[str]) -> None:
    for what, wanted, known in (
        (f"{real}", names.keys(), there),
        ("the config", names.values(), classes),
    ):
        unknown = [f"fit.map: {n}: {what} has no such class{did_you_mean(n, known)}" for n in wanted if n not in known]
        if unknown:
            raise InputError(unknown, f"its classes: {listed(known)}")


def _notes(photos: PhotoSet, table: DatasetTable, foreign: Sequence[str], groups: Ints, labelled: int) -> list[str]:
    notes = list(photos_lost(photos))
    if foreign:
        notes.append(f"Labels of {listed(foreign)} are left out: the config has no such class.")
    if labelled < FEW:
        notes.append(
            f"{labelled} photos with labels are few: intervals are wide, and kinds of pictures aren't told apart."
        )
    own = len(np.unique(groups))
    if own < 0.8 * len(groups):
        notes.append(
            f"The {len(groups)} photos are of {own} scenes only (nearly the same picture, or the same labels): they "
            f"say as much as {own} photos would."
        )
    shapes = Counter(round(np.log(p.resolution_wh[0] / p.resolution_wh[1]), 2) for p in table.pictures)
    if len(shapes) > 1 and shapes.most_common(1)[0][1] < 0.9 * len(table.pictures):
        notes.append("Photos have several shapes, upright and lying, or cut: pictures get the most common one.")
    return notes


def _unread(snapshot: Snapshot) -> list[str]:
    """Photos that are not among those that are looked at."""
    seen, notes = snapshot.seen, []
    if gone := seen.unread:
        notes.append(f"{len(gone)} photos can't be read and are left out: {listed(gone, most=3)}.")
    if (read := len(seen.table.pictures) + len(gone)) < seen.total:
        notes.append(f"Of {seen.total:,} photos {read:,} are looked at, evenly chosen: they tell all that more would.")
    return notes


def photos_lost(photos: PhotoSet) -> list[str]:
    """What was left out of the annotation file, in words."""
    return [f"{number} labels are left out: {reason}." for reason, number in photos.lost.items()]
