"""Every format gives the same surface, with its texture the right way round."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.scan_files import (
    gradient_image,
    png_bytes,
    textured_patch,
    triangle_gltf,
    write_binary_stl,
    write_bop_ply,
    write_glb,
    write_gltf,
    write_meshlab_ply,
    write_msh,
    write_obj,
)

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.parsing.polygons import triangulate
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.texture_coding import decode_rgb

WRITERS = {
    "scan.obj": write_obj,
    "bop.ply": write_bop_ply,
    "meshlab.ply": write_meshlab_ply,
    "big_endian.ply": lambda *a: write_meshlab_ply(*a, order=">"),
    "skin.msh": write_msh,
    "scan.glb": write_glb,
}


def color_at_corners(scan: RawScan) -> np.ndarray:
    """(F, 3, 3) texture colour at the corners, by V up."""
    material = scan.materials[0]
    assert material.base_color_texture is not None
    image = decode_rgb(scan.images[material.base_color_texture], "texture")
    assert scan.corner_uv is not None
    h, w = image.shape[:2]
    x = np.clip((scan.corner_uv[..., 0] * w).astype(int), 0, w - 1)
    y = np.clip(((1 - scan.corner_uv[..., 1]) * h).astype(int), 0, h - 1)
    return image[y, x]


@pytest.mark.parametrize("name", WRITERS)
def test_texture_lies_where_it_belongs(tmp_path: Path, name: str) -> None:
    positions, uvs, faces = textured_patch()
    gradient_image().save(tmp_path / "skin.png")
    scan = read_scan(WRITERS[name](tmp_path / name, positions, uvs, faces))
    assert len(scan.faces) == len(faces)
    at = scan.vertices[scan.faces]
    np.testing.assert_allclose(
        np.sort(at.reshape(-1, 3), axis=0), np.sort(positions[faces].reshape(-1, 3), axis=0), atol=1e-6
    )
    color = color_at_corners(scan).astype(float) / 255
    # red is x and green is y: a flipped or transposed V would be off by up to 1
    np.testing.assert_allclose(color[..., 0], at[..., 0], atol=0.03)
    np.testing.assert_allclose(color[..., 1], at[..., 1], atol=0.03)


def test_texture_bytes_are_kept(tmp_path: Path) -> None:
    data = png_bytes(gradient_image())
    (tmp_path / "skin.png").write_bytes(data)
    scan = read_scan(write_obj(tmp_path / "scan.obj", *textured_patch()))
    assert list(scan.images.values()) == [data]


def test_obj_polygons_relative_indices_and_materials(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\nPr 0.25\nPm 1\n")
    (tmp_path / "a.obj").write_text(
        "# a comment\nmtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0 # behind\nv 0 1 0\nusemtl red\nf 1 2 3 4\n"
        "v 0 0 1\nv 1 0 1\nv 1 1 1\nusemtl blue\nf -3 -2 \\\n -1\nusemtl red\nf 1//1 2//1 5//1 # behind\n"
    )
    scan = read_scan(tmp_path / "a.obj")
    assert scan.faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [0, 1, 4]]
    assert [scan.materials[m].name for m in scan.face_material] == ["red", "red", "blue", "red"]
    blue = scan.materials[scan.face_material[2]]
    assert (blue.base_color, blue.roughness, blue.metallic) == ((0, 0, 1, 1), 0.25, 1.0)


def test_obj_vertex_colors(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 0.5\nf 1 2 3\n")
    scan = read_scan(tmp_path / "a.obj")
    assert scan.vertex_color is not None
    assert scan.vertex_color.tolist() == [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 128, 255]]
    assert scan.materials[0].vertex_colors


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_units_in_comments_are_believed(tmp_path: Path, unit: str) -> None:
    (tmp_path / "a.obj").write_text(f"# units: {unit}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert read_scan(tmp_path / "a.obj").unit == unit


def test_missing_textures_and_materials_are_findings(tmp_path: Path) -> None:
    scan = read_scan(write_obj(tmp_path / "scan.obj", *textured_patch(), texture="gone.jpg"))
    assert any(f.topic == "missing texture" and "gone.jpg" in f.what for f in scan.findings)
    (tmp_path / "scan.mtl").unlink()
    topics = {f.topic for f in read_scan(tmp_path / "scan.obj").findings}
    assert {"missing material file", "missing material"} <= topics


def test_names_are_found_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    gradient_image().save(tmp_path / "My Skin.PNG")
    scan = read_scan(write_obj(tmp_path / "scan.obj", *textured_patch(), texture="-s 1 1 1 .\\my skin.png"))
    assert len(scan.images) == 1
    assert not scan.findings


def test_files_of_old_windows_tools(tmp_path: Path) -> None:
    """A byte order mark, CRLF, tabs, and names in code page 1252."""
    gradient_image().save(tmp_path / "Gefäß.png")
    mtl = "newmtl Gefäß\r\n\tmap_Kd\tGefäß.png\r\n"
    obj = "v 0 0 0\r\nv 1 0 0\r\n\tv 0 1 0\r\nvt 0 0\r\nmtllib a.mtl\r\nusemtl\tGefäß\r\nf 1/1 2/1 3/1\r\n"
    (tmp_path / "a.mtl").write_bytes(mtl.encode("cp1252"))
    (tmp_path / "a.obj").write_bytes(b"\xef\xbb\xbf" + obj.encode("cp1252"))
    scan = read_scan(tmp_path / "a.obj")
    assert scan.materials[0].base_color_texture == "Gefäß.png"
    assert not scan.findings


def test_textures_without_coordinates_are_a_finding(tmp_path: Path) -> None:
    gradient_image().save(tmp_path / "skin.png")
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    path.write_text(re.sub(r"^vt.*\n|/\d+", "", path.read_text(), flags=re.MULTILINE))
    scan = read_scan(path)
    assert scan.materials[0].base_color_texture is None
    assert any("no UV" in f.what for f in scan.findings)


def test_coordinates_of_a_texture_that_nothing_names_are_a_finding(tmp_path: Path) -> None:
    gradient_image().save(tmp_path / "skin.png")
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    assert not any(f.topic == "no texture" for f in read_scan(path).findings)
    path.write_text(re.sub(r"^(mtllib|usemtl).*\n", "", path.read_text(), flags=re.MULTILINE))
    assert [f.severity for f in read_scan(path).findings if f.topic == "no texture"] == ["warning"]
    path.write_text(re.sub(r"^vt.*\n|/\d+", "", path.read_text(), flags=re.MULTILINE))
    assert not any(f.topic == "no texture" for f in read_scan(path).findings)  # nothing was lost


def test_binary_ply_of_triangles_and_quads(tmp_path: Path) -> None:
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0]], "<f4")
    head = b"ply\nformat binary_little_endian 1.0\nelement vertex 5\nproperty float x\nproperty float y\n"
    head += b"property float z\nelement face 2\nproperty list uchar int vertex_index\nend_header\n"
    rows = b"\x03" + np.array([1, 4, 2], "<i4").tobytes() + b"\x04" + np.array([0, 1, 2, 3], "<i4").tobytes()
    (tmp_path / "a.ply").write_bytes(head + positions.tobytes() + rows)
    assert read_scan(tmp_path / "a.ply").faces.tolist() == [[1, 4, 2], [0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_ply_vertex_colors_through_trimesh(tmp_path: Path, encoding: str, rng: np.random.Generator) -> None:
    ball = trimesh.creation.icosphere(subdivisions=1, radius=0.05)
    colors = rng.integers(0, 256, (len(ball.vertices), 4), dtype=np.uint8)
    ball.visual = trimesh.visual.ColorVisuals(ball, vertex_colors=colors)
    (tmp_path / "a.ply").write_bytes(ball.export(file_type="ply", encoding=encoding))
    scan = read_scan(tmp_path / "a.ply")
    assert scan.vertex_color is not None
    assert (scan.vertex_color[:, :3] == colors[:, :3]).all()
    assert (scan.faces == ball.faces).all()


def test_ply_triangle_strips(tmp_path: Path) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    (tmp_path / "a.ply").write_text(head + "0 0 0\n0 1 0\n1 0 0\n1 1 0\n2 0 0\n8 0 1 2 3 -1 2 3 4\n")
    assert read_scan(tmp_path / "a.ply").faces.tolist() == [[0, 1, 2], [1, 3, 2], [2, 3, 4]]


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_stl(tmp_path: Path, kind: str) -> None:
    box = trimesh.creation.box((1, 2, 3))
    data = box.export(file_type=kind)
    (tmp_path / "a.stl").write_bytes(data if isinstance(data, bytes) else data.encode())
    scan = read_scan(tmp_path / "a.stl")
    np.testing.assert_allclose(scan.vertices[scan.faces], box.triangles, atol=1e-6)


def test_stl_with_bytes_behind_its_end(tmp_path: Path) -> None:
    path = write_binary_stl(tmp_path / "a.stl", trimesh.creation.box())
    path.write_bytes(path.read_bytes() + b"\r\n\r\n")
    assert len(read_scan(path).faces) == 12


def test_gltf_nodes_place_turn_and_mirror(tmp_path: Path) -> None:
    half = np.sqrt(0.5)
    nodes = [
        {"children": [1, 2], "translation": [0, 0, 5]},
        {"mesh": 0, "rotation": [0, 0, half, half], "scale": [2, 2, 2]},  # 90 degrees about z
        {"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 7, 0, 0, 1]},  # mirrored in x, moved
    ]
    scan = read_scan(write_gltf(tmp_path / "a.glb", *triangle_gltf(nodes=nodes)))
    np.testing.assert_allclose(scan.vertices[:3], [[0, 0, 5], [0, 0.2, 5], [-0.2, 0, 5]], atol=1e-6)
    np.testing.assert_allclose(scan.vertices[3:], [[7, 0, 5], [6.9, 0, 5], [7, 0.1, 5]], atol=1e-6)
    a, b, c = scan.vertices[scan.faces[1]]
    assert np.cross(b - a, c - a)[2] > 0  # still counter-clockwise though mirrored
    assert (scan.unit, scan.up) == ("m", "y")


def test_gltf_with_buffer_beside(tmp_path: Path) -> None:
    document, binary = triangle_gltf()
    (tmp_path / "the data.bin").write_bytes(binary)
    path = write_gltf(tmp_path / "a.gltf", document, binary, uri="the%20data.bin")
    assert len(read_scan(path).faces) == 1
    (tmp_path / "the data.bin").unlink()
    with pytest.raises(InputError, match="missing"):
        read_scan(path)


def test_gltf_materials_keep_what_they_say(tmp_path: Path) -> None:
    scan = read_scan(write_glb(tmp_path / "a.glb", *textured_patch()))
    material = scan.materials[0]
    assert (material.roughness, material.metallic) == (0.3, 0.2)
    document, binary = triangle_gltf(
        materials=[
            {
                "alphaMode": "MASK",
                "alphaCutoff": 0.3,
                "emissiveFactor": [0, 0.5, 0],
                "pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.2, 0.3, 0.4]},
            }
        ]
    )
    document["meshes"][0]["primitives"][0]["material"] = 0
    material = read_scan(write_gltf(tmp_path / "b.glb", document, binary)).materials[0]
    assert material.base_color == (0.1, 0.2, 0.3, 0.4)
    assert (material.alpha_mode, material.alpha_cutoff, material.emissive) == ("MASK", 0.3, (0, 0.5, 0))


def test_gltf_loops_and_compression_are_refused(tmp_path: Path) -> None:
    nodes = [{"mesh": 0, "children": [1]}, {"children": [0]}]
    with pytest.raises(InputError, match="loop"):
        read_scan(write_gltf(tmp_path / "a.glb", *triangle_gltf(nodes=nodes)))
    document, binary = triangle_gltf(extensionsRequired=["KHR_draco_mesh_compression"])
    path = write_gltf(tmp_path / "b.glb", document, binary)
    with pytest.raises(InputError, match="compressed"):
        read_scan(path)

    def convert(source: Path, target: Path, folder: Path) -> None:
        assert source.parent != path.parent  # a copy
        write_gltf(target, *triangle_gltf())

    assert len(read_scan(path, convert).faces) == 1  # Blender's way out

    def without_draco(source: Path, target: Path, folder: Path) -> None:
        raise InputError(f"{source}: no library of Draco")

    with pytest.raises(InputError, match="no library of Draco") as raised:
        read_scan(path, without_draco)
    assert raised.value.hint is not None
    assert "without mesh compression" in raised.value.hint
    assert "another Blender with `blender`" in raised.value.hint


def test_formats_that_need_blender(tmp_path: Path) -> None:
    path = tmp_path / "a.usda"
    path.write_text("#usda 1.0\n")
    with pytest.raises(InputError, match="Blender"):
        read_scan(path)
    scan = read_scan(path, lambda _, target, __: write_gltf(target, *triangle_gltf()) and None)
    assert len(scan.faces) == 1
    assert any("Blender" in f.action for f in scan.findings)


@pytest.mark.parametrize("corners", [5, 8, 13])
def test_concave_polygons_are_covered_once(corners: int, rng: np.random.Generator) -> None:
    """A star polygon's triangles have the polygon's area and its winding, whatever plane it lies in."""
    angle = np.arange(corners) * 2 * np.pi / corners
    radius = np.where(np.arange(corners) % 2, 0.4, 1.0)
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    area = 0.5 * float((flat[:, 0] * np.roll(flat[:, 1], -1) - flat[:, 1] * np.roll(flat[:, 0], -1)).sum())
    frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = flat @ frame[:2]
    normal = np.cross(frame[0], frame[1])
    triangles, owner = triangulate(np.array([corners]), np.arange(corners), points)
    assert len(triangles) == corners - 2
    assert (owner == 0).all()
    a, b, c = (points[triangles[:, k]] for k in range(3))
    signed = np.cross(b - a, c - a) @ normal / 2
    assert (signed > -1e-9).all()
    assert signed.sum() == pytest.approx(area)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def mtl_scan(folder: Path, text: str, reach: float = 1.0) -> RawScan:
    """A right triangle with UVs of the same, times ``reach``."""
    lines = "mtllib a.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt {0} 0\nvt 0 {0}\nf 1/1 2/2 3/3\n"
    (folder / "a.obj").write_text(lines.format(reach))
    (folder / "a.mtl").write_text("newmtl a\n" + text)
    for name in ("skin.png", "shine.png", "my glow.png"):
        gradient_image().save(folder / name)
    return read_scan(folder / "a.obj")


def test_options_of_mtl_maps_move_textures(tmp_path: Path) -> None:
    """-s scales and -o moves: the base colour's with the UVs, the others from there."""
    scan = mtl_scan(
        tmp_path,
        "map_Kd -blendu on -s 2 4 1 -o 0.25 -0.5 0 skin.png\nmap_Pr -s 2 4 1 -o 0.25 -0.5 shine.png\n"
        "map_Ke -o 1 0 0 my glow.png\n",
    )
    assert scan.corner_uv is not None
    np.testing.assert_allclose(scan.corner_uv[0], [(0.25, -0.5), (2.25, -0.5), (0.25, 3.5)])
    (moved,) = scan.materials[0].texture_transforms
    assert moved.key == "emissive_texture"
    a, b, c, d, e, f = moved.matrix
    for (u, v), old in zip(scan.corner_uv[0], ((0, 0), (1, 0), (0, 1)), strict=True):
        assert (a * u + b * v + c, d * u + e * v + f) == pytest.approx((old[0] + 1, old[1]))


def test_a_clamped_mtl_map_doesn_t_repeat(tmp_path: Path) -> None:
    scan = mtl_scan(tmp_path, "map_Kd -clamp on skin.png\n", reach=2.0)
    assert scan.corner_uv is not None
    assert scan.corner_uv.max() < 1
    assert "clamped" in next(f.what for f in scan.findings if f.topic == "texture")


def test_layers_of_mtl(tmp_path: Path) -> None:
    """Light beyond 1 keeps its hue; coat, sheen and brushing of the PBR keys come in, tinted glass is told."""
    scan = mtl_scan(
        tmp_path, "Kd 0 0 0\nKe 2 1 0.5\nPc 0.7\nPcr 0.1\nPs 0.4\naniso 0.3\nanisor 0.25\nTf 0.1 0.9 0.1\nillum 7\n"
    )
    (material,) = scan.materials
    assert (material.emissive, material.emissive_strength) == ((1.0, 0.5, 0.25), 2.0)
    assert (material.coat, material.coat_roughness) == (0.7, 0.1)
    assert material.sheen_color == (0.4, 0.4, 0.4)
    assert (material.anisotropy, material.anisotropy_rad) == (0.3, pytest.approx(np.pi / 2))
    assert [f.what for f in scan.findings] == ["light that passes the material 'a' is tinted or bent (Tf, illum)"]
    assert not mtl_scan(tmp_path, "Kd 1 0 0\nTf 1 1 1\nillum 4\nd 1\n").findings


def test_strength_of_a_normal_map_of_mtl(tmp_path: Path) -> None:
    assert mtl_scan(tmp_path, "map_Kd skin.png\nnorm -bm 0.4 shine.png\n").materials[0].normal_scale == 0.4


@pytest.mark.parametrize(("head", "unit"), [(b"X; UNITS=mm", "mm"), (b"units = IN", "in"), (b"community=mm", None)])
def test_the_unit_of_an_stl_s_header(tmp_path: Path, head: bytes, unit: str | None) -> None:
    path = write_binary_stl(tmp_path / "a.stl", trimesh.creation.box((1, 2, 3)))
    path.write_bytes(head.ljust(80) + path.read_bytes()[80:])
    scan = read_scan(path)
    assert (scan.unit, scan.findings) == (unit, ())


@pytest.mark.parametrize("marked", [False, True])
def test_colors_of_an_stl_are_told(tmp_path: Path, marked: bool) -> None:
    data = bytearray(write_binary_stl(tmp_path / "a.stl", trimesh.creation.box((1, 2, 3))).read_bytes())
    if marked:
        data[:10] = b"COLOR=\xff\x80\x00\xff"
    else:
        data[84 + 48 : 84 + 50] = b"\xff\x83"
    (tmp_path / "a.stl").write_bytes(data)
    assert [f.topic for f in read_scan(tmp_path / "a.stl").findings] == ["colors"]
