"""Which samples there are, how each was "scanned", and their way through intake into the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assets.asset import META_FILE, Asset
from assets.intake import IntakeOptions, take_in
from assets.library import cache_folder, list_assets
from assets.samples import carton, ceramics, figures, fruit, packaging
from assets.samples.landmarks import with_landmarks, write_landmarks
from assets.samples.model import Model
from assets.samples.scan_files import write_glb, write_obj, write_ply
from assets.samples.scanning import Scanner, scanned

# Raise it when a sample or what intake makes of it changes: caches of other versions are then left alone, not mixed.
SAMPLES_VERSION = 2
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

SAMPLE_CLASSES: tuple[str, ...] = tuple(sorted({s.class_name for s in _SAMPLES}))


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


def write_sample_sources(folder: Path, names: Collection[str] | None = None) -> list[SampleSource]:
    """Write samples into an existing ``folder`` as scan files, as awkward as scans are; the same ones every time.

    ``names`` picks some by their file's stem (``mug``, ``tea-carton`` …); None writes all.

    OBJ, PLY and GLB; millimetres, centimetres and metres; Y or Z up; off the origin; noisy, with small holes; vertex
    colours in some, textures in others.
    """
    return [_write_source(sample, folder) for sample in _SAMPLES if names is None or sample.name in names]


def sample_assets() -> list[Asset]:
    """The built-in samples, sorted by id: made on first use in the cache, by the same intake as any scan.

    Raises OSError where the cache can't be written, InputError where it was damaged.
    """
    library = cache_folder() / f"samples-v{SAMPLES_VERSION}"
    if not library.is_dir():
        _make(library)
    return list_assets(library)


def _make(library: Path) -> None:
    """Fill a folder beside ``library`` and rename it: other processes see all of the samples or none."""
    library.parent.mkdir(parents=True, exist_ok=True)
    # The first command would otherwise be silent for as long as a broken one.
    print(f"making the built-in samples, once, in {library}: about half a minute", file=sys.stderr, flush=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{library.name}-", dir=library.parent))
    try:
        _fill(staging)
        (staging / "library").rename(library)
    except OSError:
        # Another process was first: what it renamed is complete.
        if not any(library.glob(f"*/*/{META_FILE}")):
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(staging: Path) -> None:
    """Make all samples in ``staging/library``, a second process helping where there is a second core."""
    names = [s.name for s in _SAMPLES]
    theirs = names[1::2] if (os.cpu_count() or 1) > 1 else []
    helper = None
    if theirs:
        # A plain child, not multiprocessing: that would run the caller's main module again.
        code = "import sys; from assets.samples.catalogue import add_samples; add_samples(sys.argv[1], sys.argv[2:])"
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-c", code, str(staging), *theirs]
        quiet = subprocess.DEVNULL
        helper = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=quiet, stderr=quiet)
    try:
        done = add_samples(staging, [n for n in names if n not in theirs])
        # Whatever the helper could not do, or why, is done or told by this process.
        if helper is None or helper.wait() != 0:
            add_samples(staging, [n for n in names if n not in done])
    finally:
        if helper is not None and helper.poll() is None:
            helper.kill()
            helper.wait()


def add_samples(staging: Path | str, names: list[str]) -> list[str]:
    """Write the sources of ``names`` below ``staging`` and take them in to ``staging/library``; returns ``names``.

    Raises as :func:`assets.intake.take_in`.
    """
    staging = Path(staging)
    sources = staging / "sources"
    sources.mkdir(exist_ok=True)
    for sample in (s for s in _SAMPLES if s.name in names):
        source = _write_source(sample, sources)
        options = IntakeOptions(source.class_name, source.unit, source.up, license=LICENSE, author="scanstage")
        take_in(source.path, options, staging / "library")
    return names
