"""Alpha: what is opaque is called so, what is cut out is told, what nobody could see is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.scan_files import gradient_image, png_bytes, textured_patch, triangle_gltf, write_gltf, write_obj

from scanstage.assets.asset import Material
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.see_through import settle_alpha
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan


def scan_with(alpha: np.ndarray, mode: str, factor: float = 1.0, **changes: object) -> RawScan:
    """A sheet whose UV is its place, with this alpha channel (H, W; 0 to 255) in its texture."""
    positions, uv, faces = textured_patch()
    pixels = np.full((*alpha.shape, 4), 200, np.uint8)
    pixels[..., 3] = alpha
    material = Material("leaf", (1, 1, 1, factor), "leaf.png", alpha_mode=mode)
    images = {"leaf.png": png_bytes(Image.fromarray(pixels))}
    none = np.zeros(len(faces), np.int64)
    return replace(RawScan(positions, faces, none, (material,), images, uv[faces].astype(np.float32)), **changes)


SOLID = np.full((64, 64), 255, np.uint8)
LEFT_CUT = np.where(np.arange(64) < 16, 0, SOLID).astype(np.uint8)


@pytest.mark.parametrize("mode", ["MASK", "BLEND"])
def test_alpha_that_shows_nothing_through_is_opaque(mode: str) -> None:
    scan, findings = settle_alpha(scan_with(SOLID, mode))
    assert scan.materials[0].alpha_mode == "OPAQUE"
    assert findings == []


@pytest.mark.parametrize("mode", ["MASK", "BLEND"])
def test_what_is_cut_out_is_kept_and_measured(mode: str) -> None:
    scan, findings = settle_alpha(scan_with(LEFT_CUT, mode))
    assert scan.materials[0].alpha_mode == mode
    assert [f.topic for f in findings] == ["see-through"]
    share = float(findings[0].what.split("%")[0])
    assert share == pytest.approx(25, abs=4)  # the sheet is bumpy, so its area isn't spread evenly


def test_the_texture_is_read_the_right_way_up() -> None:
    """Only the half with v > 0.5 is used, and it is the upper half of the image that is opaque."""
    alpha = np.where(np.arange(64)[:, None] < 32, 255, np.zeros((64, 64))).astype(np.uint8)
    scan = scan_with(alpha, "MASK")
    assert scan.corner_uv is not None
    upper = replace(scan, corner_uv=scan.corner_uv * np.float32([1, 0.48]) + np.float32([0, 0.51]))
    assert settle_alpha(upper)[0].materials[0].alpha_mode == "OPAQUE"
    lower = replace(scan, corner_uv=scan.corner_uv * np.float32([1, 0.48]))
    with pytest.raises(InputError, match="invisible"):
        settle_alpha(lower)


@pytest.mark.parametrize(("mode", "factor"), [("BLEND", 0.0), ("MASK", 0.4)])
def test_invisible_scans_are_refused_unless_part_of_them_shows(mode: str, factor: float) -> None:
    scan = scan_with(SOLID, mode, factor)
    with pytest.raises(InputError, match="invisible"):
        settle_alpha(scan)
    half = (np.arange(len(scan.faces)) % 2).astype(np.int64)
    assert settle_alpha(replace(scan, materials=(*scan.materials, Material()), face_material=half))[1]


def test_alpha_of_vertex_colours_counts() -> None:
    color = np.full((36, 4), 255, np.uint8)
    color[:, 3] = 128
    scan = scan_with(SOLID, "BLEND", vertex_color=color)
    with_color = replace(scan, materials=(replace(scan.materials[0], vertex_colors=True),))
    assert settle_alpha(with_color)[1]
    assert not settle_alpha(scan)[1]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_intake_and_inspection_say_the_same(tmp_path: Path, alpha: float) -> None:
    look = {"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, alpha]}}
    document, binary = triangle_gltf(materials=[look])
    document["meshes"][0]["primitives"][0]["material"] = 0
    path = write_gltf(tmp_path / "scan.glb", document, binary)
    inspection = inspect_scan(path)
    assert inspection.refused == (alpha == 0)
    if inspection.refused:
        with pytest.raises(InputError, match="invisible"):
            take_in(path, IntakeOptions("thing"), tmp_path)
        return
    asset = take_in(path, IntakeOptions("thing"), tmp_path)
    told = [f"{f.topic}: {f.what}; {f.action}" for f in inspection.findings if f.topic == "see-through"]
    assert told == [n for n in asset.meta.intake["findings"] if n.startswith("see-through")]
    assert (asset.meta.materials[0].alpha_mode == "BLEND") == bool(told) == (alpha < 1)


def leaf_obj(folder: Path, mtl: str, mode: str = "RGBA", reach: float = 1.0) -> Path:
    """A sheet whose texture has an alpha of 0 on its left quarter, and which reaches as far to the right."""
    positions, uvs, faces = textured_patch()
    path = write_obj(folder / "a.obj", positions, uvs * (reach, 1), faces)
    image = gradient_image().convert("RGBA")
    image.putalpha(Image.fromarray(LEFT_CUT))
    image.convert(mode).save(folder / "skin.png")
    path.with_suffix(".mtl").write_text(f"newmtl skin\n{mtl}\n")
    return path


def told_of(path: Path) -> list[str]:
    """What inspection says, which is what intake says."""
    found = [f"{f.topic}: {f.what}; {f.action}" for f in inspect_scan(path).findings if f.topic == "see-through"]
    asset = take_in(path, IntakeOptions("leaf"), path.parent / "library")
    assert found == [n for n in asset.meta.intake["findings"] if n.startswith("see-through")]
    return found


@pytest.mark.parametrize(("wrap", "reach", "share"), [("", 1, 25), ("-clamp on ", 1.5, 17)])
def test_an_alpha_that_an_mtl_doesn_t_use_is_told(tmp_path: Path, wrap: str, reach: float, share: float) -> None:
    """A quarter of a sheet as wide as its texture, a sixth of one half as wide again whose edge goes on."""
    (told,) = told_of(leaf_obj(tmp_path, f"d 1\nmap_Kd {wrap}skin.png", reach=reach))
    assert "of the material 'skin' has an alpha below 1 in its texture, which nothing uses" in told
    assert "map_d in an MTL, with the same picture, cuts it out" in told
    assert float(told.split("%")[0].split()[-1]) == pytest.approx(share, abs=4)
    assert told_of(leaf_obj(tmp_path, "map_Kd skin.png", "RGB")) == []
    (used,) = told_of(leaf_obj(tmp_path, "map_Kd skin.png\nmap_d skin.png"))
    assert "is cut out (MASK)" in used


@pytest.mark.parametrize("mtl", ["d 0", "d 0.0\nTr 1", "Tr 1"])
def test_a_material_of_no_opacity_is_taken_for_opaque_and_told(tmp_path: Path, mtl: str) -> None:
    (told,) = told_of(leaf_obj(tmp_path, f"Kd 1 0 0\n{mtl}"))
    assert "the material 'skin' has an opacity of 0 (d, Tr)" in told
    assert told_of(leaf_obj(tmp_path, "Kd 1 0 0\nd 1\nTr 1")) == []
