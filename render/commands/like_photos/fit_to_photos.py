"""``scanstage fit``: what a config should draw, for its labels to be distributed like those of photos."""

from __future__ import annotations

import copy
import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import listed
from scanstage.dataset.analysis.label_summaries import has_masks
from scanstage.dataset.fitting.fit_record import CONFIG_FILE, FitRecord
from scanstage.dataset.fitting.overfitting import judge_fit
from scanstage.dataset.likeness.photo_snapshot import FILE_NAME
from scanstage.render.bookkeeping.progress import OnProgress, Progress, ignore_progress, part_of
from scanstage.render.commands.like_photos.fit_appearance import fit_appearance
from scanstage.render.commands.like_photos.fit_facts import appearance_facts, header_lines, label_facts
from scanstage.render.commands.like_photos.fit_folder import check_replaceable, check_writable
from scanstage.render.commands.like_photos.fit_labels import KIND, BaseConfig, fit_labels, plan_of
from scanstage.render.commands.like_photos.fitted_yaml import fitted_config, yaml_text
from scanstage.render.commands.like_photos.photo_cameras import from_files
from scanstage.render.commands.like_photos.read_photos import FitPhotos, open_photos, read_photos
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.scenes.bank.camera_values import is_of_post
from scanstage.scenes.bank.free_values import set_value
from scanstage.scenes.config.load import check_config, load_config, plain_config
from scanstage.scenes.config.sections.fit_settings import FitSettings
from scanstage.scenes.config.sections.run_config import LONGEST_NAME, RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.planning.preflight import open_planner

TRIED = 300
"""Pictures of the fitted config, and of the one before, that are planned to test the fit."""
SAME_SHAPE = 0.02
"""Of aspects, by their logarithm."""


@dataclass(frozen=True)
class FitOptions:
    """How a config is fitted.

    Attributes:
        photos: folder of the photos; None looks for it.
        workers: processes that plan; 0 chooses.
        date: of the snapshot, ISO 8601; None is today.
        labels_only: render nothing, and leave the camera's settings.
    """

    photos: Path | None = None
    workers: int = 0
    date: str | None = None
    labels_only: bool = False


@dataclass(frozen=True)
class GivenConfig:
    """A config that is to be fitted.

    Attributes:
        data: its keys, as its YAML has them.
        config: the same, checked.
        folder: that its relative paths start from.
        name: that ``fit.json`` calls it by: its path.
        file: that it was read from, if it was.
    """

    data: Mapping[str, Any]
    config: RunConfig
    folder: Path
    name: str
    file: Path | None = None

    @classmethod
    def read(cls, path: Path, overrides: tuple[str, ...] = ()) -> GivenConfig:
        """Of a file, with overrides, ``dotted.path=value`` each. Raises InputError."""
        config = load_config(path, list(overrides))
        return cls(plain_config(path, overrides), config, path.resolve().parent, str(path), path)


@dataclass(frozen=True)
class Fit:
    """What was written.

    Attributes:
        config: the fitted config's file.
        record: what was found, as ``fit.json`` beside it has it.
    """

    config: Path
    record: FitRecord

    def to_json(self) -> dict[str, Any]:
        """All figures, as ``fit.json`` has them."""
        return self.record.to_json()


def fit_to_photos(
    real: Path,
    given: GivenConfig,
    out: Path,
    options: FitOptions,
    on_progress: OnProgress = ignore_progress,
    engines: EngineFactory | None = None,
) -> Fit:
    """Fit a config to photos, and write the result, all figures and a snapshot of the photos into a folder.

    Args:
        real: COCO file of the photos.
        given: the config to be fitted.
        out: folder to write into.
        options: how.
        on_progress: told how far it has come.
        engines: that render; None is Blender.

    Raises InputError where photos or config can't be used, or the folder holds a config that a person wrote, OSError
    where it can't be written.
    """
    use_one_blas_thread()
    data, base, before = given.data, given.folder, given.config
    settings = before.fit or FitSettings()
    if options.labels_only:
        settings = settings.model_copy(update={"appearance": 0})
    opened = open_photos(real, options.photos)
    check_replaceable(out, given.file)
    on_progress(Progress("reading scans"))
    catalogue = open_planner(before, base).catalogue
    _check_no_parts(before, catalogue)
    classes = catalogue.classes
    date = options.date or datetime.date.today().isoformat()
    photos = read_photos(real, opened, classes, settings.map, settings.holdout, date, on_progress)
    check_writable(out)
    bank, in_all = settings.bank, settings.bank + 2 * TRIED
    size = _size(before, photos)
    shaped = {**data, "camera": {**(data.get("camera") or {}), "resolution": list(size)}}
    shaped = _with_fixed(shaped, before, settings, photos)
    sized = BaseConfig(shaped, _by_labels(check_config(shaped, (), base), settings), base, classes)
    groups = photos.groups.tolist()
    found = fit_labels(sized, photos.fitted, groups, bank, options.workers, part_of(on_progress, in_all, 0))
    others = _others(sized.config, photos, found.class_weights(), size, data)
    fitted = fitted_config(shaped, sized.config, found.chosen(), others, (KIND, found.kinds), (base, out))
    fitted = {"name": fitted_name(before.name), **fitted}
    after = BaseConfig(fitted, check_config(fitted, (), out.resolve()), out.resolve(), classes)
    boxes_alone = not has_masks(photos.fitted)
    old, new = (
        plan_of(each, TRIED, boxes_alone, options.workers, part_of(on_progress, in_all, bank + k * TRIED))
        for k, each in enumerate((sized, after))
    )
    tested = judge_fit(photos.fitted, photos.held, old, new, found.typical)
    facts = label_facts(photos, found, tested, date, given.name)
    if settings.appearance:
        sides = (photos.fitted, photos.held)
        seen = fit_appearance(after, sides, photos.folder, groups, settings, engines, on_progress)
        facts["appearance"] = {"left": seen} if isinstance(seen, str) else appearance_facts(seen)
        if not isinstance(seen, str):
            named = fitted_config(fitted, after.config, seen.chosen(), seen.besides, (KIND, {}), (after.folder, out))
            fitted = {"name": fitted["name"], **named}  # which fitted_config leaves out
            check_config(fitted, (), after.folder)
    text = yaml_text(fitted, header_lines(facts)).encode("utf-8")
    facts["config_sha256"] = hashlib.sha256(text).hexdigest()
    record = FitRecord.of(facts)
    record.write(out)
    photos.snapshot.write(out / FILE_NAME)
    write_atomically(out / CONFIG_FILE, text)
    return Fit(out / CONFIG_FILE, record)


def fitted_name(name: str) -> str:
    """Of the fitted config, so that its pictures aren't taken for those of the config before."""
    ending = "-fitted"
    return name if name.endswith(ending) else f"{name[: LONGEST_NAME - len(ending)]}{ending}"


def _by_labels(config: RunConfig, settings: FitSettings) -> RunConfig:
    """The config for the part of the fit that goes by labels: what pixels are to tell is not free there."""
    if not settings.appearance or config.fit is None:
        return config
    free = {path: given for path, given in config.fit.free.items() if not is_of_post(path)}
    return config.model_copy(update={"fit": config.fit.model_copy(update={"free": free})})


def _check_no_parts(config: RunConfig, catalogue: Catalogue) -> None:
    """A fit compares labels of whole objects with those of photos. Raises InputError where parts are labelled too."""
    if parts := catalogue.part_classes():
        raise InputError(
            f"labels.parts: {config.labels.parts} labels parts ({listed(list(parts))}), which a fit doesn't know",
            "fit with labels.parts: none, to photos whose labels are of whole objects; set it back afterwards",
        )


def _size(config: RunConfig, photos: FitPhotos) -> tuple[int, int]:
    """The config's size of pictures, in the photos' shape."""
    width, height = config.camera.resolution
    real = photos.resolution_wh[0] / photos.resolution_wh[1]
    if config.camera.intrinsics is not None or abs(np.log(real * height / width)) <= SAME_SHAPE:
        return width, height
    pixels = width * height
    return max(16, round((pixels * real) ** 0.5 / 2) * 2), max(16, round((pixels / real) ** 0.5 / 2) * 2)


def _with_fixed(data: Mapping[str, Any], config: RunConfig, settings: FitSettings, photos: FitPhotos) -> dict[str, Any]:
    """The config's keys with those that ``fit.fixed`` names."""
    found: dict[str, Any] = copy.deepcopy(dict(data))
    for path, value in settings.fixed.items():
        set_value(found, config, path, from_files(path, photos.files) if value == "exif" else value)
        if path == "camera.fov_deg":  # which is another way to say it
            found["camera"].pop("focal_mm", None)
    return found


def _others(
    config: RunConfig, photos: FitPhotos, weights: dict[str, Any] | None, size: tuple[int, int], data: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tuple(config.camera.resolution) != tuple((data.get("camera") or {}).get("resolution") or ()):
        found["camera.resolution"] = list(size)
    if config.balance is None:
        if weights is not None:
            found["assets.classes"] = weights
        found["negatives"] = round(photos.negatives, 3)
    return found
