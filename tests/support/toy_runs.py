"""Runs of toy scans without Blender: an analytic engine stands in for it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import trimesh
from rich.console import Console

from scanstage.assets.asset import Asset, AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.render.commands.generate import GenerateOptions, generate
from scanstage.render.engine.blender_session import EngineCrashed
from scanstage.scenes.plan import FramePlan
from support import analytic
from support.analytic import BRICK_SIZE


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


class FakeSession:
    """BlenderSession's interface over the analytic engine; ``troubles`` maps a picture to errors raised in turn."""

    troubles: ClassVar[dict[int, list[Exception]]] = {}
    opened = 0

    def __init__(self, settings, blender, scratch, log, *, memory_bytes=None, gpu=None) -> None:
        type(self).opened += 1
        self.alive = True
        self.last = None
        self.printed = "chatter"
        self.info = SimpleNamespace(
            blender="analytic", engine="ANALYTIC", device="CPU", device_names=[], device_reason="a test", notes=["slow"]
        )

    def render(self, plan: FramePlan, folders, timeout_s):
        shown = {o.asset_id for o in plan.objects} | {s.asset_id for s in plan.surfaces}
        assert shown <= set(folders)
        assert all((folder / "mesh.npz").is_file() for folder in folders.values())
        for material in [s.material for s in plan.surfaces]:
            assert material.texture is None or Path(material.texture).is_file()
        if errors := self.troubles.get(plan.index):
            error = errors.pop(0)
            self.alive = not isinstance(error, EngineCrashed)
            raise error
        return analytic.render(plan)

    def kill(self) -> None:
        self.alive = False

    close = kill


def use_analytic_engine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let runs render with the analytic engine, in ``folder``."""
    monkeypatch.setattr("scanstage.render.executors.local.picture_pipeline.BlenderSession", FakeSession)
    monkeypatch.chdir(folder)
    FakeSession.troubles, FakeSession.opened = {}, 0


def toy_config(text: str, library: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A config file in ``folder``, of ``text`` with the library's place, to be run with the analytic engine there."""
    use_analytic_engine(monkeypatch, folder)
    path = folder / "toys.yaml"
    path.write_text(text % library)
    return path


def run(config: Path, **options):
    return generate(config, GenerateOptions(**options), Console(quiet=True))


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
