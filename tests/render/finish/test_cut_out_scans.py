"""Scans with alpha: what is cut away is no label, what is glass is one, and the record says who knew."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.toy_runs import generated

from scanstage.assets.asset import Asset, AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.scenes.sight.visibility import Caster

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]


def store_card(library: Path, name: str, mode: str, alpha: tuple[int, int], pattern: np.ndarray | None = None) -> None:
    """A card of 10 x 10 cm that stands on its edge; its two halves differ in alpha, or it has that of a pattern."""
    texture = np.full((16, 16, 4) if pattern is None else (*pattern.shape, 4), 255, np.uint8)
    texture[:, :8, 3], texture[:, 8:, 3] = alpha
    if pattern is not None:
        texture[..., 3] = pattern
    encoded = io.BytesIO()
    Image.fromarray(texture).save(encoded, "PNG")
    corners = np.array([[-0.05, 0, 0], [0.05, 0, 0], [0.05, 0, 0.1], [-0.05, 0, 0.1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)[faces].reshape(-1, 2)
    half_thickness = np.array([0, 0.005, 0])
    hull = np.concatenate([corners - half_thickness, corners + half_thickness]).astype(np.float32)
    mesh = MeshArrays(corners, faces, np.zeros(2, np.uint16), hull, uv)
    material = Material(base_color_texture="paint.png", alpha_mode=mode)
    meta = AssetMeta(f"{name}/card", name, (0.1, 0.01, 0.1), 2, (material,))
    store_asset(library, meta, mesh, {"paint.png": encoded.getvalue()})


@pytest.mark.parametrize(
    ("mode", "alpha", "share", "source"),
    [("MASK", (0, 255), 0.5, "cast"), ("MASK", (130, 255), 1.0, "cast"), ("BLEND", (60, 60), 1.0, "engine")],
)
def test_labels_follow_what_is_there(
    tmp_path: Path, mode: str, alpha: tuple[int, int], share: float, source: str
) -> None:
    store_card(tmp_path / "library", "card", mode, alpha)
    record = rendered(tmp_path, "upright, yaw_deg: 0", 1)
    (instance,) = record.instances
    (agreement,) = record.agreement
    assert record.label_source == source
    assert agreement.iou > 0.995
    plan = replace(record.plan, surfaces=())
    whole = Caster(lambda asset_id: Asset.open(tmp_path / "library" / asset_id).mesh()).cast(plan)
    assert whole.silhouettes[0].visible_px > 500
    assert abs(instance.area_px / whole.silhouettes[0].visible_px - share) < 0.03
    assert instance.visible_fraction == 1.0  # of what is there


def test_the_cast_knows_fine_cuts_as_the_engine_does(tmp_path: Path) -> None:
    """A card full of holes, some smaller than a pixel, before another: what is seen through them is the other's."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 2, (24, 24)).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    store_card(tmp_path / "library", "card", "MASK", (0, 255), coarse * 255)
    record = rendered(tmp_path, "scatter, density: 0.25", 6, "320, 240")
    assert record.label_source == "cast"
    assert len(record.agreement) == 6
    large = [a for a in record.agreement if a.cast_px > 200]
    assert len(large) >= 2
    assert min(a.iou for a in large) > 0.98


def rendered(folder: Path, placement: str, count: int, size: str = "160, 120") -> Record:
    config = folder / "cards.yaml"
    config.write_text(
        f"""
images: 1
assets: {{library: library}}
objects: {{count: {count}, placement: {{kind: {placement}}}}}
camera: {{resolution: [{size}], azimuth_deg: 0, elevation_deg: 10, look_at_jitter: 0}}
light: {{ambient: {{strength: 1}}}}
render: {{samples: 4}}
"""
    )
    summary = generated(config, GenerateOptions(out=folder / "out"), BlenderEngines(None))
    assert summary.failed == []
    return Record.from_json(summary.folder.record(0).read_text())
