"""What the numbers of vertex colours mean: the scale is decided once, and an overshoot is clipped and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.gltf_files import GltfParts
from support.scan_files import gradient_image, png_bytes

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import ReadingChoices
from scanstage.assets.readers.gltf.gltf_reader import read_gltf
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.vertex_colors import ODD, color_bytes

FACES = "f 1 2 3\nf 1 3 4\nf 1 4 2\nf 4 3 2\n"
PLACES = ("0 0 0", "0.1 0 0", "0 0.1 0", "0 0 0.1")


def obj(folder: Path, rows: list[str], head: str = "") -> RawScan:
    lines = [f"v {place} {row}" for place, row in zip(PLACES, rows, strict=True)]
    (folder / "a.obj").write_text(head + "\n".join(lines) + "\n" + FACES)
    return read_scan(folder / "a.obj")


def ply(folder: Path, kinds: tuple[str, str, str], rows: list[str], comment: str = "") -> RawScan:
    head = ["ply", "format ascii 1.0", *([f"comment {comment}"] if comment else []), "element vertex 4"]
    head += [f"property float {axis}" for axis in "xyz"]
    head += [f"property {kind} {name}" for kind, name in zip(kinds, ("red", "green", "blue"), strict=True)]
    head += ["element face 4", "property list uchar int vertex_indices", "end_header"]
    body = [f"{place} {row}" for place, row in zip(PLACES, rows, strict=True)]
    (folder / "a.ply").write_text("\n".join([*head, *body, "3 0 1 2", "3 0 2 3", "3 0 3 1", "3 3 2 1"]) + "\n")
    return read_scan(folder / "a.ply")


def colors(scan: RawScan) -> list[list[int]]:
    assert scan.vertex_color is not None
    assert (scan.vertex_color[:, 3] == 255).all()
    return scan.vertex_color[:, :3].tolist()


def odd(scan: RawScan) -> list[str]:
    return [f.what for f in scan.findings if f.topic == ODD]


SCALES = {
    "0 to 1": ["0 0.2 1", "0.4 0.6 0.8", "1 0 0", "0 0 0"],
    "a little beyond": ["0 0.2 1.002", "0.4 0.6 0.8", "1.004 0 -0.001", "0 0 0"],
    "0 to 255": ["0 51 255", "102 153 204", "255 0 0", "0 0 0"],
    "0 to 255, a little beyond": ["0 51 255.4", "102 153 204", "255 0 0", "-0.2 0 0"],
    "16 bits": ["0 13107 65535", "26214 39321 52428", "65535 0 0", "0 0 0"],
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["obj", "float", "double"])
def test_all_scales_are_the_same_colors(tmp_path: Path, scale: str, kind: str) -> None:
    scan = obj(tmp_path, SCALES[scale]) if kind == "obj" else ply(tmp_path, (kind,) * 3, SCALES[scale])
    assert colors(scan) == [[0, 51, 255], [102, 153, 204], [255, 0, 0], [0, 0, 0]]
    assert bool(odd(scan)) == ("beyond" in scale)


def test_the_scale_is_that_of_all_channels(tmp_path: Path) -> None:
    """One that ends at 1, of numbers from 0 to 255, is nearly black and not full."""
    assert colors(ply(tmp_path, ("float",) * 3, ["200 1 0", "90 1 0", "30 0 1", "7 1 1"])) == [
        *([200, 1, 0], [90, 1, 0], [30, 0, 1], [7, 1, 1])
    ]
    rows = ["40000 257 0", "514 0 0", "0 65535 128", "257 0 300"]  # 257 a step, whatever the channel's own maximum
    assert colors(ply(tmp_path, ("ushort",) * 3, rows)) == [[156, 1, 0], [2, 0, 0], [0, 255, 0], [1, 0, 1]]
    assert colors(ply(tmp_path, ("ushort", "uchar", "int"), ["200 1 0", "90 1 0", "30 0 1", "7 1 1"])) == [
        *([200, 1, 0], [90, 1, 0], [30, 0, 1], [7, 1, 1])
    ]


def test_one_wild_number_is_clipped_and_told() -> None:
    red = np.linspace(0, 1, 1000)
    channels = [red.copy(), red[::-1].copy(), np.full(1000, 0.5)]
    channels[2][7] = 300.0
    rgba, found = color_bytes(channels, "auto", None)
    assert rgba is not None
    assert rgba[7, 2] == 255
    assert (rgba[:, 0] == np.rint(red * 255)).all()
    assert [f.what for f in found if f.topic == ODD] == [
        "1 number of its vertex colours lies beyond 0 to 1 (they go from 0 to 300)"
    ]


def test_what_is_no_color_is_told(tmp_path: Path) -> None:
    scan = obj(tmp_path, ["1 0 0", "nan 0 0", "0 0 0", "0.5 0 0"])
    assert colors(scan) == [[255, 0, 0], [128, 0, 0], [0, 0, 0], [128, 0, 0]]
    assert odd(scan) == ["1 of 4 vertices have no colour"]
    scan = obj(tmp_path, ["1 0 0", "", "0 0 0", "0.5 0 0"])
    assert colors(scan) == [[255, 0, 0], [128, 0, 0], [0, 0, 0], [128, 0, 0]]
    normals = obj(tmp_path, ["-1 0 0", "0 -1 0", "0 0 -1", "0 0.6 0.8"])
    assert normals.vertex_color is None
    assert odd(normals) == ["what stands where vertex colours do goes from -1 to 0.8"]
    assert ply(tmp_path, ("float",) * 3, ["nan 0 0"] * 4).vertex_color is None
    with pytest.raises(InputError, match="vertex colours go up to 1e\\+09"):
        ply(tmp_path, ("uint",) * 3, ["1000000000 0 0"] * 4)


def test_seven_numbers_are_a_weight_and_a_color_or_a_color_and_an_alpha(tmp_path: Path) -> None:
    rows = ["0.2 0.4 0.6", "1 0 0", "0 1 0", "0 0 1"]
    expected = [[51, 102, 153], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert colors(obj(tmp_path, [f"1 {row}" for row in rows])) == expected
    assert colors(obj(tmp_path, [f"{row} 1" for row in rows])) == expected


@pytest.mark.parametrize("kind", ["obj", "uchar", "float"])
def test_linear_light_is_declared_or_given(tmp_path: Path, kind: str) -> None:
    """IEC 61966-2-1: 0.2140 of the light is the code 0.5, 0.0331 is 0.2."""
    rows = ["55 55 55", "0 0 0", "255 255 255", "8 8 8"] if kind == "uchar" else ["0.214 0.0331 0", *["1 1 1"] * 3]
    for comment, given, converted in (
        ("", "auto", False),
        ("color space: linear", "auto", True),
        ("Colour space sRGB", "auto", False),
        ("", "linear", True),
        ("color space: linear", "srgb", False),
    ):
        if kind == "obj":
            obj(tmp_path, rows, head=f"# {comment}\n")
        else:
            ply(tmp_path, (kind,) * 3, rows, comment)
        path = tmp_path / ("a.obj" if kind == "obj" else "a.ply")
        first = colors(read_scan(path, choices=ReadingChoices(given)))[0]
        if kind == "uchar":  # 55 / 255 = 0.2157 of the light
            assert first == ([128, 128, 128] if converted else [55, 55, 55])
        else:
            assert first == ([127, 51, 0] if converted else [55, 8, 0])
        found = [f.what for f in inspect_scan(path, reading=ReadingChoices(given)).findings if f.topic == "colors"]
        assert len(found) == 1
        assert ("linear light" in found[0]) == converted
    with pytest.raises(InputError, match="'gamma' is not known"):
        read_scan(path, choices=ReadingChoices("gamma"))


def test_colors_of_faces_share_the_scale(tmp_path: Path) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2\nproperty list uchar int vertex_indices\n"
    head += "".join(f"property float {c}\n" for c in ("red", "green", "blue")) + "end_header\n"
    (tmp_path / "a.ply").write_text(head + "\n".join(PLACES) + "\n3 0 1 2 1.003 0.2 0\n3 0 2 3 0 0.4 0.6\n")
    assert colors(read_scan(tmp_path / "a.ply")) == [[255, 51, 0]] * 3 + [[0, 102, 153]] * 3


def painted(folder: Path, blocks: list[str]) -> RawScan:
    """As ZBrush writes it: vertices without colours, and those of all of them behind them, in comments."""
    places = "".join(f"v {place}\n" for place in PLACES)
    comment = "#The following MRGB block contains ZBrush Vertex Color (Polypaint) and masking output\n"
    lines = "".join(f"#MRGB {block}\n" for block in blocks)
    (folder / "a.obj").write_text(f"g default\n{places}{comment}{lines}#End of MRGB block\ng ball\n{FACES}")
    return read_scan(folder / "a.obj")


def test_polypaint_of_zbrush_is_vertex_colors(tmp_path: Path) -> None:
    """Four vertices in two lines; the mask, which stands first, is none of the colours."""
    scan = painted(tmp_path, ["ffc81e1e00FF8000", "ff1ea01e8001ff00"])
    assert colors(scan) == [[200, 30, 30], [255, 128, 0], [30, 160, 30], [1, 255, 0]]
    assert all(m.vertex_colors and m.base_color[:3] == (1, 1, 1) for m in scan.materials)
    told = [f.what for f in inspect_scan(tmp_path / "a.obj").findings if f.topic in ("color", "colors")]
    assert told == ["its vertex colours are ZBrush's polypaint (#MRGB)", "vertex colours of bytes, sRGB (usual)"]


@pytest.mark.parametrize(
    ("block", "told"),
    [("ffc81e1e" * 3, "colours of 3 vertices, of 4"), ("ffc81e1e" * 3 + "ffc81eXX", "else than hexadecimal digits")],
)
def test_polypaint_that_is_broken_is_told(tmp_path: Path, block: str, told: str) -> None:
    scan = painted(tmp_path, [block])
    assert scan.vertex_color is None
    assert [told in what for what in odd(scan)] == [True]


@pytest.mark.parametrize("mode", [0, 4])  # points, triangles
def test_colors_of_a_gltf_beyond_1_are_told(tmp_path: Path, mode: int) -> None:
    """glTF's are linear light from 0 to 1: 0.2140 is the code 127."""
    parts = GltfParts(nodes=[{"mesh": 0}], scenes=[{"nodes": [0]}])
    rows = [[float(x) for x in place.split()] for place in PLACES]
    attributes = {"POSITION": parts.add(rows), "NORMAL": parts.add([[0, 0, 1]] * 4)}
    attributes["COLOR_0"] = parts.add([[1.2, 0.214, 0], *[[1, 1, 1]] * 3])
    parts.json["meshes"] = [{"primitives": [{"attributes": attributes, "mode": mode}]}]
    if mode:
        parts.json["meshes"][0]["primitives"][0]["indices"] = parts.add([0, 1, 2, 0, 2, 3], "uint32")
        scan = read_scan(parts.write(tmp_path / "a.glb"))
    else:
        scan = read_gltf(parts.write(tmp_path / "a.glb"))
    assert colors(scan)[0] == [255, 127, 0]
    assert odd(scan) == ["numbers of its vertex colours lie beyond 0 to 1 (they go from 0 to 1.2)"]


MTL = "newmtl bare\nKd 0 0 1\nnewmtl tex\nKd 1 1 1\nmap_Kd t.png\nnewmtl green\nKd 0 1 0\n"
TRIANGLES = "vt 0 0\nusemtl bare\nf 1 2 3\nusemtl tex\nf 4/1 5/1 6/1\nusemtl green\nf 7 8 9\n"


def three_materials(folder: Path, bare: str, textured: str, rest: str) -> tuple[RawScan, dict[str, tuple[bool, float]]]:
    """Triangles without a texture, with one, and without; of each whether it shows colours, and its own green."""
    (folder / "t.png").write_bytes(png_bytes(gradient_image(8)))
    (folder / "a.mtl").write_text(MTL)
    rows = [f"v {place} {row}" for row in (bare, textured, rest) for place in PLACES[:3]]
    (folder / "a.obj").write_text("mtllib a.mtl\n" + "\n".join(rows) + "\n" + TRIANGLES)
    scan = read_scan(folder / "a.obj")
    return scan, {m.name: (m.vertex_colors, m.base_color[1]) for m in scan.materials}


def test_colours_beside_a_texture_are_of_what_has_none(tmp_path: Path) -> None:
    scan, shown = three_materials(tmp_path, "255 51 0", "255 0 0", "")
    assert shown == {"bare": (True, 1.0), "tex": (False, 1.0), "green": (False, 1.0)}
    assert scan.vertex_color is not None
    assert scan.vertex_color[scan.faces[0], :3].tolist() == [[255, 51, 0]] * 3
    assert [f.action for f in scan.findings if f.what == "vertex colours beside a texture"] == [
        "takes the texture where there is one, and colours elsewhere"
    ]
    assert odd(scan) == []


@pytest.mark.parametrize("beside", ["1 1 1", ""])
def test_white_beside_a_texture_is_no_colour(tmp_path: Path, beside: str) -> None:
    scan, shown = three_materials(tmp_path, beside, "0.2 0.4 0.6", beside)
    assert shown == {"bare": (False, 0.0), "tex": (False, 1.0), "green": (False, 1.0)}
    assert scan.vertex_color is None
    assert [f.action for f in scan.findings if f.what == "vertex colours beside a texture"] == [
        "takes the texture alone"
    ]


@pytest.mark.parametrize("missing", [True, False])
def test_colours_of_ply_stand_in_for_a_texture_that_is_not_there(tmp_path: Path, missing: bool) -> None:
    if not missing:
        (tmp_path / "t.png").write_bytes(png_bytes(gradient_image(8)))
    head = ["ply", "format ascii 1.0", "comment TextureFile t.png", "element vertex 3"]
    head += [f"property float {name}" for name in ("x", "y", "z", "texture_u", "texture_v")]
    head += [f"property uchar {name}" for name in ("red", "green", "blue")]
    head += ["element face 1", "property list uchar int vertex_indices", "end_header"]
    rows = [f"{place} 0 0 255 51 0" for place in PLACES[:3]]
    (tmp_path / "a.ply").write_text("\n".join([*head, *rows, "3 0 1 2"]) + "\n")
    scan = read_scan(tmp_path / "a.ply")
    assert (scan.vertex_color is not None, scan.materials[0].vertex_colors) == (missing, missing)
    assert scan.lost_textures == ("t.png",) * missing
