"""Bombs are refused by what they declare, before memory is asked for; large scans that are real come in."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.scan_bombs import BOMBS, empty_png, many_passes
from support.scan_files import png_bytes, textured_patch, triangle_gltf, write_gltf, write_obj

from scanstage.assets.asset import META_FILE, AssetMeta, Material, within_range
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans import scan_bounds as bounds
from scanstage.assets.raw_scans.scan_bounds import check_memory, check_room
from scanstage.assets.readers import read_scan as readers
from scanstage.assets.readers.parsing import plain_text
from scanstage.assets.readers.ply_elements import Lists, read_elements
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures import texture_coding
from scanstage.assets.textures.texture_coding import check_textures, code_texture, decode_rgb, image_size

OPTIONS = IntakeOptions("thing", unit="m")
SLOW = ("deep_grey", "deep_tiff", "float_tiff", "ply_empty_rows", "spiral")
"""They come in, or cost their bound of time: tried by the fault harness, and here in small."""


@pytest.mark.parametrize("bomb", [name for name in BOMBS if name not in SLOW])
def test_bombs_are_refused_before_memory_is_asked_for(tmp_path: Path, bomb: str) -> None:
    path = BOMBS[bomb](tmp_path)
    size = sum(p.stat().st_size for p in tmp_path.rglob("*"))
    tracemalloc.start()
    try:
        read_scan(path)
    except InputError as e:
        assert bomb != "long_statement", e  # noqa: PT017
    else:
        assert bomb in ("long_statement", "many_passes")  # the one is harmless, the other is refused when it is coded
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * size + (64 << 20)


def test_passes_of_a_jpeg_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 100 passes"):
        take_in(many_passes(tmp_path), OPTIONS, tmp_path / "library")
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).convert("RGB").save(buffer, "JPEG", progressive=True, quality=95)
    assert image_size(buffer.getvalue(), "an ordinary one") == (200, 200)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_deep_images_are_turned_into_bytes_in_strips(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is what it was; no float array of the whole is made on the way."""
    monkeypatch.setattr(texture_coding, "_STRIP", 1 << 16)
    n = 2500
    if mode == "F":
        values = np.linspace(-0.2, 1.2, n * n, dtype=np.float32).reshape(n, n)
        values[0, :3] = np.nan, np.inf, -np.inf
        expected = np.clip(np.nan_to_num(values, posinf=1, neginf=0) * np.float32(255) + 0.5, 0, 255).astype(np.uint8)
    else:
        values = (np.arange(n * n, dtype=np.int64).reshape(n, n) * 7 % 65536).astype(np.int32)
        expected = np.clip(values.astype(np.float64) / 65535 * 255 + 0.5, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    stored = values if mode in ("I", "F") else values.astype("<u2" if mode == "I;16" else ">u2")
    image = Image.fromarray(stored) if mode != "I;16B" else Image.frombytes("I;16B", (n, n), stored.tobytes())
    image.save(buffer, "TIFF")
    tracemalloc.start()
    pixels = decode_rgb(buffer.getvalue(), "deep")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (pixels == expected[..., None]).all()
    assert peak < 8 * n * n + pixels.nbytes + (4 << 20)  # Pillow's bytes twice, ours, and a strip


def test_integers_of_eight_bits_in_32_keep_their_values() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(256, dtype=np.int32).reshape(16, 16)).save(buffer, "TIFF")
    assert (decode_rgb(buffer.getvalue(), "a")[..., 0].ravel() == np.arange(256)).all()


def test_sixteen_bit_textures_are_coded_as_before() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    coded = code_texture(png_bytes(Image.fromarray(values)), "deep", 4096, True, False)
    expected = np.clip(values.astype(np.float64) / 65535 * 255 + 0.5, 0, 255).astype(np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(coded.data))) == expected).all()


def test_real_scans_are_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two million triangles with a vertex at each corner and four maps of 16,384 pixels, on a laptop."""
    monkeypatch.setattr(bounds, "free_memory", lambda: 6 << 30)
    check_room(2_000_000, 6_000_000)
    check_textures({str(k): empty_png(16_384, 16_384) for k in range(4)})
    check_textures({str(k): empty_png(8192, 8192) for k in range(64)})
    with pytest.raises(InputError, match="16385"):
        image_size(empty_png(16_385, 16), "large")


@pytest.mark.parametrize(("faces", "vertices"), [(10_000_000, 30_000_000), (20_000_001, 3), (1, 60_000_001)])
def test_meshes_beyond_the_bounds_or_the_machine(faces: int, vertices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "free_memory", lambda: 4 << 30)
    with pytest.raises(InputError, match=r"triangles|vertices"):
        check_room(faces, vertices)


def test_texts_that_the_machine_has_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of many short lines takes twenty times its size."""
    monkeypatch.setattr(bounds, "free_memory", lambda: 1 << 20)
    monkeypatch.setattr(bounds, "_SMALL", 1 << 19)
    monkeypatch.setattr(plain_text, "check_memory", check_memory)
    for name, text in {
        "a.obj": "v\n" * 100_000,
        "a.ply": "ply\nformat ascii 1.0\nelement vertex 3\nproperty int x\nend_header\n" + "0\n" * 100_000,
        "a.stl": "solid\n" + "vertex 0 0 0\n" * 100_000 + "endsolid\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=r"too large for this machine: 100,0.. lines"):
            read_scan(tmp_path / name)


def test_memory_that_runs_out_while_an_asset_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "skin.png")
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))

    def no_room(*_: object) -> None:
        raise MemoryError

    for place in ("scanstage.assets.intake.take_in.make_sound", "scanstage.assets.readers.read_scan._checked"):
        with monkeypatch.context() as patch:
            patch.setattr(place, no_room)
            with pytest.raises(InputError, match=r"a\.obj: too large for this machine's memory"):
                take_in(path, OPTIONS, tmp_path / "library")


def rows(n: int, encoding: str) -> bytes:
    """A PLY whose rows differ in length, of ``n`` empty ones and one of three."""
    head = f"ply\nformat {encoding} 1.0\nelement face {n + 1}\nproperty list uchar int a\nend_header\n".encode()
    if encoding == "ascii":
        return head + b"0 " * n + b"3 7 8 9\n"
    return head + bytes(n) + b"\3" + np.array([7, 8, 9], "<i4").tobytes()


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
def test_rows_cost_a_few_bytes_each(encoding: str) -> None:
    data = rows(100_000, encoding)
    tracemalloc.start()
    elements, _ = read_elements(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    column = elements["face"].columns["a"]
    assert isinstance(column, Lists)
    assert column.counts.sum() == 3
    assert column.flat.tolist() == [7, 8, 9]
    assert peak < 80 * 100_000


@pytest.mark.parametrize("order", ["little", "big"])
def test_rows_of_all_types_are_read_one_by_one(order: str) -> None:
    sign, kinds = (
        "<" if order == "little" else ">",
        {"char": "i1", "ushort": "u2", "int": "i4", "int64": "i8", "double": "f8"},
    )
    head = f"ply\nformat binary_{order}_endian 1.0\nelement face 3\nproperty float s\n"
    head += "".join(f"property list uint64 {name} {name}\n" for name in kinds) + "end_header\n"
    body = b""
    for row in range(3):
        body += np.array([row / 2], f"{sign}f4").tobytes()
        for kind in kinds.values():
            body += np.array([row], f"{sign}u8").tobytes() + np.arange(row).astype(f"{sign}{kind}").tobytes()
    columns = read_elements(head.encode() + body)[0]["face"].columns
    assert columns["s"].tolist() == [0.0, 0.5, 1.0]
    for name, kind in kinds.items():
        column = columns[name]
        assert column.counts.tolist() == [0, 1, 2]
        assert column.flat.tolist() == [0, 0, 1]
        assert column.flat.dtype == np.dtype(kind)


NUMBERS = [float("nan"), float("inf"), -1.0, 1e300, -float("inf")]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("place", ["baseColorFactor", "metallicFactor", "emissiveFactor", "alphaCutoff", "gloss"])
def test_numbers_of_materials_are_finite_and_in_range(tmp_path: Path, place: str, number: float) -> None:
    """JSON as Python reads it knows NaN and Infinity; what it writes, other programs have to read."""
    material: dict = {"pbrMetallicRoughness": {"roughnessFactor": number}}
    if place in ("baseColorFactor", "metallicFactor"):
        material["pbrMetallicRoughness"][place] = [number] * 4 if place == "baseColorFactor" else number
    elif place == "gloss":
        material["extensions"] = {"KHR_materials_pbrSpecularGlossiness": {"glossinessFactor": number}}
    else:
        material[place] = [number] * 3 if place == "emissiveFactor" else number
    document, binary = triangle_gltf(materials=[material])
    document["meshes"][0]["primitives"][0]["material"] = 0
    asset = take_in(write_gltf(tmp_path / "a.gltf", document, binary, uri=data_uri(binary)), OPTIONS, tmp_path / "lib")
    text = (asset.folder / META_FILE).read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    for m in asset.meta.materials:
        found = [*m.base_color, *m.emissive, m.metallic, m.roughness, m.alpha_cutoff]
        assert all(0 <= v <= 1 for v in found)
    assert any("out of range" in note for note in asset.meta.intake["findings"])


def data_uri(binary: bytes) -> str:
    import base64

    return "data:;base64," + base64.b64encode(binary).decode()


@pytest.mark.parametrize(
    "text", ["Kd nan nan nan\nPr nan", "Pr 1e999\nPm -4", "Ke inf 0 0\nd nan", "Pr 7\nmap_Pr a.png"]
)
def test_numbers_of_an_mtl_are_finite_and_in_range(tmp_path: Path, text: str) -> None:
    path = write_obj(tmp_path / "a.obj", *textured_patch(3))
    path.with_suffix(".mtl").write_text(f"newmtl skin\n{text}\n")
    Image.new("L", (8, 8), 9).save(tmp_path / "a.png")
    (material,) = read_scan(path).materials
    assert material == within_range(material)


def test_metadata_with_numbers_that_json_lacks_is_not_written() -> None:
    meta = AssetMeta("a/b", "a", (1.0, 1.0, float("nan")), 1, (Material(),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        meta.to_json()


def test_bounds_stand_in_one_place() -> None:
    """No reader has a bound of its own that says how large a scan may be."""
    named = {name for name in vars(bounds) if name.startswith("MAX_")}
    for path in Path(readers.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assert node.targets[0].id not in named, f"{path.name}: {node.targets[0].id}"


def test_a_webp_has_a_bound_of_its_own() -> None:
    for side, refused in ((8192, False), (8193, True)):
        Image.new("RGB", (side, 2)).save(file := io.BytesIO(), "WEBP")
        with pytest.raises(InputError, match="at most 8192") if refused else contextlib.nullcontext():
            assert image_size(file.getvalue(), "t.webp") == (side, 2)
