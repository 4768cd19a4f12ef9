"""``scanstage compare``: real and synthetic pictures, opened, measured and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean
from scanstage.dataset.analysis.picture_measures import MEASURED_EDGE_PX
from scanstage.dataset.likeness.compared_pictures import (
    PictureSet,
    SeenPictures,
    labels_of,
    open_pictures,
    renamed,
    see,
    usual_edge_px,
)
from scanstage.dataset.likeness.four_properties import Likeness, compare_pictures, shared_classes
from scanstage.dataset.likeness.mobilenet_features import MobilenetExtractor, has_mobilenet
from scanstage.dataset.likeness.picture_features import Extractor, PlainExtractor
from scanstage.render.bookkeeping.progress import MEASURING, OnProgress, Progress, counted, ignore_progress

FEATURES = ("auto", "plain", "mobilenet")


@dataclass(frozen=True)
class CompareOptions:
    """How sets are compared.

    Attributes:
        photos: folder of the photos of the real COCO file; None looks for them.
        synth_photos: the same of the synthetic one.
        names: classes of the real set that are called otherwise in the synthetic one.
        features: ``plain``, ``mobilenet``, or ``auto``: the latter where it is installed.
        labels_only: open no picture.
    """

    photos: Path | None = None
    synth_photos: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    features: str = "auto"
    labels_only: bool = False


def compare_sets(
    real: Location, synthetic: Location, options: CompareOptions, on_progress: OnProgress = ignore_progress
) -> Likeness:
    """Compare two sets, each a COCO file or a dataset's folder.

    Raises InputError where either is none, has too few pictures, or no class in common with the other.
    """
    extractor = None if options.labels_only else extractor_of(options.features)
    opened = []
    for place, photos, name in (
        (real, options.photos, "photos"),
        (synthetic, options.synth_photos, "synth_photos"),
    ):
        opened.append(open_named(place, photos, name, options.labels_only))
    sets = [replace(opened[0], table=renamed(opened[0].table, options.names)), opened[1]]
    shared_classes(sets[0].table, sets[1].table)  # told before pictures are opened, which takes a while
    if extractor is None:
        return compare_pictures(labels_of(sets[0]), labels_of(sets[1]))
    edge = min(MEASURED_EDGE_PX, *(usual_edge_px(s.table) for s in sets))
    seen = [see_counted(sets, k, [extractor], edge, on_progress) for k in (0, 1)]
    total = sum(len(s.table.pictures) for s in sets)
    on_progress(Progress("comparing", total, done=total))
    return compare_pictures(seen[0], seen[1], (extractor.name, extractor.digest))


def see_counted(
    sets: Sequence[PictureSet], number: int, extractors: Sequence[Extractor], edge: int, on: OnProgress
) -> SeenPictures:
    """See :func:`compared_pictures.see`; counts on through all sets."""
    total = sum(len(s.table.pictures) for s in sets)
    before = sum(len(s.table.pictures) for s in sets[:number])
    or_else = f"; {option('labels_only')} opens none"
    return see(sets[number], extractors, edge, counted(on, MEASURING, total, before), or_else)


def open_named(place: Location, photos: Path | None, name: str, labels_only: bool = False) -> PictureSet:
    """What is at a place. Raises InputError, also for a folder of photos that nobody needs."""
    if isinstance(place, Path) and not place.exists():
        raise InputError(
            f"{place}: there is no such file or folder",
            "name a COCO file of photos, or the folder that `scanstage generate` wrote",
        )
    if photos is not None and not (isinstance(place, Path) and place.is_file()):
        raise InputError(f"{option(name)} {photos}: {place} isn't a COCO file", "a dataset knows its own pictures")
    return open_pictures(place, photos, labels_only)


def extractor_of(name: str) -> Extractor:
    """The extractor that ``--features`` names. Raises InputError where there is none, or it isn't installed."""
    if name not in FEATURES:
        raise InputError(
            f"{option('features')} {name}: there is no such extractor{did_you_mean(name, FEATURES)}",
            f"one of {', '.join(FEATURES)}",
        )
    if name == "mobilenet" or (name == "auto" and has_mobilenet()):
        return MobilenetExtractor()
    return PlainExtractor()


def parse_names(given: Sequence[str]) -> dict[str, str]:
    """Of texts ``real_class=class``. Raises InputError, naming all that is wrong."""
    names: dict[str, str] = {}
    problems = []
    for text in given:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            problems.append(f"{option('map')} {text}: isn't REAL_CLASS=CLASS")
        elif names.setdefault(old, new) != new:
            problems.append(f"{option('map')} {text}: {old} is {names[old]} already")
    if problems:
        raise InputError(problems, f"for example {option('map')} coke_can=can")
    return names
