"""``scanstage survey make``: pictures of datasets, real photos and corrupt pictures, under names that tell nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.analysis.picture_measures import picture_measures
from scanstage.dataset.likeness.picture_features import PlainExtractor
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.picture_files import NotRecorded, read_image
from scanstage.dataset.records.record import Record
from scanstage.dataset.survey.golds.broken_pictures import BREAKINGS
from scanstage.dataset.survey.golds.photo_golds import like_ours, too_few_photos
from scanstage.dataset.survey.survey_file import PICTURES, ItemKind, Survey, SurveyItem, item_id, write_survey
from scanstage.render.bookkeeping.progress import OnProgress, Progress, ignore_progress
from scanstage.render.commands.ask_people.broken_renders import BrokenRender, render_broken, shows_what_floats
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.finish.finish_picture import encode_image
from scanstage.scenes.balance.factors import picture_factors
from scanstage.scenes.config.load import load_config, with_overrides
from scanstage.scenes.config.sections.survey_settings import SurveySettings
from scanstage.scenes.inputs.image_files import list_images
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.values.seeding import Streams

logger = logging.getLogger(__name__)
Pixels = npt.NDArray[np.uint8]

MOVED = ("floating", "interpenetrating")
RENDERED = (*MOVED, "one sample")
PAINTED = ("wrong light", "broken texture", "pasted mask")
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")
LARGEST_SHARE = 0.01
"""Of a picture, that an object takes at least in one that is broken."""
BROKEN_OBJECTS = 3
NEAREST = 3
TO_REAL = "distance_to_real"
"""Measure of pictures: mean distance of their features to the nearest real photos, in standard deviations of these."""


@dataclass(frozen=True)
class SurveyOptions:
    """How a survey is made.

    Attributes:
        config: YAML whose section ``survey`` counts; None takes that of the first dataset's own config.
        overrides: of it, ``survey.…=value`` each.
        seed: what is chosen follows from it.
        render: whether corrupt pictures are rendered, too, and not only painted.
        library: where the scans are now, if not where they were.
    """

    config: Path | None = None
    overrides: Sequence[str] = ()
    seed: int = 0
    render: bool = True
    library: Path | None = None


@dataclass(frozen=True)
class MadeSurvey:
    """What was made.

    Attributes:
        folder: of the survey.
        survey: its content.
        paired: plans that all datasets are asked about.
    """

    folder: Path
    survey: Survey
    paired: int


@dataclass
class _Draft:
    """A survey that is being made.

    Attributes:
        folder: that pictures are written to.
        seed: of it.
        secret: what no rater knows: or names of golds could be worked out by whoever reads this code.
        items: so far.
        features: of pictures, by item.
    """

    folder: Path
    seed: int
    secret: str
    items: list[SurveyItem] = field(default_factory=list)
    features: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def add(self, data: bytes, suffix: str, kind: ItemKind, key: str, **more: Any) -> SurveyItem:
        """Put a picture down."""
        name = item_id(self.seed, f"{self.secret}/{kind}/{key}")
        write_atomically(self.folder / PICTURES / f"{name}.{suffix}", data)
        item = SurveyItem(name, f"{name}.{suffix}", kind, **more)
        self.items.append(item)
        return item


@dataclass(frozen=True)
class _Source:
    """A dataset that is asked about, its records by plan, and those that were chosen."""

    name: str
    dataset: FinishedDataset
    records: Mapping[str, Record]
    chosen: tuple[str, ...] = ()


def make_survey(
    datasets: Sequence[Path],
    real: Path,
    out: Path,
    options: SurveyOptions = SurveyOptions(),
    engines: EngineFactory | None = None,
    on_progress: OnProgress = ignore_progress,
) -> MadeSurvey:
    """Make a survey.

    Args:
        datasets: folders, the oldest first: each is held against the one before.
        real: photo, or folder of photos.
        out: folder of the survey, which isn't there yet, or is empty.
        options: how.
        engines: that render corrupt pictures; None is Blender.
        on_progress: told how far it has come.

    Raises:
        InputError: a dataset, the photos, the config or the folder can't be used.
        EngineCrashed, EngineError: Blender failed.
        OSError: the folder can't be written.
    """
    out = out.resolve()
    _refuse_filled(out)
    sources = _open(datasets)
    settings = _settings(sources[0].dataset, options)
    photos = list_images(real, PHOTO_SUFFIXES)
    sources, paired = _choose(sources, settings, options.seed)
    staged = out.with_name(f".{out.name}.{uuid4().hex[:8]}")
    (staged / PICTURES).mkdir(parents=True)
    try:
        draft = _Draft(staged, options.seed, _secret(sources))
        _add_pictures(draft, sources, on_progress)
        _add_photos(draft, photos, sources, settings, on_progress)
        _add_broken(draft, sources, settings, options, engines, on_progress)
        items = sorted(_with_distances(draft), key=lambda i: i.item_id)
        survey = Survey(tuple(s.name for s in sources), tuple(items), options.seed, settings)
        write_survey(staged, survey)
        if out.exists():
            out.rmdir()  # it is empty
        staged.replace(out)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return MadeSurvey(out, survey, paired)


def plan_key(plan: FramePlan) -> str:
    """A digest of what a plan shows: its scans, where they lie, and the camera; to a millimetre, light apart."""

    def rounded(matrix: Any) -> list[float]:
        return [round(float(v), 3) + 0.0 for row in matrix for v in row]

    shown = {
        "objects": [(o.asset_id, rounded(o.object_to_world)) for o in plan.objects],
        "camera": rounded(plan.camera.camera_to_world),
    }
    return hashlib.blake2s(json.dumps(shown, sort_keys=True).encode(), digest_size=8).hexdigest()


def _secret(sources: Sequence[_Source]) -> str:
    """The same whenever a survey is made of the same datasets."""
    plans = [source.records[key].plan for source in sources for key in sorted(source.records)]
    return hashlib.blake2s(repr(plans).encode()).hexdigest()


def _refuse_filled(out: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{option('out')} {out}: is there already", "choose another folder, or move it away")


def _open(folders: Sequence[Path]) -> list[_Source]:
    if not folders:
        raise InputError("no dataset is named", "name the folder that `scanstage generate` wrote")
    names = [folder.resolve().name for folder in folders]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise InputError(f"two datasets are called {twice[0]}", "rename the folder of one of them")
    found = []
    for folder, name in zip(folders, names, strict=True):
        dataset = open_dataset(folder)
        records: dict[str, Record] = {}
        for record in dataset.records():
            records.setdefault(plan_key(record.plan), record)
        if not records:
            raise InputError(f"{folder}: has no finished picture", "`scanstage generate` makes them")
        found.append(_Source(name, dataset, records))
    return found


def _settings(first: FinishedDataset, options: SurveyOptions) -> SurveySettings:
    if wrong := [text for text in options.overrides if not text.strip().startswith("survey.")]:
        raise InputError(
            f"{option('overrides')} {wrong[0]}: a survey goes by the section survey alone",
            f"for example {option('overrides')} survey.ratings_per_picture=8",
        )
    if options.config is not None:
        config = load_config(options.config, list(options.overrides))
    else:
        told = first.folder.run_file
        config = with_overrides(
            first.run.config, options.overrides, told if isinstance(told, Path) else Path(told.name)
        )
    return config.survey or SurveySettings()


def _choose(sources: Sequence[_Source], settings: SurveySettings, seed: int) -> tuple[list[_Source], int]:
    """Which pictures are asked about, and how many plans are in all datasets."""
    rng = Streams(seed, 0).rng("survey/choose")
    shared = set.intersection(*(set(s.records) for s in sources))
    is_paired = settings.pair_by_plan and len(sources) > 1
    if is_paired and shared:
        order = sorted(shared)
        rng.shuffle(order)
        chosen = tuple(order[: settings.pictures])
        return [replace(s, chosen=chosen) for s in sources], len(chosen)
    if is_paired:
        logger.warning(
            "no plan is in all datasets, so pictures aren't paired: falls take several times as many answers to tell. "
            "Generate both with the same config and seed"
        )
    found = []
    for source in sources:
        order = sorted(source.records)
        rng.shuffle(order)
        found.append(replace(source, chosen=tuple(order[: settings.pictures])))
    return found, 0


def _add_pictures(draft: _Draft, sources: Sequence[_Source], on_progress: OnProgress) -> None:
    total, done = sum(len(s.chosen) for s in sources), 0
    for source in sources:
        for key in source.chosen:
            record = source.records[key]
            data = _image(source, record)
            pixels = decode_rgb(data, record.image.resolution_wh)
            item = draft.add(
                data,
                record.image.file_name.rpartition(".")[2],
                "picture",
                f"{source.name}/{record.index}",
                dataset=source.name,
                index=record.index,
                plan=key,
                factors=picture_factors(record.plan),
                classes=tuple(sorted({i.class_name for i in record.instances if not i.ignore})),
                numbers={k: v for k, v in picture_measures(pixels).items() if np.isfinite(v)},
            )
            draft.features[item.item_id] = PlainExtractor().features(pixels)
            done += 1
            on_progress(Progress("measuring pictures", total, done=done))


def _image(source: _Source, record: Record) -> bytes:
    try:
        return read_image(source.dataset.folder, record)
    except (NotRecorded, OSError) as e:
        raise InputError(
            f"{source.dataset.folder.root}: picture {record.index}: {e}", "`scanstage check` says more"
        ) from e


def _frames(sources: Sequence[_Source]) -> Iterator[tuple[tuple[int, int], str, int]]:
    """Size, format and JPEG quality of our pictures, over and over: those of golds."""
    every = [s.records[key] for s in sources for key in s.chosen]
    while True:
        for record in every:
            suffix = record.image.file_name.rpartition(".")[2]
            yield record.image.resolution_wh, suffix, record.plan.post.jpeg_quality


def _add_photos(
    draft: _Draft, photos: Sequence[Path], sources: Sequence[_Source], settings: SurveySettings, on_progress: OnProgress
) -> None:
    wanted = settings.gold.real
    order = list(photos)
    Streams(draft.seed, 0).rng("survey/photos").shuffle(order)  # type: ignore[arg-type]
    found = 0
    frames = _frames(sources)
    size, suffix, quality = next(frames)
    for number, path in enumerate(order):
        if found == wanted:
            break
        pixels = like_ours(path, size, Streams(draft.seed, number).rng("survey/crop"))
        if pixels is None:
            continue
        name = suffix if suffix == "png" else "jpg"
        item = draft.add(encode_image(pixels, name, quality), name, "real", str(number), how=path.name)
        draft.features[item.item_id] = PlainExtractor().features(pixels)
        found += 1
        size, suffix, quality = next(frames)
        on_progress(Progress("reading photos", wanted, done=found))
    if found < wanted:
        raise too_few_photos(found, wanted, size)


def _add_broken(
    draft: _Draft,
    sources: Sequence[_Source],
    settings: SurveySettings,
    options: SurveyOptions,
    engines: EngineFactory | None,
    on_progress: OnProgress,
) -> None:
    """As many of each kind; of pictures that aren't asked about, as long as there are some."""
    candidates = _candidates(sources, draft.seed)
    if not candidates:
        raise InputError("no picture has an object that is large enough to be broken", "add pictures to the dataset")
    wanted = settings.gold.corrupt
    from_the_side = [one for one in candidates if shows_what_floats(one[1].plan)]
    kinds = (*RENDERED, *PAINTED) if options.render else tuple(BREAKINGS)
    if options.render and not from_the_side:
        kinds = tuple(how for how in kinds if how not in MOVED)
    asked: list[tuple[str, _Source, Record]] = []
    taken: Counter[int] = Counter()
    for number in range(wanted):
        how = kinds[number % len(kinds)]
        pool = from_the_side if options.render and how in MOVED else candidates
        source, record = min(pool, key=lambda one: taken[one[1].index])  # the first of those that were taken least
        taken[record.index] += 1
        asked.append((how, source, record))
    made: list[tuple[str, _Source, Record, Pixels]] = []
    by_place = {(str(s.dataset.folder.root), r.index): (s, r) for s, r in candidates}
    renders = [
        BrokenRender(s.dataset.folder.local_root, r.index, how)
        for how, s, r in asked
        if options.render and how in RENDERED
    ]
    for one, pixels in render_broken(renders, engines, options.library):
        made.append((one.how, *by_place[str(one.dataset), one.index], pixels))
        on_progress(Progress("breaking pictures", wanted, done=len(made)))
    painted = [one for one in asked if not (options.render and one[0] in RENDERED)]
    while len(made) + len(painted) < wanted:  # in the place of those whose change wasn't seen
        painted.append((PAINTED[len(painted) % len(PAINTED)], *candidates[len(painted) % len(candidates)]))
    for number, (how, source, record) in enumerate(painted):
        made.append((how, source, record, _painted(draft.seed, number, how, (source, record), candidates)))
        on_progress(Progress("breaking pictures", wanted, done=len(made)))
    for number, (how, _, record, pixels) in enumerate(made):
        suffix = record.image.file_name.rpartition(".")[2]
        data = encode_image(pixels, suffix, record.plan.post.jpeg_quality)
        draft.add(data, suffix, "corrupt", str(number), how=how)


def _candidates(sources: Sequence[_Source], seed: int) -> list[tuple[_Source, Record]]:
    """Pictures that can be broken: with two objects that are large enough; those that aren't asked about first."""
    rng = Streams(seed, 0).rng("survey/broken")
    first = sources[0]
    keys = sorted(first.records)
    rng.shuffle(keys)
    keys.sort(key=lambda key: key in first.chosen)
    fit = [first.records[key] for key in keys if len(_large(first.records[key])) > 1]
    return [(first, record) for record in fit]


def _large(record: Record) -> list[Any]:
    width, height = record.image.resolution_wh
    least = LARGEST_SHARE * width * height
    own = [i for i in record.instances if not i.ignore and i.area_px >= least]
    return sorted(own, key=lambda i: -i.area_px)[:BROKEN_OBJECTS]


def _painted(
    seed: int, number: int, how: str, case: tuple[_Source, Record], candidates: Sequence[tuple[_Source, Record]]
) -> Pixels:
    source, record = case
    pixels = decode_rgb(_image(source, record), record.image.resolution_wh)
    masks = [i.mask.decode() for i in _large(record)]
    at = candidates.index(case)
    other_source, other = candidates[(at + 1) % len(candidates)]
    others = decode_rgb(_image(other_source, other), other.image.resolution_wh)
    return BREAKINGS[how](pixels, masks, others, Streams(seed, number).rng("survey/paint"))


def _with_distances(draft: _Draft) -> Iterator[SurveyItem]:
    """Items; our own with how far they are from real photos."""
    real = np.array([draft.features[i.item_id] for i in draft.items if i.kind == "real"])
    spread = np.maximum(real.std(axis=0), 1e-6)
    for item in draft.items:
        if item.kind != "picture":
            yield item
            continue
        off = np.linalg.norm((real - draft.features[item.item_id]) / spread, axis=1)
        distance = float(np.sort(off)[:NEAREST].mean())
        yield replace(item, numbers={**item.numbers, TO_REAL: distance})
