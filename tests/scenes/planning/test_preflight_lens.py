"""What EEVEE can't render through is refused before anything is planned or rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.planning.preflight import open_inputs

FISHEYE = "{model: fisheye, k1: {uniform: [0, 0.01]}}"
MILD = "{k1: -0.1, k2: 0.01}"
WIDE = "{k1: -0.25, k2: 0.04}"  # of a lens that sees 150 degrees


def open_with(folder: Path, library: Path, engine: str, camera: str) -> None:
    path = folder / "c.yaml"
    path.write_text(f"assets: {{library: {library}}}\nrender: {{engine: {engine}}}\ncamera: {camera}\n")
    open_inputs(load_config(path), folder)


@pytest.mark.parametrize(
    "camera",
    [
        f"{{distortion: {FISHEYE}}}",
        f"{{intrinsics: {{fx: 110}}, resolution: [320, 240], distortion: {WIDE}}}",
        f"{{intrinsics: {{fx: {{choice: [110, 900]}}}}, resolution: [320, 240], distortion: {WIDE}}}",
    ],
)
def test_eevee_is_refused_what_needs_a_fisheye(tmp_path: Path, toy_library: Path, camera: str) -> None:
    with pytest.raises(InputError, match=r"camera\.distortion") as caught:
        open_with(tmp_path, toy_library, "eevee", camera)
    assert "cycles" in str(caught.value.hint)
    open_with(tmp_path, toy_library, "cycles", camera)


@pytest.mark.parametrize("camera", ["{}", f"{{intrinsics: {{fx: 400}}, distortion: {MILD}}}", "{fov_deg: 150}"])
def test_eevee_renders_the_rest(tmp_path: Path, toy_library: Path, camera: str) -> None:
    open_with(tmp_path, toy_library, "eevee", camera)
