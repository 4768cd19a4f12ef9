"""A scan is untrusted: it reaches no other file, no memory beyond bounds, and never raises anything but InputError."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
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

from scanstage.assets.intake.given_scans import scan_files
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.texture_coding import code_texture, image_size

OPTIONS = IntakeOptions("thing", unit="m")
LEADING_OUT = [
    "../secret.png",
    "sub/../../secret.png",
    "..\\secret.png",
    "{outside}/secret.png",
    "C:\\scans\\secret.png",
    "file://{outside}/secret.png",
    "http://127.0.0.1:9/secret.png",
    "~/secret.png",
    "link.png",
    "linked/secret.png",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a scan, beside a secret, with links that lead to it."""
    inside = tmp_path / "scan"
    inside.mkdir()
    gradient_image().save(tmp_path / "secret.png")
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "linked").symlink_to(tmp_path)
    return inside


@pytest.mark.parametrize("reference", LEADING_OUT)
@pytest.mark.parametrize("kind", ["mtl texture", "mtllib", "ply", "gltf image", "gltf buffer"])
def test_no_path_leads_out(folder: Path, reference: str, kind: str) -> None:
    reference = reference.format(outside=folder.parent)
    patch = textured_patch(3)
    if kind == "mtl texture":
        path = write_obj(folder / "a.obj", *patch, texture=reference)
    elif kind == "mtllib":
        path = write_obj(folder / "a.obj", *patch)
        path.write_text(path.read_text().replace("mtllib a.mtl", f"mtllib {reference}"))
    elif kind == "ply":
        path = write_bop_ply(folder / "a.ply", *patch)
        path.write_text(path.read_text().replace("TextureFile skin.png", f"TextureFile {reference}"))
    else:
        document, binary = triangle_gltf(
            images=[{"uri": reference if kind == "gltf image" else "x.png"}],
            textures=[{"source": 0}],
            materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        )
        document["meshes"][0]["primitives"][0]["material"] = 0
        path = folder / "a.gltf"
        if kind == "gltf image":
            (folder / "a.bin").write_bytes(binary)
        write_gltf(path, document, binary, uri="a.bin" if kind == "gltf image" else reference)
    with pytest.raises(InputError) as caught:
        read_scan(path)
    assert "leads out" in caught.value.problems[0]
    assert reference.split("/")[-1].split("\\")[-1] in caught.value.problems[0]


def test_percent_encoding_hides_nothing(folder: Path) -> None:
    document, binary = triangle_gltf()
    with pytest.raises(InputError, match="leads out"):
        read_scan(write_gltf(folder / "a.gltf", document, binary, uri="%2e%2e/secret.png"))


def test_what_leads_out_is_taken_from_beside_the_scan(folder: Path) -> None:
    """Of a path of another machine only the name counts."""
    gradient_image(8).save(folder / "skin.png")
    for name in ("C:\\Users\\me\\skin.png", "/home/me/skin.png", "../../skin.png", "http://127.0.0.1:9/skin.png"):
        scan = read_scan(write_obj(folder / "a.obj", *textured_patch(3), texture=name))
        assert list(scan.images.values()) == [(folder / "skin.png").read_bytes()]
        assert ["skin.png has its name" in f.what for f in scan.findings] == [True]


def bomb_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(100_000, 100_000), (16_385, 1), (1, 60_000)])
def test_image_bombs_are_refused_by_their_header(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "skin.png").write_bytes(bomb_png(*size))
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    with pytest.raises(InputError, match=f"{size[0]} x {size[1]}"):
        take_in(path, OPTIONS, tmp_path / "library")
    assert not list((tmp_path / "library").rglob("*.json"))
    assert inspect_scan(path).refused


def test_pillows_own_bound_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError):
        image_size(bomb_png(100_000, 100_000), "bomb")
    assert before == Image.MAX_IMAGE_PIXELS
    assert image_size(png_bytes(gradient_image(32)), "fine") == (32, 32)


def test_images_that_start_programs_are_not_images() -> None:
    with pytest.raises(InputError, match="not an image"):
        code_texture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.eps", 4096, True, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_vertices_that_are_not_finite(tmp_path: Path, value: float) -> None:
    positions, uvs, faces = textured_patch(3)
    positions[4] = value
    path = write_msh(tmp_path / "a.msh", positions, uvs, faces)
    with pytest.raises(InputError, match="number 4"):
        read_scan(path)
    unused = np.vstack([positions, [[value] * 3]])
    unused[4] = positions[3]
    path = write_msh(tmp_path / "b.msh", unused, np.vstack([uvs, [[0, 0]]]), faces)
    if np.isfinite(value):
        assert len(read_scan(path).faces) == len(faces)
    else:
        assert any(f.topic == "NaN vertices" for f in inspect_scan(path).findings)


def test_shapes_lost_to_single_precision(tmp_path: Path) -> None:
    """Map coordinates in float32 leave steps where the shape was; in float64 nothing is lost."""
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    far = trimesh.Trimesh(np.add(ball.vertices, [5e5, 4.6e6, 300]), ball.faces, process=False)
    lost = tmp_path / "single.ply"
    lost.write_bytes(trimesh.Trimesh(far.vertices.astype(np.float32), far.faces, process=False).export(file_type="ply"))
    with pytest.raises(InputError, match="far from the origin"):
        read_scan(lost)
    kept = tmp_path / "double.obj"
    rows = [f"v {x!r} {y!r} {z!r}" for x, y, z in far.vertices.tolist()]
    kept.write_text("\n".join([*rows, *(f"f {a} {b} {c}" for a, b, c in (far.faces + 1).tolist())]))
    np.testing.assert_allclose(np.ptp(read_scan(kept).vertices, axis=0), np.ptp(ball.vertices, axis=0), atol=1e-8)
    beside = tmp_path / "near.stl"
    beside.write_bytes(trimesh.Trimesh(np.add(ball.vertices, [7, -3, 11]), ball.faces).export(file_type="stl"))
    assert len(read_scan(beside).faces) == len(ball.faces)


def test_point_clouds_are_shown_the_way_out(tmp_path: Path) -> None:
    cloud = (
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    (tmp_path / "a.ply").write_text(cloud + "0 0 0\n1 1 1\n")
    with pytest.raises(InputError, match="point cloud") as caught:
        read_scan(tmp_path / "a.ply")
    assert "Poisson" in (caught.value.hint or "")
    inspection = inspect_scan(tmp_path / "a.ply")
    assert inspection.refused
    assert "point cloud" in inspection.findings[-1].what


@pytest.mark.parametrize("name", ["a.las", "a.LAZ", "a.e57", "a.pts", "a.xyz"])
def test_formats_of_point_clouds_are_shown_the_same_way_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"LASF and more")
    for given in (tmp_path / name, tmp_path):
        with pytest.raises(InputError, match=f"{name}: is a point cloud") as caught:
            read_scan(scan_files([given])[0])
        assert "Poisson" in (caught.value.hint or "")
    with pytest.raises(InputError, match="not a kind of scan"):
        read_scan(Path(__file__))


@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "gltf", "stl", "msh"])
@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"hello", b"ply\n", b"glTF", b"solid x\nendsolid x\n"])
def test_files_of_another_kind(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=str(path)):
        read_scan(path)
    assert inspect_scan(path).refused


def test_what_it_really_is_is_said(tmp_path: Path) -> None:
    path = write_glb(tmp_path / "a.glb", *textured_patch(3)).rename(tmp_path / "a.obj")
    with pytest.raises(InputError) as caught:
        read_scan(path)
    assert ".glb" in (caught.value.hint or "")


@pytest.mark.parametrize("path", ["nothing.obj", ".", "a.txt"])
def test_paths_that_are_no_scans(tmp_path: Path, path: str) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError):
        read_scan(tmp_path / path)


def test_headers_that_promise_too_much(tmp_path: Path) -> None:
    """A count is compared with the file's size before memory is asked for."""
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\nproperty float x\nproperty float y\n"
    (tmp_path / "a.ply").write_bytes((head + "property float z\nend_header\n").encode() + bytes(36))
    (tmp_path / "b.stl").write_bytes(bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(100))
    (tmp_path / "c.msh").write_bytes(struct.pack("<4i", 2**31 - 1, 0, 0, 2**31 - 1))
    document, binary = triangle_gltf()
    document["accessors"][0]["count"] = 2**40
    write_gltf(tmp_path / "d.glb", document, binary)
    for name in ("a.ply", "b.stl", "c.msh", "d.glb"):
        with pytest.raises(InputError):
            read_scan(tmp_path / name)


def test_instances_can_not_multiply_without_end(tmp_path: Path) -> None:
    """A small glTF whose nodes fan out a thousandfold at each level."""
    nodes: list[dict] = [{"children": [k + 1] * 1000} for k in range(5)]
    with pytest.raises(InputError):
        read_scan(write_gltf(tmp_path / "a.glb", *triangle_gltf(nodes=[*nodes, {"mesh": 0}])))


def _glb_with_data_uri(path: Path, *patch: np.ndarray) -> Path:
    image = "data:image/png;base64," + base64.b64encode(png_bytes(gradient_image(8))).decode()
    document, binary = triangle_gltf(
        images=[{"uri": image}],
        textures=[{"source": 0}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    )
    return write_gltf(path, document, binary)


FUZZED: dict[str, Callable[..., Path]] = {
    "a.obj": write_obj,
    "a.ply": write_bop_ply,
    "b.ply": write_meshlab_ply,
    "a.msh": write_msh,
    "a.glb": write_glb,
    "b.glb": _glb_with_data_uri,
    "a.stl": lambda path, *_: write_binary_stl(path, trimesh.creation.box((0.1, 0.2, 0.3))),
}


@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    """Cut off and with bytes changed: an asset or an InputError that names the file, nothing else."""
    gradient_image(8).save(tmp_path / "skin.png")
    path = FUZZED[name](tmp_path / name, *textured_patch(4))
    sound = path.read_bytes()
    rng = np.random.default_rng(list(name.encode()))
    outcomes: list[str] = []
    for k in range(24):
        data = bytearray(sound)
        if k % 2:
            del data[int(rng.integers(len(data))) :]
        else:
            reach = len(data) if k % 4 else min(len(data), 600)  # headers decide most
            for at in rng.integers(0, reach, int(rng.integers(1, 5))):
                data[at] = rng.integers(256)
        path.write_bytes(data)
        outcomes.append(_outcome(path, tmp_path / "library"))
    said = [problem for problem in outcomes if problem]
    assert len(said) > 4
    assert all(name in problem for problem in said)
    path.write_bytes(sound)
    assert _outcome(path, tmp_path / "library") == ""


def _outcome(path: Path, library: Path) -> str:
    """What intake complained of; nothing where it took the scan in. Any other exception fails the test."""
    try:
        take_in(path, OPTIONS, library)
    except InputError as e:
        return e.problems[0]
    return ""


def test_damaged_textures_are_read_or_refused(tmp_path: Path) -> None:
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    sound = png_bytes(gradient_image(8))
    for cut in range(0, len(sound), 7):
        (tmp_path / "skin.png").write_bytes(sound[:cut])
        problem = _outcome(path, tmp_path / "library")
        assert not problem or "skin.png" in problem
