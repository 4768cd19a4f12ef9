"""The part of a fit that goes by pixels: from a config and photos to what camera the config should draw.

Pictures are rendered once, and developed thousands of times, each time with other settings of the camera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.picture_measures import mapped, shrunk
from scanstage.dataset.appearance.backgrounds import (
    BACKGROUND,
    BackgroundDifference,
    background_measures,
    compare_backgrounds,
)
from scanstage.dataset.appearance.pixel_summaries import APPEARANCE, Pixels, appearance_summary
from scanstage.dataset.fitting.config_terms import ConfigTerm, config_term
from scanstage.dataset.fitting.fit_values import Bools, FitTask, Floats, FoundValues, fit_values
from scanstage.dataset.fitting.overfitting import FitTest, judge_summaries
from scanstage.dataset.join.photo_labels import PhotoFile
from scanstage.dataset.likeness.compared_pictures import picked
from scanstage.dataset.records.decoding import BROKEN, decode_rgb
from scanstage.render.bookkeeping.progress import MEASURING, OnProgress, Progress, counted, ignore_progress
from scanstage.render.commands.like_photos.fit_labels import BaseConfig
from scanstage.render.commands.like_photos.linear_pictures import LinearPicture, render_linear
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError, EngineFactory
from scanstage.scenes.bank.camera_values import UsualCamera, camera_values, open_camera
from scanstage.scenes.bank.free_values import FreeValue, smaller
from scanstage.scenes.config.sections.fit_settings import FitSettings

MOST_PIXELS = 400 * 300
"""Of a picture that is developed: larger ones cost time. Photos are scaled to the same size."""
DEVELOPED = 4000
ROUNDS = ((0.1, 1.0, 0.3), *((0.06, 1.05, 0.03),) * 15)
"""See :data:`fit_values.ROUNDS`: of a dozen values each round can narrow all together only so far that enough pictures
count, so many small ones are needed, and next to no widening between them, which a dozen values multiply."""
HIGHEST = 4.5
"""Of a density's parameters: the least standard deviation is .035 of the range in its middle, .02 near its ends. Photos
of one place vary less than what is rendered, whatever the camera does; a search would narrow what it can to nothing for
that, until no picture counts."""
MOST_PHOTOS = 400
FEWEST = 10
"""Pictures, and photos, that anything can be said of."""

Measure = Callable[[Pixels, Sequence[Sequence[float]]], Floats]


@dataclass(frozen=True)
class DevelopedPicture:
    """A picture of the bank, see :class:`fit_values.DrawnPicture`.

    Attributes:
        arrangement: number of the rendered picture.
        values: of the free values' variables, by name.
        summary: see :func:`pixel_summaries.appearance_summary`.
    """

    arrangement: int
    values: Mapping[str, Any]
    summary: Floats


@dataclass(frozen=True)
class SeenPhotos:
    """Photos at the size of the pictures.

    Attributes:
        summaries: (n, S).
        backgrounds: (n, 2), see :func:`background_measures`.
        groups: (n,) which belong together.
    """

    summaries: Floats
    backgrounds: Floats
    groups: tuple[int, ...]


@dataclass(frozen=True)
class AppearanceFit:
    """What pixels ask for.

    Attributes:
        found: values, and the developed pictures.
        terms: what the config is to say, by key, of values that moved.
        besides: further keys that it has to say, as a section takes a look's place as a whole.
        backgrounds: how those of photos and of fitted pictures differ.
        tested: photos against pictures of the config before and after, by pixels.
        rendered: pictures.
        photos: that were looked at.
        size: width and height at which both were compared.
    """

    found: FoundValues[DevelopedPicture]
    terms: Mapping[str, ConfigTerm]
    besides: Mapping[str, Any]
    backgrounds: Mapping[str, BackgroundDifference]
    tested: FitTest
    rendered: int
    photos: int
    size: tuple[int, int]

    def chosen(self) -> list[tuple[FreeValue, Any]]:
        """Values that moved, and what the config is to say of each."""
        values = [v.value for v in self.found.values]
        return [(v, self.terms[v.path].value) for v in values if v.path in self.terms]


def fit_appearance(
    base: BaseConfig,
    sides: tuple[DatasetTable, DatasetTable],
    folder: Path,
    groups: Sequence[int],
    settings: FitSettings,
    engines: EngineFactory | None,
    on_progress: OnProgress = ignore_progress,
) -> AppearanceFit | str:
    """Find what camera a config should draw, or say in a sentence why nothing is found.

    Args:
        base: the config, as it was fitted to labels.
        sides: labels of photos that are fitted, and of those that are kept out.
        folder: that they lie in.
        groups: (n,) which of the fitted ones belong together.
        settings: of the fit.
        engines: that render; None is Blender.
        on_progress: told how far it has come.

    Raises InputError for keys that can't be free.
    """
    free = camera_values(base.config, settings.free, settings.fixed)
    config = smaller(base.config, _pixels(base, sides[0]))
    seen = see_photos(sides[0], folder, groups, config.camera.resolution, on_progress)
    held = see_photos(sides[1], folder, range(len(sides[1].pictures)), config.camera.resolution, on_progress)
    if len(seen.groups) < FEWEST:
        return f"{len(seen.groups)} photos can be read: too few to tell noise, blur and colours of."
    try:
        pictures = render_linear(config, base.folder, settings.appearance, engines, on_progress)
    except (InputError, EngineCrashed, EngineError, OSError) as e:
        reason = e.problems[0] if isinstance(e, InputError) else str(e).partition("\n")[0]
        return f"Pictures can't be rendered here ({reason})."
    if len(pictures) < FEWEST:
        return f"{len(pictures)} pictures could be rendered: too few to tell noise, blur and colours of."
    return fit_camera(base, free, pictures, (seen, held), min(DEVELOPED, settings.bank), on_progress)


def fit_camera(
    base: BaseConfig,
    free: Sequence[FreeValue],
    pictures: Sequence[LinearPicture],
    sides: tuple[SeenPhotos, SeenPhotos],
    size: int,
    on_progress: OnProgress = ignore_progress,
) -> AppearanceFit:
    """The same, of pictures that are rendered.

    Args:
        base: the config.
        free: values that are to be found.
        pictures: rendered ones.
        sides: photos that are fitted, and that are kept out, at the size of these.
        size: of the bank.
        on_progress: told how far it has come.
    """
    seen, held = sides
    usual = UsualCamera.of(base.config, [picture.plan for picture in pictures], free)
    developing = _Developing(base, usual, free, pictures, size, on_progress)

    def summarise(planned: Sequence[DevelopedPicture], first: int) -> tuple[Floats, Floats]:
        return np.stack([picture.summary for picture in planned]), seen.summaries

    task = FitTask(
        free,
        usual.moments(free),
        summarise,
        seen.groups,
        size,
        views=1,
        seed=base.config.seed,
        kinds=False,
        less_chance=False,
        rounds=ROUNDS,
        highest=HIGHEST,
    )
    found = fit_values(task, developing.plan)
    terms = {found.values[k].value.path: config_term(found, i) for i, k in enumerate(found.axes)}
    before, after = developing.as_it_was(), developing.as_found(found)
    tested = judge_summaries(seen.summaries, held.summaries, before, after[0], APPEARANCE)
    backgrounds = compare_backgrounds(seen.backgrounds, after[1])
    height, width = pictures[0].radiance.shape[:2]
    return AppearanceFit(
        found, terms, usual.besides(terms), backgrounds, tested, len(pictures), len(seen.groups), (width, height)
    )


def see_photos(
    table: DatasetTable,
    folder: Path,
    groups: Sequence[int],
    size_wh: tuple[int, int],
    on_progress: OnProgress = ignore_progress,
) -> SeenPhotos:
    """Photos that can be read, at most :data:`MOST_PHOTOS` evenly chosen, with areas averaged to a size.

    Args:
        table: of their labels.
        folder: that they lie in.
        groups: (n,) which of them belong together.
        size_wh: of the pictures that they are to be compared with; the longer edge counts.
        on_progress: told how far it has come.
    """
    count = len(table.pictures)
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_PHOTOS)).round().astype(np.int64))
    few = picked(table, rows)
    boxes = _boxes(few)

    def look(row: int) -> tuple[Floats, Floats] | None:
        picture = few.pictures[row]
        try:
            whole = decode_rgb(PhotoFile(folder, picture.file_name).read(), picture.resolution_wh)
        except (InputError, *BROKEN, OSError):  # said already, where photos are looked at for the snapshot
            return None
        pixels = shrunk(whole, max(size_wh))
        own = boxes[row] * (max(pixels.shape[:2]) / max(whole.shape[:2]))
        return appearance_summary(pixels, own.tolist()), background_measures(pixels, own.tolist())

    found, kept = [], []
    tell = counted(on_progress, MEASURING)
    for row, one in enumerate(mapped(look, range(len(rows)))):
        tell(row + 1, len(rows))
        if one is not None:
            found.append(one)
            kept.append(int(groups[rows[row]]))
    summaries = np.array([one[0] for one in found], np.float64).reshape(len(found), len(APPEARANCE))
    backgrounds = np.array([one[1] for one in found], np.float64).reshape(len(found), len(BACKGROUND))
    return SeenPhotos(summaries, backgrounds, tuple(kept))


def _boxes(table: DatasetTable) -> list[Floats]:
    """(L, 4) of each picture."""
    n = table.label_numbers
    columns = np.stack([n["x_px"], n["y_px"], n["width_px"], n["height_px"]], axis=1)
    first = np.searchsorted(table.label_picture, np.arange(len(table.pictures) + 1))
    return [columns[first[row] : first[row + 1]] for row in range(len(table.pictures))]


def _pixels(base: BaseConfig, table: DatasetTable) -> float:
    """Of the pictures to be rendered: no larger than photos, so that none has to be enlarged."""
    width, height = base.config.camera.resolution
    edge = float(np.median([max(p.resolution_wh) for p in table.pictures]))
    return min(float(MOST_PIXELS), width * height * min(1.0, edge / max(width, height)) ** 2)


class _Developing:
    """Develops what a fit asks for."""

    def __init__(
        self,
        base: BaseConfig,
        usual: UsualCamera,
        free: Sequence[FreeValue],
        pictures: Sequence[LinearPicture],
        total: int,
        on_progress: OnProgress,
    ) -> None:
        self._base, self._usual, self._free, self._pictures = base, usual, free, pictures
        self._total, self._on_progress = total, on_progress
        self._factor = pictures[0].radiance.shape[1] / base.config.camera.resolution[0]
        self._made = 0

    def plan(self, arrangements: Floats, cameras: Floats, chosen: Bools) -> list[DevelopedPicture]:
        """See :data:`fit_values.PlanPictures`: of rendered pictures in turn; all free values are the camera's."""
        places = np.flatnonzero(chosen)
        found = []
        for picture in self._made_of([self._free[k] for k in places], cameras[:, 0, places], appearance_summary):
            found.append(picture)
            self._on_progress(Progress("developing", self._total, self._made + len(found), self._made + len(found)))
        self._made += len(found)
        self._on_progress(Progress("fitting", self._total, self._made, self._made))
        return found

    def as_it_was(self) -> Floats:
        """(N, S) summaries of each picture, developed as the config says."""
        units = np.zeros((len(self._pictures), 0))
        return np.stack([picture.summary for picture in self._made_of((), units, appearance_summary)])

    def as_found(self, found: FoundValues[DevelopedPicture]) -> tuple[Floats, Floats]:
        """(N, S) summaries of each picture, developed as was found, and (N, 2) measures of its background."""
        kinds = np.zeros(len(self._pictures), np.int64)
        units = found.shape.draw(found.theta, kinds, np.random.default_rng(self._base.config.seed))
        free = [found.values[k].value for k in found.axes]
        both = [
            [picture.summary for picture in self._made_of(free, units, measure)]
            for measure in (appearance_summary, background_measures)
        ]
        return np.stack(both[0]), np.stack(both[1])

    def _made_of(self, free: Sequence[FreeValue], units: Floats, measure: Measure) -> Iterator[DevelopedPicture]:
        """Pictures of (N, D) values of some of the free ones, from 0 to 1; others are drawn as the config says."""
        base, first = self._base, self._made
        camera = open_camera(base.data, base.folder, self._usual, free)
        is_jpeg = base.config.output.format == "jpg"

        def make(row: int) -> DevelopedPicture:
            number = (first + row) % len(self._pictures)
            picture = self._pictures[number]
            values = {value.name: value.from_unit(float(u)) for value, u in zip(free, units[row], strict=True)}
            post = camera.post(picture.plan, first + row, values, self._factor)
            pixels = picture.developed(post, self._factor, is_jpeg)
            return DevelopedPicture(number, values, measure(pixels, picture.boxes_xywh))

        return mapped(make, range(len(units)))
