"""Scans with alpha: what is cut away is no label, what is glass is one, and the record says who knew."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.toy_runs import generated

from scanstage.assets.asset import AssetMeta, Material, MeshArrays
from scanstage.assets.library.stored_assets import store_asset
from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.blender_session import BlenderEngines

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]


def store_card(library: Path, name: str, mode: str, alpha: tuple[int, int]) -> None:
    """A card of 10 x 10 cm that stands on its edge; its two halves differ in alpha."""
    texture = np.full((16, 16, 4), 255, np.uint8)
    texture[:, :8, 3], texture[:, 8:, 3] = alpha
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


@pytest.mark.parametrize(("mode", "alpha", "share"), [("MASK", (0, 255), 0.5), ("BLEND", (60, 60), 1.0)])
def test_labels_follow_what_is_there(tmp_path: Path, mode: str, alpha: tuple[int, int], share: float) -> None:
    store_card(tmp_path / "library", "card", mode, alpha)
    config = tmp_path / "cards.yaml"
    config.write_text(
        """
images: 1
assets: {library: library}
objects: {count: 1, placement: {kind: upright, yaw_deg: 0}}
camera: {resolution: [160, 120], azimuth_deg: 0, elevation_deg: 10, look_at_jitter: 0}
light: {ambient: {strength: 1}}
render: {samples: 4}
"""
    )
    summary = generated(config, GenerateOptions(out=tmp_path / "out"), BlenderEngines(None))
    assert summary.failed == []
    record = Record.from_json(summary.folder.record(0).read_text())
    (instance,) = record.instances
    (agreement,) = record.agreement
    assert record.label_source == "engine"
    assert agreement.cast_px > 500
    assert abs(instance.area_px / agreement.cast_px - share) < 0.05
    assert abs(instance.visible_fraction - share) < 0.05
