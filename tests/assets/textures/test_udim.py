"""UDIM tiles: each unit square of texture coordinates shows its own image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.scan_files import png_bytes, textured_patch, write_glb, write_gltf

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.texture_coding import decode_rgb
from scanstage.assets.textures.udim import NO_TILE, corner_of, named_tile, of_tile, tile_of_faces

SHADES = {1001: 10, 1002: 60, 1011: 110, 1023: 160}
CORNERS = {1001: (0, 0), 1002: (1, 0), 1011: (0, 1), 1023: (2, 2)}
"""Of tiles, by hand: 1001 + u + 10 v."""


def tiles(folder: Path, pattern: str, without: int | None = None) -> None:
    """One picture of each tile: its shade in red, and green that grows to the right."""
    for tile, shade in SHADES.items():
        if tile != without:
            pixels = np.zeros((4, 4, 3), np.uint8)
            pixels[..., 0], pixels[..., 1] = shade, np.arange(4) * 60
            u, v = CORNERS[tile]
            name = pattern.replace("<UDIM>", str(tile)).replace("<UVTILE>", f"u{u + 1}_v{v + 1}")
            Image.fromarray(pixels).save(folder / name)


def squares(path: Path, texture: str, beyond: float = 0.0, maps: str = "") -> RawScan:
    """A square a tile, side by side along x, each with the whole of its tile but for a rim."""
    lines = ["mtllib a.mtl", "usemtl body"]
    for k, (u, v) in enumerate(CORNERS.values()):
        lines += [f"v {k + x} {y} 0" for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
        lines += [f"vt {u + s} {v + t}" for s, t in ((0.1, 0.1), (0.9 + beyond, 0.1), (0.9 + beyond, 0.9), (0.1, 0.9))]
        lines.append("f " + " ".join(f"{4 * k + i}/{4 * k + i}" for i in (1, 2, 3, 4)))
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".mtl").write_text(f"newmtl body\nKd 1 1 1\nmap_Kd {texture}\n{maps}")
    return read_scan(path)


def shades(scan: RawScan) -> list[int | None]:
    """Red of the picture of each square's first triangle."""
    found: list[int | None] = []
    for k in scan.face_material[::2]:
        name = scan.materials[k].base_color_texture
        found.append(None if name is None else int(decode_rgb(scan.images[name], name)[0, 0, 0]))
    return found


@pytest.mark.parametrize("pattern", ["skin.<UDIM>.png", "skin_<udim>.png", "skin.<UVTILE>.png", "skin.%(UDIM)d.png"])
def test_each_tile_shows_its_picture(tmp_path: Path, pattern: str) -> None:
    tiles(tmp_path, pattern.replace("<udim>", "<UDIM>").replace("%(UDIM)d", "<UDIM>"))
    scan = squares(tmp_path / "a.obj", pattern)
    assert shades(scan) == [10, 60, 110, 160]
    assert [m.name for m in scan.materials] == [f"body.{tile}" for tile in CORNERS]
    assert scan.corner_uv is not None
    np.testing.assert_allclose(scan.corner_uv[0::2], [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]] * 4, atol=1e-6)
    assert [f.what for f in scan.findings if f.topic == "udim"] == ["the textures of 'body' are 4 UDIM tiles"]


@pytest.mark.parametrize("first", [1001, 1011])
def test_the_name_of_one_tile_stands_for_all(tmp_path: Path, first: int) -> None:
    tiles(tmp_path, "skin.<UDIM>.png")
    assert shades(squares(tmp_path / "a.obj", f"skin.{first}.png")) == [10, 60, 110, 160]


@pytest.mark.parametrize("name", ["skin.1001.png", "skin.png", "skin.1005.png"])
def test_a_texture_alone_repeats(tmp_path: Path, name: str) -> None:
    """No other tile is there, or its number isn't that of a tile in use: what lies beyond repeats it."""
    if "1005" in name:
        tiles(tmp_path, "skin.<UDIM>.png")
    Image.new("RGB", (4, 4), (200, 0, 0)).save(tmp_path / name)
    scan = squares(tmp_path / "a.obj", name)
    assert shades(scan) == [200] * 4
    assert scan.corner_uv is not None
    assert scan.corner_uv.max() == pytest.approx(2.9)
    told = [f.what for f in scan.findings if f.topic == "udim"]
    lone = "'skin.1001.png' is named as a UDIM tile, and faces of 'body' lie in others, which aren't there"
    assert told == ([lone] if "1001" in name else [])


@pytest.mark.parametrize("first", [0, 1])
def test_tiles_may_be_named_by_their_place(tmp_path: Path, first: int) -> None:
    """As Mudbox names them, which counts from 1, and ZBrush from 0."""
    tiles(tmp_path, "skin_<UVTILE>.png")
    if first == 0:
        for u, v in CORNERS.values():  # which come from low to high, so that none is in the way
            (tmp_path / f"skin_u{u + 1}_v{v + 1}.png").rename(tmp_path / f"skin_u{u}_v{v}.png")
    assert shades(squares(tmp_path / "a.obj", f"skin_u{first}_v{first}.png")) == [10, 60, 110, 160]
    assert [
        named_tile(name) for name in ("a_u2_v3.png", "a.u10_v1.png", "u9_v0.png", "u12_v1.png", "menu1_v2.png")
    ] == [
        *(1022, 1010, 1010, None, None),
    ]


def gltf_squares(path: Path, image: dict[str, object], extra: bytes = b"", apart: bool = False) -> RawScan:
    """The squares of :func:`squares` in a glTF, whose V points down; ``apart`` makes a mesh of each."""
    positions, uvs = [], []
    for k, (u, v) in enumerate(CORNERS.values()):
        positions += [(k + x, y, 0) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
        uvs += [(u + s, 1 - (v + t)) for s, t in ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))]
    index = np.concatenate([np.array([0, 1, 2, 0, 2, 3]) + 4 * k for k in range(4)])
    blocks = [
        np.array(positions, "<f4").tobytes(),
        np.array(uvs, "<f4").tobytes(),
        index.astype("<u4").tobytes(),
        extra,
    ]
    starts = np.cumsum([0, *map(len, blocks)])
    kinds = ((5126, 16, "VEC3"), (5126, 16, "VEC2"), (5125, 24, "SCALAR"))
    document: dict[str, Any] = {
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"name": "body", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [image],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(s), "byteLength": len(b)} for s, b in zip(starts, blocks, strict=False)
        ],
        "accessors": [
            {"bufferView": k, "componentType": c, "count": n, "type": t} for k, (c, n, t) in enumerate(kinds)
        ],
    }
    if apart:
        squares_of = [{"bufferView": 2, "byteOffset": 24 * k, "componentType": 5125} for k in range(4)]
        document["accessors"] += [one | {"count": 6, "type": "SCALAR"} for one in squares_of]
        (primitive,) = document["meshes"][0]["primitives"]
        document["meshes"] = [{"primitives": [primitive | {"indices": 3 + k}]} for k in range(4)]
    return read_scan(write_gltf(path, document, b"".join(blocks)))


def test_tiles_beside_a_gltf_show_their_pictures(tmp_path: Path) -> None:
    tiles(tmp_path, "skin a.<UDIM>.png", without=1011)
    scan = gltf_squares(tmp_path / "a.glb", {"uri": "skin%20a.1001.png"})
    assert shades(scan) == [10, 60, None, 160]
    assert [m.name for m in scan.materials] == [f"body.{tile}" for tile in CORNERS]
    assert scan.corner_uv is not None
    np.testing.assert_allclose(scan.corner_uv[0::2], [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]] * 4, atol=1e-6)
    told = {f.topic: f.what for f in scan.findings}
    assert told["udim"] == "the textures of 'body' are UDIM tiles"
    assert "'skin a.1011.png' is not in" in told["missing texture"]


def test_tiles_of_a_material_are_looked_for_over_all_meshes(tmp_path: Path) -> None:
    """Each mesh lies in one tile alone, and only the first in the one that the material names."""
    tiles(tmp_path, "skin.<UDIM>.png")
    scan = gltf_squares(tmp_path / "a.glb", {"uri": "skin.1001.png"}, apart=True)
    assert shades(scan) == [10, 60, 110, 160]
    assert scan.corner_uv is not None
    np.testing.assert_allclose(scan.corner_uv[0::2], [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]] * 4, atol=1e-6)
    assert [f.what for f in scan.findings if f.topic == "udim"] == ["the textures of 'body' are UDIM tiles"]


def test_a_tile_inside_a_glb_repeats_and_is_told(tmp_path: Path) -> None:
    picture = png_bytes(Image.new("RGB", (4, 4), (200, 0, 0)))
    image = {"name": "skin.1001", "mimeType": "image/png", "bufferView": 3}
    scan = gltf_squares(tmp_path / "a.glb", image, picture)
    assert shades(scan) == [200] * 4
    what = "'skin.1001' is named as a UDIM tile, and faces of 'body' lie in others, which aren't there"
    assert [f.what for f in scan.findings if f.topic == "udim"] == [what]


def test_a_tile_that_is_missing_is_told(tmp_path: Path) -> None:
    tiles(tmp_path, "skin.<UDIM>.png", without=1011)
    scan = squares(tmp_path / "a.obj", "skin.<UDIM>.png")
    assert shades(scan) == [10, 60, None, 160]
    assert [f.what.split("'")[1] for f in scan.findings if f.topic == "missing texture"] == ["skin.1011.png"]
    assert not inspect_scan(tmp_path / "a.obj").refused
    for file in tmp_path.glob("skin.*"):
        file.unlink()
    assert inspect_scan(tmp_path / "a.obj").refused


def test_what_reaches_across_a_border_is_told(tmp_path: Path) -> None:
    tiles(tmp_path, "skin.<UDIM>.png")
    scan = squares(tmp_path / "a.obj", "skin.<UDIM>.png", beyond=0.4)
    assert shades(scan) == [10, 60, 110, 160]
    assert "8 triangles of 'body' reach across the border of a UDIM tile" in [f.what for f in scan.findings]


def test_other_maps_have_their_tiles_and_come_in(tmp_path: Path) -> None:
    tiles(tmp_path, "skin.<UDIM>.png")
    tiles(tmp_path, "rough.<UDIM>.png")
    scan = squares(tmp_path / "a.obj", "skin.<UDIM>.png", maps="map_Pr rough.1001.png\n")
    roughness = [decode_rgb(scan.images[str(m.metallic_roughness_texture)], "r")[0, 3, 1] for m in scan.materials]
    assert len(set(roughness)) == 4
    asset = take_in(tmp_path / "a.obj", IntakeOptions("thing", unit="m", up="z"), tmp_path / "library")
    mesh = asset.mesh()
    middles = mesh.vertices[mesh.faces].mean(axis=1)[:, 0] + 2  # squares stand at 0 to 4, moved to the middle
    for middle, k in zip(middles, mesh.face_material, strict=True):
        texture = asset.folder / str(asset.meta.materials[k].base_color_texture)
        assert np.asarray(Image.open(texture))[0, 0, 0] == list(SHADES.values())[int(middle)]


@pytest.mark.parametrize("name", ["skin.<UDIM>.png", "skin.1001.png"])
@pytest.mark.parametrize("reach", [1.0, 2.0])
def test_tiles_of_what_blender_reads_are_refused_by_name(tmp_path: Path, name: str, reach: float) -> None:
    """Its GLB keeps one; where all of the scan lies in that one, nothing is lost."""
    tiles(tmp_path, "skin.<UDIM>.png")
    positions, uvs, faces = textured_patch(3)
    (tmp_path / "a.usda").write_text(f"#usda 1.0\nasset inputs:file = @{name}@\n")

    def convert(source: Path, target: Path, folder: Path) -> None:
        assert (source.parent / "skin.1001.png").is_file()
        write_glb(target, positions, uvs * reach, faces)

    if reach > 1:
        with pytest.raises(InputError, match="UDIM tiles"):
            read_scan(tmp_path / "a.usda", convert)
    else:
        assert read_scan(tmp_path / "a.usda", convert).images


def test_numbers_of_tiles() -> None:
    corners = np.array([[0.5, 0.5], [9.5, 0.5], [10.5, 0.5], [0.5, 99.5], [-0.5, 0.5], [np.nan, 0], [0.5, 100.5]])
    uv = np.repeat(corners[:, None], 3, axis=1).astype(np.float32)
    assert tile_of_faces(uv).tolist() == [1001, 1010, NO_TILE, 1991, NO_TILE, NO_TILE, NO_TILE]
    assert [corner_of(t) for t in (1001, 1010, 1011, 1991, NO_TILE)] == [(0, 0), (9, 0), (0, 1), (0, 99), (0, 0)]
    assert of_tile("1002/a1003.b_1004.png", 1012) == "1002/a1003.b_1012.png"
    assert of_tile("a10011.png", 1012) == "a10011.png"
