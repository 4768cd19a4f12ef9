"""What can be known to fail before a picture is planned: files that a config names and scans that are incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from assets.asset import MESH_FILE
from assets.errors import InputError
from scenes.catalogue import Catalogue
from scenes.config.model import BackplateBackground, Drop, RunConfig, Scatter
from scenes.config.references import deep_outcomes
from scenes.config.stage import Looks, NoStage, Shelf
from scenes.files import PHOTO_SUFFIXES, list_images
from scenes.lighting import check_hdri


def check_inputs(config: RunConfig, catalogue: Catalogue, base: Path) -> None:
    """Check everything that a run will read.

    Raises:
        InputError: all problems at once.
    """
    problems: list[str] = []
    mends: list[str] = []
    for check in (_images, _scans, _combinations):
        for text, mend in check(config, catalogue, base):
            problems.append(text)
            mends += [mend] if mend and mend not in mends else []
    if problems:
        raise InputError(list(dict.fromkeys(problems)), " ".join(mends) or None)


Found = Iterator[tuple[str, str | None]]


def _images(config: RunConfig, catalogue: Catalogue, base: Path) -> Found:
    for looks in _all_looks(config):
        if looks.image is not None:
            yield from _trying(lambda p=looks.image: list_images((base / p).resolve(), PHOTO_SUFFIXES))
    if isinstance(config.background, BackplateBackground):
        folder = config.background.images.expanduser()
        yield from _trying(lambda: list_images((base / folder).resolve(), PHOTO_SUFFIXES))
    if config.light.hdri is not None:
        for outcome in dict.fromkeys(deep_outcomes(config.light.hdri.image, config)):
            if isinstance(outcome, str):
                yield from _trying(lambda o=outcome: check_hdri(o, base))


def _trying(check: Any) -> Found:
    try:
        check()
    except InputError as e:
        for text in e.problems:
            yield text, e.mend


def _scans(config: RunConfig, catalogue: Catalogue, base: Path) -> Found:
    for assets in catalogue.by_class.values():
        for asset in assets:
            textures = {
                name
                for m in asset.meta.materials
                for name in (m.base_color_texture, m.metallic_roughness_texture, m.normal_texture, m.emissive_texture)
                if name
            }
            for name in (MESH_FILE, *sorted(textures)):
                if not (asset.folder / name).is_file():
                    yield f"{asset.folder / name}: missing from the library", "Take the scan in again."


def _combinations(config: RunConfig, catalogue: Catalogue, base: Path) -> Found:
    placement = config.objects.placement
    for stage in config.stage:
        if isinstance(stage, NoStage) and not isinstance(placement, Scatter):
            text = f"objects.placement: {placement.kind} needs something to rest on, but stage is none"
            yield text, "Give a stage, or use placement {kind: scatter}."
        if isinstance(stage, Shelf) and isinstance(placement, Drop):
            yield "objects.placement: nothing can be dropped into a shelf", "Use placement {kind: upright}."
        if isinstance(config.background, BackplateBackground) and stage.kind not in ("none", "ground"):
            text = f"stage: a {stage.kind} would hide the backplate; with a backplate the stage is ground or none"
            yield text, "Use stage {kind: ground}: it catches shadows onto the photo."


def _all_looks(node: Any) -> Iterator[Looks]:
    if isinstance(node, Looks):
        yield node
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _all_looks(getattr(node, name))
    elif isinstance(node, list):
        for item in node:
            yield from _all_looks(item)
