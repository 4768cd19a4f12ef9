"""Notes what a run's pictures are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scanstage.assets.intake.hdri_pack import HDRI_PACK, LICENSE, URL
from scanstage.dataset.records.provenance import Provenance
from scanstage.scenes.config.references import deep_outcomes
from scanstage.scenes.config.sections.light_settings import HdriConfig
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.inputs.image_files import HDRI_SUFFIXES

BUILTIN_LICENSE, BUILTIN_URL = "CC0-1.0", "https://polyhaven.com"
"""Of the environment images that come with Blender."""


def sources_of(config: RunConfig, catalogue: Catalogue) -> tuple[Provenance, ...]:
    """All scans and images that pictures of a run may show."""
    scans = []
    for asset in catalogue.scans:
        meta, source = asset.meta, asset.meta.source
        labelled = meta.class_name if meta.class_name in catalogue.classes else None
        about = source.get("license"), source.get("author"), source.get("url")
        scans.append(Provenance("scan", meta.asset_id, labelled, *about))
    return (*scans, *_builtin(config), *_files(catalogue))


def _builtin(config: RunConfig) -> Iterator[Provenance]:
    if config.light.ambient is not None:
        return
    hdri = config.light.hdri or HdriConfig()
    names = sorted({o for o in deep_outcomes(hdri.image, config) if isinstance(o, str) and o.startswith("builtin:")})
    for name in names:
        yield Provenance("environment", name, None, BUILTIN_LICENSE, "Poly Haven", BUILTIN_URL)


def _files(catalogue: Catalogue) -> Iterator[Provenance]:
    folders = Counter((Path(p).parent, Path(p).suffix.lower() in HDRI_SUFFIXES) for p in catalogue.files)
    for (folder, is_environment), number in sorted(folders.items()):
        if is_environment and HDRI_PACK in folder.parts:
            yield Provenance("environment", folder.name, None, LICENSE, None, URL, number)
        else:
            yield Provenance("environment" if is_environment else "photo", folder.name, number=number)
