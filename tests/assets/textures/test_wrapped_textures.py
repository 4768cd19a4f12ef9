"""Textures that are mirrored or clamped beyond their edges show the same when they are repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.scan_files import png_bytes, write_gltf

from scanstage.assets.asset import Material, TextureTransform
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.texture_coding import decode_rgb
from scanstage.assets.textures.wrapped_textures import Wrap, WrapModes, with_wraps

PIXELS = np.arange(8 * 4, dtype=np.uint8).reshape(4, 8)
"""4 rows of 8, each of its own shade."""


def scan_of(corners: list[tuple[float, float]], **fields: object) -> RawScan:
    """One triangle with these UVs, V up."""
    rgb = np.repeat(PIXELS[..., None], 3, axis=2)
    return RawScan(
        vertices=np.eye(3),
        faces=np.array([[0, 1, 2]]),
        face_material=np.zeros(1, np.int64),
        materials=(Material(base_color_texture="skin", **fields),),  # type: ignore[arg-type]
        images={"skin": png_bytes(Image.fromarray(rgb))},
        corner_uv=np.array([corners], np.float32),
    )


def shade(scan: RawScan, weights: np.ndarray) -> int:
    """Of the base colour's texture at a place of the triangle, which repeats: as renderers look it up, V up."""
    assert scan.corner_uv is not None
    name = str(scan.materials[0].base_color_texture)
    pixels = decode_rgb(scan.images[name], name)[..., 0]
    u, v = weights @ scan.corner_uv[0]
    return int(pixels[int((1 - v) % 1 * len(pixels)), int(u % 1 * len(pixels[0]))])


def wrapped(at: float, mode: Wrap, side: int) -> int:
    """Number of the pixel, by the words of the glTF specification: clamped, or mirrored in each odd unit."""
    if mode == "clamp":
        return int(np.clip(np.floor(at * side), 0, side - 1))
    within = at - np.floor(at)
    return int((1 - within if mode == "mirror" and np.floor(at) % 2 == 1 else within) * side)


@pytest.mark.parametrize("u_mode", ["repeat", "mirror", "clamp"])
@pytest.mark.parametrize("v_mode", ["repeat", "mirror", "clamp"])
@pytest.mark.parametrize("corners", [[(-1.3, -0.4), (2.2, 0.1), (0.3, 3.7)], [(0.2, 0.1), (1.02, 0.4), (0.1, 0.8)]])
def test_each_place_keeps_its_color(u_mode: Wrap, v_mode: Wrap, corners: list[tuple[float, float]]) -> None:
    scan = scan_of(corners)
    laid = with_wraps(scan, {0: {"base_color_texture": (u_mode, v_mode)}})
    rng, same = np.random.default_rng(3), 0
    for weights in rng.dirichlet((1, 1, 1), 400):
        u, v = weights @ np.array(corners)
        expected = PIXELS[wrapped(1 - v, v_mode, 4), wrapped(u, u_mode, 8)]
        same += shade(laid, weights) == expected
    assert same >= 396  # but for places right between two pixels


def test_what_stays_inside_is_left_alone() -> None:
    scan = scan_of([(0, 0), (1, 0), (0, 1)])
    assert with_wraps(scan, {0: {"base_color_texture": ("clamp", "mirror")}}) is scan
    beyond = scan_of([(0, 0), (5, 0), (0, 1)])
    assert with_wraps(beyond, {0: {"base_color_texture": ("repeat", "repeat")}}) is beyond


def test_what_would_be_too_large_is_told() -> None:
    scan = scan_of([(0, 0), (5000, 0), (0, 1)])
    laid = with_wraps(scan, {0: {"base_color_texture": ("clamp", "repeat")}})
    assert laid.materials == scan.materials
    assert [(f.severity, f.action) for f in laid.findings] == [
        ("warning", "repeats them: laid out they would be too large")
    ]


def test_other_textures_stay_where_they_were() -> None:
    """One that lies elsewhere is not laid out: its transform starts from the new UVs."""
    moved = TextureTransform("normal_texture", (0.5, 0, 0.1, 0, 0.25, 0.2))
    corners = [(-0.5, 0.0), (1.5, 0.5), (0.5, 2.5)]
    scan = scan_of(corners, normal_texture="skin", texture_transforms=(moved,))
    modes: dict[str, WrapModes] = {"base_color_texture": ("mirror", "clamp"), "normal_texture": ("repeat", "repeat")}
    laid = with_wraps(scan, {0: modes})
    assert laid.materials[0].normal_texture == "skin"
    assert laid.corner_uv is not None
    a, b, c, d, e, f = laid.materials[0].texture_transforms[0].matrix
    for (u, v), (old_u, old_v) in zip(laid.corner_uv[0].astype(float), corners, strict=True):
        assert (a * u + b * v + c, d * u + e * v + f) == pytest.approx((0.5 * old_u + 0.1, 0.25 * old_v + 0.2))
    told = with_wraps(scan, {0: {"normal_texture": ("clamp", "clamp")}})
    assert [f.action for f in told.findings] == ["repeats its normal"]


def test_samplers_of_gltf(tmp_path: Path) -> None:
    """A square whose UVs go from -1 to 2, mirrored along U and clamped along V, of a picture of four colours."""
    picture = Image.new("RGB", (8, 8))
    for at, color in (((0, 0), "red"), ((4, 0), "lime"), ((0, 4), "blue"), ((4, 4), "yellow")):
        picture.paste(color, (*at, at[0] + 4, at[1] + 4))
    places = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "<f4")
    uvs = np.array([(-1, 2), (2, 2), (2, -1), (-1, -1)], "<f4")  # V down
    blocks = [places.tobytes(), uvs.tobytes(), np.array([0, 1, 2, 0, 2, 3], "<u4").tobytes(), png_bytes(picture)]
    starts = np.cumsum([0, *map(len, blocks)])
    kinds = ((5126, 4, "VEC3"), (5126, 4, "VEC2"), (5125, 6, "SCALAR"))
    document = {
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"wrapS": 33648, "wrapT": 33071}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(s), "byteLength": len(b)} for s, b in zip(starts, blocks, strict=False)
        ],
        "accessors": [
            {"bufferView": k, "componentType": c, "count": n, "type": t} for k, (c, n, t) in enumerate(kinds)
        ],
    }
    path = write_gltf(tmp_path / "a.glb", document, b"".join(blocks))
    asset = take_in(path, IntakeOptions("tile"), tmp_path / "library")
    mesh, pixels = asset.mesh(), np.asarray(Image.open(next(asset.folder.glob("base_color*"))).convert("RGB"))
    assert mesh.corner_uv is not None
    seen = {}
    for corner, uv in zip(mesh.faces.ravel(), mesh.corner_uv.reshape(-1, 2), strict=True):
        middle = mesh.corner_uv.reshape(-1, 2).mean(axis=0)
        u, v = uv + 0.02 * (middle - uv)  # just inside
        seen[tuple(np.sign(mesh.vertices[corner][[0, 2]] - [0, 0.5]))] = pixels[
            int((1 - v) % 1 * len(pixels)), int(u % 1 * len(pixels[0]))
        ].tolist()
    # U -1 is the mirror's 1, the right half; U 2 is 0, the left one. Above the picture its upper edge goes on.
    assert seen == {(-1, -1): [255, 255, 0], (1, -1): [0, 0, 255], (1, 1): [255, 0, 0], (-1, 1): [0, 255, 0]}
    assert any("mirrored" in f.what and "clamped" in f.what for f in read_scan(path).findings)
