"""What comes out of intake: metres, Z up, base-centre origin, sound triangles, everything recorded."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image
from support.hollow_shapes import ring
from support.scan_files import (
    gradient_image,
    png_bytes,
    textured_patch,
    write_binary_stl,
    write_bop_ply,
    write_glb,
    write_meshlab_ply,
    write_msh,
    write_obj,
)

from scanstage.assets.asset import Asset
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.library.collision_file import load_collision
from scanstage.assets.library.stored_assets import list_assets, remove_asset
from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.texture_coding import decode_rgb

OPTIONS = IntakeOptions("thing")


def take_in_stl(tmp_path: Path, mesh: trimesh.Trimesh, options: IntakeOptions = OPTIONS) -> Asset:
    return take_in(write_binary_stl(tmp_path / "scan.stl", mesh), options, tmp_path / "library")


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001)])
@pytest.mark.parametrize("given", [True, False])
def test_metres_and_origin(tmp_path: Path, unit: str, factor: float, given: bool) -> None:
    box = trimesh.creation.box((0.1 / factor, 0.08 / factor, 0.2 / factor))
    box.apply_translation(np.array([7.0, -3.0, 11.0]) / factor)  # scanners put things anywhere
    asset = take_in_stl(tmp_path, box, replace(OPTIONS, unit=unit if given else "auto"))
    vertices = asset.mesh().vertices
    np.testing.assert_allclose(vertices.min(axis=0), [-0.05, -0.04, 0.0], atol=1e-6)
    np.testing.assert_allclose(vertices.max(axis=0), [0.05, 0.04, 0.2], atol=1e-6)
    np.testing.assert_allclose(asset.meta.extents_m, [0.1, 0.08, 0.2], atol=1e-6)
    assert asset.meta.intake["unit"] == unit


def test_y_up_turns_about_x(tmp_path: Path) -> None:
    cone = trimesh.creation.cone(radius=0.05, height=0.2, sections=24)  # tip along +z
    asset = take_in_stl(tmp_path, cone, replace(OPTIONS, up="y", unit="m"))
    mesh = asset.mesh()
    np.testing.assert_allclose(asset.meta.extents_m, [0.1, 0.2, 0.1], atol=1e-3)
    tip = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 2] - 0.05) < 0.01
    assert mesh.vertices[tip, 1].min() == pytest.approx(-0.1, abs=1e-6)  # what was +z is now -y: turned, not mirrored
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume > 0


@pytest.mark.parametrize("axis", ["y", "z"])
def test_a_flat_base_decides_the_up_axis(tmp_path: Path, axis: str) -> None:
    """A can that would lie on its side by the habit of its format is stood up."""
    can = trimesh.creation.cylinder(radius=0.03, height=0.1, sections=48)
    patch = np.zeros((len(can.vertices), 2))
    vertices = can.vertices if axis == "z" else can.vertices[:, [0, 2, 1]] * [1, 1, -1]
    gradient_image().save(tmp_path / "skin.png")
    for name, writer in (("a.obj", write_obj), ("b.ply", write_bop_ply)):
        asset = take_in(writer(tmp_path / name, vertices, patch, can.faces), OPTIONS, tmp_path / "library")
        assert asset.meta.intake["up"] == axis
        assert asset.meta.extents_m[2] == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize("writer", [write_obj, write_bop_ply, write_meshlab_ply, write_msh, write_glb])
def test_texture_and_surface_survive(tmp_path: Path, writer) -> None:
    """The colour under each corner still tells the corner's place, in the stored form, whatever the format."""
    gradient_image().save(tmp_path / "skin.png")
    name = {"write_obj": "skin.obj", "write_msh": "skin.msh", "write_glb": "skin.glb"}.get(writer.__name__, "skin.ply")
    path = writer(tmp_path / name, *textured_patch(12))
    asset = take_in(path, replace(OPTIONS, unit="m", up="z"), tmp_path / "library")
    mesh, material = asset.mesh(), asset.meta.materials[0]
    assert material.base_color_texture is not None
    image = decode_rgb((asset.folder / material.base_color_texture).read_bytes(), "texture")
    assert mesh.corner_uv is not None
    h, w = image.shape[:2]
    x = np.clip((mesh.corner_uv[:, 0] * w).astype(int), 0, w - 1)
    y = np.clip(((1 - mesh.corner_uv[:, 1]) * h).astype(int), 0, h - 1)
    at = mesh.vertices[mesh.faces.ravel()] + [0.5, 0.5, 0]
    np.testing.assert_allclose(image[y, x, :2] / 255.0, at[:, :2], atol=0.03)


def test_every_triangle_doubled_in_reverse(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    doubled = trimesh.Trimesh(ball.vertices, np.concatenate([ball.faces, ball.faces[:, ::-1]]), process=False)
    mesh = take_in_stl(tmp_path, doubled).mesh()
    assert len(mesh.faces) == len(ball.faces)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(ball.volume, rel=1e-3)


def test_what_was_wrong_is_mended_and_recorded(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    faces = ball.faces.copy()
    faces[::3] = faces[::3, ::-1]
    extra = np.array([[0, 0, 1], [2, 3, 2]])
    broken = trimesh.Trimesh(ball.vertices, np.concatenate([faces, faces[:5], extra]), process=False)
    asset = take_in_stl(tmp_path, broken)
    mesh = asset.mesh()
    result = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert result.is_watertight
    assert result.is_winding_consistent
    assert result.volume == pytest.approx(ball.volume, rel=1e-3)
    topics = {line.split(":")[0] for line in asset.meta.intake["findings"]}
    assert {"degenerate faces", "doubled faces", "inverted faces"} <= topics


def test_inside_out_bodies_are_turned_but_cavities_are_kept(tmp_path: Path) -> None:
    outer = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    cavity = trimesh.creation.icosphere(subdivisions=2, radius=0.02)
    cavity.invert()
    apart = trimesh.creation.box((0.02, 0.02, 0.02), transform=trimesh.transformations.translation_matrix([0.2, 0, 0]))
    apart.invert()
    whole = trimesh.util.concatenate([outer, cavity, apart])
    mesh = take_in_stl(tmp_path, whole).mesh()
    expected = outer.volume + cavity.volume - apart.volume  # the latter two are negative
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).volume == pytest.approx(expected, rel=1e-3)


def test_cad_edges_are_split_and_dense_scans_are_not(tmp_path: Path) -> None:
    box = take_in_stl(tmp_path, trimesh.creation.box((0.1, 0.1, 0.1))).mesh()
    assert len(box.vertices) == 24  # each corner three times: smooth shading looks flat
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.05)
    rng = np.random.default_rng(5)
    ball.vertices += rng.normal(0, 0.001, ball.vertices.shape)  # noise as large as the triangles: dihedrals over 50°
    angles = np.degrees(ball.face_adjacency_angles)
    assert (angles > 60).mean() > 0.1
    mesh = take_in_stl(tmp_path, ball).mesh()
    assert len(mesh.vertices) < 1.01 * len(ball.vertices)
    coarse = trimesh.creation.cylinder(radius=0.05, height=0.1, sections=32)
    mesh = take_in_stl(tmp_path, coarse).mesh()
    assert len(mesh.vertices) == 4 * 32 + 2  # the rims are split, the barrel is smooth


def test_ids_and_provenance(tmp_path: Path) -> None:
    path = write_binary_stl(tmp_path / "My Mug (v2).stl", trimesh.creation.box((0.1, 0.1, 0.1)))
    options = replace(OPTIONS, license="CC0-1.0", author="A. Person", url="https://example.org")
    asset = take_in(path, options, tmp_path / "library")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert asset.meta.asset_id == f"thing/my-mug-v2-{digest[:8]}"
    assert asset.meta.source == {
        "file": path.name,
        "sha256": digest,
        "license": "CC0-1.0",
        "author": "A. Person",
        "url": "https://example.org",
    }
    with Image.open(asset.folder / "thumbnail.jpg") as image:
        assert (image.size, image.format) == ((256, 256), "JPEG")


def test_what_was_said_of_a_scan_is_not_taken_back_by_silence(tmp_path: Path) -> None:
    path = write_binary_stl(tmp_path / "mug.stl", trimesh.creation.box((0.1, 0.1, 0.1)))
    said = replace(OPTIONS, license="CC BY 4.0", author="A. Person")
    take_in(path, said, tmp_path / "library")
    again = take_in(path, replace(OPTIONS, license="CC0-1.0"), tmp_path / "library")
    assert again.meta.source["license"] == "CC0-1.0", "what is said anew counts"
    assert again.meta.source["author"] == "A. Person"
    (again.folder / "asset.json").write_text("{")
    assert "author" not in take_in(path, OPTIONS, tmp_path / "library").meta.source, "a broken one is taken in anew"


def test_twice_is_once_and_two_classes_are_two(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=1, radius=0.05)
    for class_name in ("thing", "thing", "other"):
        take_in_stl(tmp_path, ball, IntakeOptions(class_name))
    found = list_assets(tmp_path / "library")
    assert [a.meta.class_name for a in found] == ["other", "thing"]
    remove_asset(tmp_path / "library", found[0].meta.asset_id)
    assert [a.meta.class_name for a in list_assets(tmp_path / "library")] == ["thing"]
    for wrong in ("other/none", "../library", "thing/..", "thing"):
        with pytest.raises(InputError):
            remove_asset(tmp_path / "library", wrong)
    assert len(list_assets(tmp_path / "library")) == 1


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\u202eb", "primitive", "x" * 101])
def test_names_that_no_class_has(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        take_in_stl(tmp_path, trimesh.creation.box((0.1, 0.1, 0.1)), IntakeOptions(name))
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize("options", [{"unit": "km"}, {"up": "x"}, {"max_triangles": 3}, {"unit": "mm"}])
def test_options_that_make_no_sense(tmp_path: Path, options: dict) -> None:
    """A box of 0.1 is 0.1 mm in the last one: no thing."""
    with pytest.raises(InputError):
        take_in_stl(tmp_path, trimesh.creation.box((0.1, 0.1, 0.1)), replace(OPTIONS, **options))


def test_an_unwritable_library(tmp_path: Path) -> None:
    (tmp_path / "library").write_text("a file")
    with pytest.raises(InputError, match="can't be written"):
        take_in_stl(tmp_path, trimesh.creation.box((0.1, 0.1, 0.1)))


def test_textures_are_bounded_and_plain(tmp_path: Path) -> None:
    path = write_obj(tmp_path / "a.obj", *textured_patch(4), texture="skin.tif")
    Image.fromarray(np.full((300, 500), 40000, np.uint16)).save(tmp_path / "skin.tif")
    asset = take_in(path, replace(OPTIONS, max_texture_px=100), tmp_path / "library")
    name = asset.meta.materials[0].base_color_texture
    assert name is not None
    with Image.open(asset.folder / name) as image:
        assert image.size == (100, 60)
        assert image.format == "PNG"
        assert abs(int(np.asarray(image).mean()) - round(40000 / 257)) <= 1
    good = png_bytes(gradient_image(90))
    (tmp_path / "skin.tif").write_bytes(good)
    asset = take_in(path, replace(OPTIONS, max_texture_px=100), tmp_path / "library")
    assert (asset.folder / str(asset.meta.materials[0].base_color_texture)).read_bytes() == good


def test_deep_images_become_eight_bit(tmp_path: Path) -> None:
    path = write_obj(tmp_path / "a.obj", *textured_patch(4))
    deep = np.full((8, 8, 3), [60000, 30000, 100], np.uint16)
    assert cv2.imwrite(str(tmp_path / "skin.png"), deep[..., ::-1])
    asset = take_in(path, OPTIONS, tmp_path / "library")
    data = (asset.folder / str(asset.meta.materials[0].base_color_texture)).read_bytes()
    assert data[24] == 8
    np.testing.assert_allclose(decode_rgb(data, "texture")[0, 0], [60000 / 257, 30000 / 257, 0], atol=1.01)


def test_only_materials_in_use_come_in(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl spare\nKd 0 0 1\nnewmtl used\nKd 1 0 0\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nusemtl spare\nusemtl used\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    asset = take_in(tmp_path / "a.obj", OPTIONS, tmp_path / "library")
    assert [m.name for m in asset.meta.materials] == ["used"]
    assert asset.mesh().face_material.tolist() == [0]


def test_sheets_and_slivers_get_a_hull(tmp_path: Path) -> None:
    for k, extents in enumerate([(0.2, 0.1, 0.0), (0.2, 0.0, 0.1), (0.2, 0.1, 1e-5)]):
        sheet = trimesh.creation.box((1, 1, 1))
        sheet.apply_scale(np.array(extents) + 0.0)
        path = write_binary_stl(tmp_path / f"{k}.stl", sheet)
        hull = take_in(path, replace(OPTIONS, unit="m"), tmp_path / "library").mesh().hull
        shape = trimesh.PointCloud(hull).convex_hull
        assert shape.volume > 0
        assert hull[:, 2].min() >= -1e-7


@pytest.mark.parametrize("up", ["z", "y"])
def test_a_sheet_lies_above_the_ground_and_inside_its_plate(tmp_path: Path, up: str) -> None:
    """In the ground's own plane neither a cast nor a renderer could tell which of them is in front."""
    corners = np.array([[0, 0, 0], [0.2, 0, 0], [0.2, 0.3, 0], [0, 0.3, 0]]) + 5.0
    sheet = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)
    mesh = take_in_stl(tmp_path, sheet, replace(OPTIONS, up=up)).mesh()
    low, high = mesh.hull.min(axis=0), mesh.hull.max(axis=0)
    assert low[2] == pytest.approx(0, abs=1e-6)
    across = 2 if up == "z" else 1
    thickness = high[across] - low[across]
    assert 0.0005 < thickness < 0.003
    np.testing.assert_allclose(mesh.vertices[:, across], (low[across] + high[across]) / 2, atol=1e-6)
    assert mesh.vertices[:, 2].min() == pytest.approx(thickness / 2 if up == "z" else 0, abs=1e-6)


@pytest.mark.skipif(importlib.util.find_spec("coacd") is None, reason="coacd isn't installed")
@pytest.mark.usefixtures("collision_parts")
def test_hollow_things_come_in_with_convex_parts(tmp_path: Path) -> None:
    hollow = take_in_stl(tmp_path, ring(), replace(OPTIONS, unit="m", up="z"))
    parts = load_collision(hollow.folder)
    assert len(parts) == hollow.meta.intake["collision_parts"] > 3
    middle = np.array([0.0, 0.0, 0.006])
    assert all((p.max(axis=0) < middle + 1e-3).any() or (p.min(axis=0) > middle - 1e-3).any() for p in parts)
    solid = take_in_stl(tmp_path, trimesh.creation.box((0.1, 0.1, 0.1)))
    assert load_collision(solid.folder) == ()
    assert solid.meta.intake["collision_parts"] == 1


def test_inspection_foretells_intake(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=50)
    path = write_binary_stl(tmp_path / "a.stl", trimesh.Trimesh(ball.vertices, ball.faces[5:], process=False))
    inspection = inspect_scan(path, max_triangles=500)
    asset = take_in(path, replace(OPTIONS, max_triangles=500), tmp_path / "library")
    assert not inspection.refused
    assert inspection.triangles == asset.meta.intake["source_triangles"] == 1275
    assert (inspection.unit, inspection.up) == (asset.meta.intake["unit"], asset.meta.intake["up"])
    assert inspection.size_m == pytest.approx(asset.meta.extents_m, rel=0.02)
    assert inspection.open_edges
    assert {"open edges", "triangles", "unit", "up", "color"} <= {f.topic for f in inspection.findings}


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        ((), ("no texture, and no colours of vertices or materials", "one plain colour")),
        (("1 0 0",), ("the plain colour of its material, without a texture", "keeps it")),
        (("1 0 0", "0 0 1"), ("plain colours of 2 materials, without a texture", "keeps them")),
    ],
)
def test_inspection_says_which_colours_are_kept(
    tmp_path: Path, colors: tuple[str, ...], expected: tuple[str, str]
) -> None:
    materials = "".join(f"newmtl m{k}\nKd {color}\n" for k, color in enumerate(("0 1 0", *colors)))
    (tmp_path / "a.mtl").write_text(f"{materials}newmtl plain\n")
    faces = "".join(f"usemtl m{k + 1}\nf 1 2 {3 + k}\n" for k in range(len(colors))) or "f 1 2 3\nf 1 2 4\n"
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\nusemtl plain\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n{faces}")
    told = [(f.what, f.action) for f in inspect_scan(tmp_path / "a.obj").findings if f.topic == "color"]
    assert told == [expected]


def test_inspection_of_what_intake_refuses(tmp_path: Path) -> None:
    huge = write_binary_stl(tmp_path / "a.stl", trimesh.creation.box((1e6, 1e6, 1e6)))
    inspection = inspect_scan(huge)
    assert inspection.refused
    assert inspection.triangles == 12
    with pytest.raises(InputError):
        take_in(huge, OPTIONS, tmp_path / "library")
