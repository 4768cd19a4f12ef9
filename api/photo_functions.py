"""What goes by photos, as functions: fit a config to them, compare pictures with them, and tell whether they drift."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from scanstage.assets.files.locations import locate, locate_local
from scanstage.assets.messages.option_names import option
from scanstage.functions import AnyConfig, Place, checked_config
from scanstage.render.bookkeeping.progress import OnProgress, ignore_progress
from scanstage.render.commands.like_photos.fit_to_photos import Fit, FitOptions, GivenConfig, fit_to_photos
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.scenes.config.load import plain_config

if TYPE_CHECKING:
    from scanstage.dataset.likeness.drift import Drift
    from scanstage.dataset.likeness.four_properties import Likeness

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def fit(
    real: Place,
    config: AnyConfig,
    out: Place = "fit",
    *,
    photos: Place | None = None,
    workers: int = 1,
    labels_only: bool = False,
    on_progress: OnProgress | None = None,
    engines: EngineFactory | None = None,
) -> Fit:
    """Find what a config should draw for its pictures to be like photos. Plans thousands, and renders a hundred.

    Args:
        real: COCO file of labelled photos; boxes are enough.
        config: to be fitted; its section ``fit`` says what may change.
        out: folder for ``config.yaml``, ``fit.json`` and ``reference.json``.
        photos: folder of the photos; None looks near the file.
        workers: processes that plan; more than one need ``if __name__ == "__main__"`` in a script. 0 chooses.
        labels_only: render nothing, and leave exposure, colours, blur and noise as they are.
        on_progress: told how far it has come.
        engines: that render; None is Blender.

    Returns:
        The fitted config's path, and a record of what was found.

    Raises:
        InputError: photos or config can't be used, or the folder holds a config that was changed since a fit wrote it.
        OSError: the folder can't be written.
    """
    return fit_to_photos(
        Path(real),
        _given(config),
        locate_local(os.fspath(out), option("out")),
        FitOptions(None if photos is None else Path(photos), workers, labels_only=labels_only),
        on_progress or ignore_progress,
        engines,
    )


def compare(
    real: Place,
    synthetic: Place,
    *,
    photos: Place | None = None,
    synth_photos: Place | None = None,
    map: Mapping[str, str] = NO_NAMES,
    features: Literal["auto", "plain", "mobilenet"] = "auto",
    labels_only: bool = False,
    on_progress: OnProgress | None = None,
) -> Likeness:
    """Say how alike synthetic and real pictures are: each figure beside that of real against real.

    Args:
        real: a COCO file of photos, or a dataset.
        synthetic: a dataset, or a COCO file.
        photos, synth_photos: folders of the pictures of a COCO file; None looks near it.
        map: classes of the real set that are called otherwise in the synthetic one.
        features: what pictures are compared by; ``auto`` is ``mobilenet`` where that is installed.
        labels_only: open no picture.
        on_progress: told how far it has come.

    Returns:
        Figures by property, with verdicts; ``to_json()`` is what ``scanstage compare --json`` writes.

    Raises:
        InputError: either is none, has too few pictures, or no class in common with the other.
    """
    from scanstage.render.commands.look.compare_sets import CompareOptions, compare_sets  # scikit-learn takes a second

    options = CompareOptions(
        None if photos is None else Path(photos),
        None if synth_photos is None else Path(synth_photos),
        dict(map),
        features,
        labels_only,
    )
    places = locate(os.fspath(real), option("real")), locate(os.fspath(synthetic), option("synthetic"))
    return compare_sets(*places, options, on_progress or ignore_progress)


def drift(
    reference: Place,
    new: Place,
    *,
    photos: Place | None = None,
    reference_photos: Place | None = None,
    map: Mapping[str, str] = NO_NAMES,
    on_progress: OnProgress | None = None,
) -> Drift:
    """Say whether new photos are still what older ones were.

    Args:
        reference: folder of a fit, its ``reference.json``, or a COCO file of the older photos.
        new: COCO file of the new ones.
        photos, reference_photos: folders of the photos of either; None looks near the file.
        map: classes of the new photos that are called otherwise in the older ones.
        on_progress: told how far it has come.

    Returns:
        What moved, ``is_stale`` in short; ``to_json()`` is what ``scanstage drift --json`` writes.

    Raises:
        InputError: either isn't that, or photos can't be read.
    """
    from scanstage.render.commands.look.check_drift import DriftOptions, check_drift

    options = DriftOptions(
        None if photos is None else Path(photos),
        None if reference_photos is None else Path(reference_photos),
        dict(map),
    )
    places = locate_local(os.fspath(reference), option("reference")), locate_local(os.fspath(new), option("new"))
    return check_drift(*places, options, on_progress or ignore_progress)


def _given(config: AnyConfig) -> GivenConfig:
    """A config with its keys as they were given, which the fitted one takes over."""
    if isinstance(config, str | os.PathLike):
        return GivenConfig.read(Path(config))
    checked = checked_config(config)
    if checked.path is not None:
        data = plain_config(checked.path, checked.overrides)
        return GivenConfig(data, checked.run, checked.base, str(checked.path), checked.path)
    data = dict(config) if isinstance(config, Mapping) else checked.run.model_dump(mode="json", exclude_unset=True)
    return GivenConfig(data, checked.run, checked.base, "a config given in Python")
