"""What can be known to fail before a picture is planned: files that a config names and scans that are incomplete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from scanstage.assets.asset import MESH_FILE
from scanstage.assets.messages.errors import InputError, Lines
from scanstage.assets.messages.wording import MOST_TOLD, bounded, did_you_mean, shortened
from scanstage.scenes.backplates.photo_facts import read_sidecar
from scanstage.scenes.config.references import deep_outcomes
from scanstage.scenes.config.sections.camera_settings import Fisheye
from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.config.sections.placement_settings import Drop, Scatter
from scanstage.scenes.config.sections.run_config import BackplateBackground, RunConfig
from scanstage.scenes.config.sections.stage_settings import Looks, NoStage, Shelf
from scanstage.scenes.inputs.catalogue import Catalogue, open_catalogue
from scanstage.scenes.inputs.image_files import HDRI_SUFFIXES, PHOTO_SUFFIXES, list_images, located
from scanstage.scenes.optics.ideal_camera import engine_camera
from scanstage.scenes.plan import CameraPlan
from scanstage.scenes.planning.planner import NO_CAMERA, Planner, draw_variables
from scanstage.scenes.randomize.camera import draw_camera
from scanstage.scenes.randomize.framed_subject import Sphere, Subject
from scanstage.scenes.randomize.lighting import check_builtin_hdri
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

LENSES_LOOKED_AT = 8


def open_inputs(config: RunConfig, base: Path) -> Catalogue:
    """Open the catalogue and check everything that a run will read.

    Args:
        config: of the run.
        base: folder that its relative paths start from.

    Raises:
        InputError: all problems at once.
    """
    problems: list[str] = []
    hints: list[str] = []
    catalogue: Catalogue | None = None
    try:
        catalogue = open_catalogue(config, base)
    except InputError as e:
        problems += e.marked_problems
        hints += [e.marked_hint] if e.marked_hint else []
    of_scans = (*_scans(catalogue), *_label_rules(config, catalogue)) if catalogue else ()
    for text, hint in (*_images(config, base), *_combinations(config), *_lens(config), *of_scans):
        problems.append(text)
        hints += [hint] if hint and hint not in hints and len(hints) < MOST_TOLD else []
    if problems or catalogue is None:
        raise InputError(bounded(list(dict.fromkeys(problems))), Lines.of(hints) or None)
    catalogue.files = {str(p): p.stat().st_size for p in named_files(config, base)}
    return catalogue


def open_planner(config: RunConfig, base: Path) -> Planner:
    """The planner of a run whose inputs are all there and sound. Args and errors are those of :func:`open_inputs`."""
    return Planner(config, open_inputs(config, base), base)


def named_files(config: RunConfig, base: Path) -> list[Path]:
    """All image files that a config names, folders listed. Raises InputError where one is missing or broken."""
    return sorted({file for path, suffixes in _image_paths(config, base) for file in list_images(path, suffixes)})


def _image_paths(config: RunConfig, base: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Image files and folders that a config names, each with the suffixes that count there."""
    for looks in _all_looks(config):
        if looks.image is not None:
            yield located(looks.image, base), PHOTO_SUFFIXES
    if isinstance(config.background, BackplateBackground):
        yield located(config.background.images, base), PHOTO_SUFFIXES
    for image in _hdris(config):
        if not image.startswith("builtin:"):
            yield located(Path(image), base), HDRI_SUFFIXES


def _hdris(config: RunConfig) -> list[str]:
    if config.light.hdri is None:
        return []
    return [o for o in dict.fromkeys(deep_outcomes(config.light.hdri.image, config)) if isinstance(o, str)]


Found = Iterator[tuple[str, str | None]]


def _images(config: RunConfig, base: Path) -> Found:
    for path, suffixes in dict.fromkeys(_image_paths(config, base)):
        yield from _trying(partial(list_images, path, suffixes))
    if isinstance(config.background, BackplateBackground):
        yield from _sidecars(located(config.background.images, base))
    for image in _hdris(config):
        if image.startswith("builtin:"):
            yield from _trying(partial(check_builtin_hdri, image))


def _sidecars(photos: Path) -> Found:
    """What is wrong with files beside backplates; of the photos themselves is told elsewhere."""
    with contextlib.suppress(InputError):
        for photo in list_images(photos, PHOTO_SUFFIXES):
            yield from _trying(partial(read_sidecar, photo))


def _trying(check: Any) -> Found:
    try:
        check()
    except InputError as e:
        for text in e.marked_problems:
            yield text, e.marked_hint


def _scans(catalogue: Catalogue) -> Found:
    for asset in catalogue.scans:
        textures = {
            name
            for m in asset.meta.materials
            for name in (m.base_color_texture, m.metallic_roughness_texture, m.normal_texture, m.emissive_texture)
            if name
        }
        for name in (MESH_FILE, *sorted(textures)):
            if not (asset.folder / name).is_file():
                yield f"{asset.folder / name}: missing from the library", "Take the scan in again."


def _label_rules(config: RunConfig, catalogue: Catalogue) -> Found:
    labelled = frozenset((*catalogue.classes, *catalogue.label_classes))
    absent = [name for name in config.labels.per_class if name not in labelled]
    for i, name in enumerate(absent):
        hint = did_you_mean(name, catalogue.classes) if i < MOST_TOLD else ""
        yield f"labels.per_class.{shortened(name)}: no such class is labelled{hint}", "See assets.classes."


def _combinations(config: RunConfig) -> Found:
    for stage in config.stage:
        placement = config.placement(stage)
        where = "objects.placement" if stage.placement is None else "stage.placement"
        if isinstance(stage, NoStage) and not isinstance(placement, Scatter):
            text = f"{where}: {placement.kind} needs something to rest on, but stage is none"
            yield text, "Give a stage, or use placement {kind: scatter}."
        if isinstance(stage, Shelf) and isinstance(placement, Drop):
            yield f"{where}: nothing can be dropped into a shelf", "Use placement {kind: upright}."
        if isinstance(config.background, BackplateBackground) and stage.kind not in ("none", "ground"):
            text = f"stage: a {stage.kind} would hide the backplate; with a backplate the stage is ground or none"
            yield text, "Use stage {kind: ground}: it catches shadows onto the photo."


def _lens(config: RunConfig) -> Found:
    """Not every engine has a fisheye camera. A lens that is drawn for each picture is looked at in the first ones."""
    distortion, engine = config.camera.distortion, ENGINES[config.render.engine]
    if engine.fisheye or distortion is None:
        return
    hint = f"Use render.engine: {next(name for name, other in ENGINES.items() if other.fisheye)}."
    if isinstance(distortion, Fisheye):
        yield f"camera.distortion: {engine.title} can't render a fisheye", hint
        return
    if any(engine_camera(camera).lens is not None for camera in _first_cameras(config)):
        text = f"the view is too wide for {engine.title}, which can't render the fisheye that it needs"
        yield f"camera.distortion: {text}", hint


def _first_cameras(config: RunConfig) -> set[CameraPlan]:
    """The optics of the first pictures, all at the same place."""
    found = set()
    for index in range(min(config.images, LENSES_LOOKED_AT)):
        streams = Streams(config.seed, index)
        draws = Draws(streams, draw_variables(config, streams))
        ball = Sphere(np.zeros(3), 1.0)
        camera = draw_camera(config.camera, Subject(ball, (ball,)), None, draws).camera
        found.add(replace(camera, camera_to_world=NO_CAMERA.camera_to_world, near_m=0.01, far_m=1000.0))
    return found


def _all_looks(node: Any) -> Iterator[Looks]:
    if isinstance(node, Looks):
        yield node
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _all_looks(getattr(node, name))
    elif isinstance(node, list):
        for item in node:
            yield from _all_looks(item)
