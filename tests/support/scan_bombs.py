"""Small scans that ask for much: memory by what they declare, time by what they repeat."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support.scan_files import (
    gradient_image,
    png_bytes,
    textured_patch,
    triangle_gltf,
    write_gltf,
    write_msh,
    write_obj,
)


def flat_png(
    width: int, height: int, depth: int = 8, kind: int = 2, interlaced: bool = False, empty: bool = False
) -> bytes:
    """A PNG of one value, compressed a thousandfold. ``kind``: 0 grey, 2 RGB, 6 RGBA."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = 1 + width * depth // 8 * {0: 1, 2: 3, 6: 4}[kind]
    packer = zlib.compressobj(1)
    passes = (row + 64) * height if interlaced else row * height  # each of the seven passes has filter bytes of its own
    passes = 0 if empty else passes
    pieces = [packer.compress(bytes(min(1 << 24, passes - at))) for at in range(0, passes, 1 << 24)]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    body = b"".join(pieces) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def empty_png(width: int, height: int) -> bytes:
    """The same with a header alone: enough for whoever looks at sizes first."""
    return flat_png(width, height, empty=True)


def textured(folder: Path, image: bytes, name: str = "skin.png") -> Path:
    """An OBJ with one texture."""
    path = write_obj(folder / "a.obj", *textured_patch(3), texture=name)
    (folder / name).write_bytes(image)
    return path


def deep_grey(folder: Path) -> Path:
    """A PNG of 16 bits and 16,384 pixels a side."""
    return textured(folder, flat_png(16_384, 16_384, 16, 0))


def deep_tiff(folder: Path, mode: str = "I") -> Path:
    """A TIFF of 32 bits a pixel, packed."""
    buffer = io.BytesIO()
    Image.new(mode, (12_000, 12_000), 7).save(buffer, "TIFF", compression="tiff_lzw")
    return textured(folder, buffer.getvalue(), "skin.tif")


def float_tiff(folder: Path) -> Path:
    """The same of floats."""
    return deep_tiff(folder, "F")


def many_passes(folder: Path) -> Path:
    """A progressive JPEG with passes that hold nothing."""
    buffer = io.BytesIO()
    Image.new("L", (4096, 4096), 128).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    start = data.rindex(b"\xff\xda")
    return textured(folder, data[:start] + data[start:-2] * 2000 + data[-2:], "skin.jpg")


def many_textures(folder: Path) -> Path:
    """Forty images, each within bounds."""
    path = textured(folder, b"")
    image = empty_png(16_384, 16_384)
    names = [f"m{k}" for k in range(40)]
    path.with_suffix(".mtl").write_text("".join(f"newmtl {n}\nmap_Kd {n}.png\n" for n in names))
    for name in names:
        (folder / f"{name}.png").write_bytes(image + name.encode())
    faces = [line for line in path.read_text().splitlines() if line.startswith("f ")]
    body = [line for line in path.read_text().splitlines() if line[:2] in ("v ", "vt", "mt")]
    uses = [f"usemtl {n}\n{faces[k % len(faces)]}" for k, n in enumerate(names)]
    path.write_text("\n".join([*body, *uses]))
    return path


def many_pairs(folder: Path) -> Path:
    """A handful of images in all combinations: each pair of colour and opacity would be decoded and joined."""
    path = textured(folder, b"")
    sides = range(12)
    for k in sides:
        (folder / f"c{k}.png").write_bytes(empty_png(12_000, 12_000) + bytes([k]))
    pairs = [(a, b) for a in sides for b in sides]
    path.with_suffix(".mtl").write_text(
        "".join(f"newmtl m{a}-{b}\nmap_Kd c{a}.png\nmap_d c{b}.png\n" for a, b in pairs)
    )
    lines = path.read_text().splitlines()
    faces = [line for line in lines if line.startswith("f ")]
    uses = [f"usemtl m{a}-{b}\n{faces[k % len(faces)]}" for k, (a, b) in enumerate(pairs)]
    path.write_text("\n".join([*(line for line in lines if line[:2] in ("v ", "vt", "mt")), *uses]))
    return path


def _gltf(folder: Path, change: Callable[[dict[str, Any]], None], name: str = "a.glb", **parts: Any) -> Path:
    document, binary = triangle_gltf(**parts)
    change(document)
    return write_gltf(folder / name, document, binary)


def instances(folder: Path) -> Path:
    """8999 nodes of a mesh of three million vertices, which no byte stands for."""

    def change(document: dict[str, Any]) -> None:
        document["accessors"][0] |= {"count": 3_000_000}
        del document["accessors"][0]["bufferView"]

    return _gltf(folder, change, nodes=[{"mesh": 0}] * 8999, scenes=[{"nodes": [*range(8999)]}])


def blank_mesh(folder: Path) -> Path:
    """One mesh that is all zeros, and has nothing in the file."""

    def change(document: dict[str, Any]) -> None:
        document["accessors"][0] |= {"count": 50_000_000 // 3}
        del document["accessors"][0]["bufferView"]

    return _gltf(folder, change)


def shared_view(folder: Path) -> Path:
    """A thousand primitives that share 100,000 vertices, placed a thousand times."""
    points = np.random.default_rng(1).random((100_000, 3)).astype("<f4").tobytes()
    document, _ = triangle_gltf(nodes=[{"mesh": 0}] * 1000, scenes=[{"nodes": [*range(1000)]}])
    document["accessors"][0] |= {"count": 100_000}
    document["bufferViews"][0]["byteLength"] = len(points)
    document["buffers"] = [{"byteLength": len(points)}]
    document["meshes"][0]["primitives"] = document["meshes"][0]["primitives"] * 1000
    return write_gltf(folder / "a.glb", document, points)


def overlapping_images(folder: Path) -> Path:
    """Ten thousand images that are nearly the same ten megabytes of the file."""
    size = 10_000_000
    views = [{"buffer": 0, "byteOffset": k, "byteLength": size - k} for k in range(10_000)]

    def change(document: dict[str, Any]) -> None:
        first = len(document["bufferViews"])
        document["bufferViews"] += views
        document["images"] = [{"bufferView": first + k, "mimeType": "image/png"} for k in range(len(views))]
        document["textures"] = [{"source": k} for k in range(len(views))]
        document["materials"] = [
            {"pbrMetallicRoughness": {"baseColorTexture": {"index": k}}} for k in range(len(views))
        ]
        primitive = document["meshes"][0]["primitives"][0]
        document["meshes"][0]["primitives"] = [primitive | {"material": k} for k in range(len(views))]

    document, binary = triangle_gltf()
    change(document)
    return write_gltf(folder / "a.glb", document, binary + bytes(size))


def json_lists(folder: Path) -> Path:
    """Twenty million empty lists: 40 MB of text, 1.3 GB and more of objects."""
    path = folder / "a.gltf"
    path.write_bytes(b'{"asset": {"version": "2.0"}, "extras": [' + b"[]," * 20_000_000 + b"0]}")
    return path


def sparse(folder: Path) -> Path:
    """A sparse accessor that replaces its three elements a million times, placed five thousand times."""
    count = 1_000_000
    document, binary = triangle_gltf(nodes=[{"mesh": 0}] * 5000, scenes=[{"nodes": [*range(5000)]}])
    document["bufferViews"] += [{"buffer": 0, "byteOffset": len(binary), "byteLength": 12 * count}]
    view = {"bufferView": 2, "componentType": 5121}
    document["accessors"][0]["sparse"] = {"count": count, "indices": view, "values": {"bufferView": 2}}
    return write_gltf(folder / "a.glb", document, binary + bytes(12 * count))


def ply_counts(folder: Path) -> Path:
    """More faces than there are bytes, by a header."""
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    path = folder / "a.ply"
    path.write_text(head + "element face 999999999999\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n" * 2)
    return path


def ply_empty_rows(folder: Path) -> Path:
    """Two million faces without corners, and one with: rows of two bytes."""
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2000001\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n"
    path = folder / "a.ply"
    path.write_bytes(head.encode() + b"0 " * 2_000_000 + b"3 0 1 2\n")
    return path


def stl_counts(folder: Path) -> Path:
    """A text that begins like a binary file of four thousand million triangles."""
    path = folder / "a.stl"
    path.write_bytes(b"solid".ljust(80) + b"\xff" * 4 + bytes(1000))
    return path


def msh_counts(folder: Path) -> Path:
    """Counts that overflow to the size of the file."""
    path = write_msh(folder / "a.msh", *textured_patch(3))
    data = bytearray(path.read_bytes())
    data[:16] = struct.pack("<4i", 2**30, 2**30, 2**30, 2**30)
    path.write_bytes(data)
    return path


def spiral(folder: Path) -> Path:
    """Polygons of two thousand corners in which the last ear is always the one."""
    n, rings = 2000, 40
    angle = np.linspace(0, 60 * np.pi, n // 2)
    inner = np.stack([angle * np.cos(angle), angle * np.sin(angle)], 1)
    outer = np.stack([(angle + 2) * np.cos(angle), (angle + 2) * np.sin(angle)], 1)
    ring = np.concatenate([inner, outer[::-1]])
    lines = [f"v {x:.6f} {y:.6f} {0.001 * i:.6f}" for i, (x, y) in enumerate(ring)]
    lines += ["f " + " ".join(str(i + 1) for i in np.roll(np.arange(n), r)) for r in range(rings)]
    path = folder / "a.obj"
    path.write_text("\n".join(lines))
    return path


def long_statement(folder: Path) -> Path:
    """A texture's name of twenty megabytes in quotes, and a colour of two million numbers."""
    path = textured(folder, png_bytes(gradient_image(8)))
    path.with_suffix(".mtl").write_text(f'newmtl skin\nmap_Kd "{"a" * 20_000_000}\nKd {"1 " * 2_000_000}\n')
    return path


BOMBS: dict[str, Callable[[Path], Path]] = {
    f.__name__: f
    for f in (
        *(deep_grey, deep_tiff, float_tiff, many_passes, many_textures, many_pairs, instances, blank_mesh, shared_view),
        *(overlapping_images, json_lists, sparse, ply_counts, ply_empty_rows, stl_counts, msh_counts),
        *(spiral, long_statement),
    )
}
