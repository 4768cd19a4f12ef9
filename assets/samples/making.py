"""Which samples there are, how each was "scanned", and how they are made: only where they aren't in the cache yet."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.samples import carton, ceramics, figures, fruit, packaging
from scanstage.assets.samples.landmarks import with_landmarks, write_landmarks
from scanstage.assets.samples.sample_files import write_glb, write_obj, write_ply
from scanstage.assets.samples.sample_model import Model
from scanstage.assets.samples.scanner_imitation import Scanner, scanned

LICENSE = "CC0-1.0"


@dataclass(frozen=True)
class SampleSource:
    """A sample as a scan file.

    Attributes:
        path: the scan; its material and texture files lie beside it.
        class_name: the label.
        unit, up: what the file is in, as ``IntakeOptions`` takes it.
    """

    path: Path
    class_name: str
    unit: str
    up: str


@dataclass(frozen=True)
class _Sample:
    name: str
    class_name: str
    sculpt: Callable[[np.random.Generator], Model]
    suffix: str
    scanner: Scanner
    texture: str = ".jpg"


_SAMPLES = (
    _Sample("apple", "apple", fruit.apple, ".obj", Scanner("cm", "y", 0.007)),
    _Sample("banana", "banana", fruit.banana, ".glb", Scanner("m", "y", 0.008)),
    _Sample("oil-bottle", "bottle", packaging.bottle, ".obj", Scanner("cm", "y", 0.004)),
    _Sample("tomato-can", "can", packaging.can, ".glb", Scanner("m", "y", 0.004)),
    _Sample("tea-carton", "carton", carton.carton, ".obj", Scanner("mm", "z", 0.006)),
    _Sample("rubber-duck", "duck", figures.duck, ".glb", Scanner("m", "y", 0.005)),
    _Sample("mallard", "duck", figures.mallard, ".ply", Scanner("mm", "z", 0.007)),
    _Sample("gnome", "gnome", figures.gnome, ".ply", Scanner("cm", "z", 0.012)),
    _Sample("mug", "mug", ceramics.mug, ".glb", Scanner("m", "y", 0.005)),
    _Sample("fly-agaric", "mushroom", figures.mushroom, ".ply", Scanner("m", "z", 0.008)),
    _Sample("pear", "pear", fruit.pear, ".ply", Scanner("mm", "z", 0.008)),
    _Sample("pumpkin", "pumpkin", fruit.pumpkin, ".obj", Scanner("m", "z", 0.014), ".png"),
    _Sample("teapot", "teapot", ceramics.teapot, ".glb", Scanner("m", "y", 0.005)),
)

SAMPLE_NAMES: tuple[str, ...] = tuple(s.name for s in _SAMPLES)


def _write_source(sample: _Sample, folder: Path) -> SampleSource:
    rng = np.random.default_rng(zlib.crc32(sample.name.encode()))
    model = scanned(with_landmarks(sample.name, sample.sculpt(rng)), sample.scanner, rng)
    path = folder / f"{sample.name}{sample.suffix}"
    if sample.suffix == ".obj":
        write_obj(path, model, sample.texture)
    elif sample.suffix == ".ply":
        write_ply(path, model)
    else:
        write_glb(path, model)
    write_landmarks(path, sample.name, model)
    return SampleSource(path, sample.class_name, sample.scanner.unit, sample.scanner.up)


def write_sample_sources(folder: Path, names: Collection[str]) -> list[SampleSource]:
    """Write samples into an existing ``folder`` as scan files, as awkward as scans are; the same ones every time.

    ``names`` picks them by their file's stem (``mug``, ``tea-carton`` …).

    OBJ, PLY and GLB; millimetres, centimetres and metres; Y or Z up; off the origin; noisy, with small holes; vertex
    colours in some, textures in others.
    """
    return [_write_source(sample, folder) for sample in _SAMPLES if sample.name in names]


def add_samples(staging: Path | str, names: list[str]) -> list[str]:
    """Write the sources of ``names`` below ``staging`` and take them in to ``staging/library``; returns ``names``.

    Raises as :func:`take_in.take_in`.
    """
    staging = Path(staging)
    sources = staging / "sources"
    sources.mkdir(exist_ok=True)
    for source in write_sample_sources(sources, names):
        options = IntakeOptions(source.class_name, source.unit, source.up, license=LICENSE, author="scanstage")
        take_in(source.path, options, staging / "library")
    return names
