"""Runs of toy scans without Blender: an analytic engine stands in for it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from scanstage.assets.asset import Asset, AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.render.bookkeeping.progress import OnProgress, ignore_progress
from scanstage.render.bookkeeping.run_options import GenerateOptions, command_of, read_config
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.cli.app import entrypoint
from scanstage.render.commands.generate import generate
from scanstage.render.engine.engine_protocol import EngineFactory
from support.analytic import BRICK_SIZE
from support.analytic_engine import AnalyticEngines


def store_toy(library: Path, class_name: str, shape: trimesh.Trimesh, color: tuple[float, float, float]) -> Asset:
    """Put a trimesh shape into a library, moved so that its base's centre is the origin."""
    shape = shape.copy()
    low, high = shape.bounds
    shape.apply_translation([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    mesh = MeshArrays(
        vertices=shape.vertices.astype(np.float32),
        faces=shape.faces.astype(np.int32),
        face_material=np.zeros(len(shape.faces), np.uint16),
        hull=shape.convex_hull.vertices.astype(np.float32)[:200],
    )
    meta = AssetMeta(
        f"{class_name}/toy",
        class_name,
        tuple(float(x) for x in shape.extents),
        len(shape.faces),
        (Material(base_color=(*color, 1.0)),),
    )
    return store_asset(library, meta, mesh, {})


CONFIG = """
images: 6
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [2, 4]}}
camera: {resolution: [160, 120]}
"""


BALANCED_CONFIG = """
assets: {library: %s, classes: [box, ball, brick]}
objects: {count: {integer: [3, 5]}, placement: {kind: upright, density: 0.5}}
stage: {kind: ground}
camera: {resolution: [80, 60], elevation_deg: {uniform: [5, 25]}}
labels: {min_pixels: 12, min_visible_fraction: 0.4}
balance: {target: {box: 20, ball: 12, "*": 12}}
"""


def toy_config(text: str, library: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A config file in ``folder``, of ``text`` with the library's place; the working directory is there."""
    monkeypatch.chdir(folder)
    path = folder / "toys.yaml"
    path.write_text(text % library)
    return path


def generated(
    config: Path,
    options: GenerateOptions,
    engines: EngineFactory | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Summary:
    """A run of a config file with the analytic engine, or other ``engines``."""
    loaded, command = read_config(config, options), command_of(config, options)
    return generate(loaded, config.resolve().parent, options, command, engines or AnalyticEngines(), on_progress)


def run(config: Path, engines: EngineFactory | None = None, **options: Any) -> Summary:
    """The same, of options by name."""
    return generated(config, GenerateOptions(**options), engines)


def command(argv: list[str], engines: EngineFactory | None = None) -> int:
    """Exit code of a command line that renders with the analytic engine, or other ``engines``."""
    return entrypoint(argv, engines or AnalyticEngines())


def digest(folder: Path, *parts: str) -> dict[str, str]:
    files = [p for part in parts for p in sorted((folder / part).rglob("*")) if p.is_file()]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


DATA = ("images", "records", "annotations")


def brick_config(text: str, toy_library: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """As :func:`toy_config`, with a copy of the library that has bricks too."""
    library = folder / "library"
    shutil.copytree(toy_library, library)
    store_toy(library, "brick", trimesh.creation.box(BRICK_SIZE), (0.5, 0.5, 0.1))
    return toy_config(text, library, monkeypatch, folder)
