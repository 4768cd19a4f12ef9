"""Assets that renders by a real Blender show."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.unit_boxes import add_asset, box_arrays

from scanstage.assets.asset import MeshArrays


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("assets")
    box = box_arrays()
    plane = MeshArrays(
        np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.zeros(2, np.uint16),
        np.zeros((4, 3), np.float32),
    )
    colors = np.tile(np.array([200, 100, 50, 255], np.uint8), (len(box.vertices), 1))
    hole = np.full((64, 64, 4), 255, np.uint8)
    hole[16:48, 16:48, 3] = 0
    png = root / "hole.png"
    Image.fromarray(hole).save(png)
    return {
        "primitive/box": add_asset(root / "box", box),
        "primitive/plane": add_asset(root / "plane", plane),
        "scan/glow": add_asset(root / "glow", box, base_color=(0.0, 0.0, 0.0, 1.0), emissive=(0.5, 0.25, 0.0)),
        "scan/painted": add_asset(
            root / "painted",
            dataclasses.replace(box, vertex_color=colors),
            base_color=(1.0, 1.0, 1.0, 1.0),
            vertex_colors=True,
        ),
        "scan/holed": add_asset(
            root / "holed", box, {"t.png": png.read_bytes()}, base_color_texture="t.png", alpha_mode="MASK"
        ),
    }
