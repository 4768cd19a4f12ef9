"""Scan files that the tests write themselves, byte by byte or through trimesh, apart from the readers they test."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image


def textured_patch(n: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (V, 3), UVs (V, 2; V up) and faces of a bumpy sheet whose UV tells the place: u = x, v = y, in 0..1."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    u = np.stack([x.ravel(), y.ravel()], axis=1)
    positions = np.column_stack([u, 0.2 * np.sin(3 * u[:, 0]) * np.cos(2 * u[:, 1])])
    i = np.arange(n * (n - 1)).reshape(n - 1, n)[:, :-1].ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + n + 1], 1), np.stack([i, i + n + 1, i + n], 1)])
    return positions, u, faces


def gradient_image(size: int = 64) -> Image.Image:
    """Red grows with u, green with v (V up), blue is 128: the colour tells the UV."""
    ramp = np.round((np.arange(size) + 0.5) / size * 255)
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[..., 0] = ramp[None, :]
    pixels[..., 1] = ramp[::-1][:, None]
    pixels[..., 2] = 128
    return Image.fromarray(pixels)


def png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_obj(path: Path, positions: np.ndarray, uvs: np.ndarray, faces: np.ndarray, texture: str = "skin.png") -> Path:
    lines = [f"mtllib {path.stem}.mtl", "usemtl skin"]
    lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in positions]
    lines += [f"vt {u:.9g} {v:.9g}" for u, v in uvs]
    lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".mtl").write_text(f"newmtl skin\nKd 1 1 1\nmap_Kd {texture}\n")
    return path


def write_bop_ply(path: Path, positions: np.ndarray, uvs: np.ndarray, faces: np.ndarray) -> Path:
    """The kind of BOP's YCB-V models: ASCII, texture_u and texture_v per vertex, colours that the texture overrules."""
    lines = ["ply", "format ascii 1.0", "comment TextureFile skin.png", f"element vertex {len(positions)}"]
    lines += [f"property float {p}" for p in ("x", "y", "z", "nx", "ny", "nz", "texture_u", "texture_v")]
    lines += ["property uchar red", "property uchar green", "property uchar blue"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    lines += [f"{x} {y} {z} 0 0 1 {u} {v} 10 20 30" for (x, y, z), (u, v) in zip(positions, uvs, strict=True)]
    lines += [f"3 {a} {b} {c}" for a, b, c in faces]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_meshlab_ply(path: Path, positions: np.ndarray, uvs: np.ndarray, faces: np.ndarray, order: str = "<") -> Path:
    """Binary, UVs per face corner."""
    name = "little" if order == "<" else "big"
    head = f"ply\nformat binary_{name}_endian 1.0\ncomment TextureFile skin.png\nelement vertex {len(positions)}\n"
    head += "property double x\nproperty double y\nproperty double z\n"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    head += "property list uchar float texcoord\nend_header\n"
    rows = np.zeros(len(faces), [("n", "u1"), ("i", order + "i4", 3), ("m", "u1"), ("t", order + "f4", 6)])
    rows["n"], rows["i"], rows["m"], rows["t"] = 3, faces, 6, uvs[faces].reshape(-1, 6)
    path.write_bytes(head.encode() + positions.astype(order + "f8").tobytes() + rows.tobytes())
    return path


def write_msh(path: Path, positions: np.ndarray, uvs: np.ndarray, faces: np.ndarray) -> Path:
    flipped = np.column_stack([uvs[:, 0], 1 - uvs[:, 1]])
    counts = struct.pack("<4i", len(positions), 0, len(uvs), len(faces))
    arrays = (positions.astype("<f4"), flipped.astype("<f4"), faces.astype("<i4"))
    path.write_bytes(counts + b"".join(a.tobytes() for a in arrays))
    return path


def write_glb(path: Path, positions: np.ndarray, uvs: np.ndarray, faces: np.ndarray) -> Path:
    """Through trimesh, which flips V and writes the data as it is (so Y up by the specification)."""
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=gradient_image(), roughnessFactor=0.3, metallicFactor=0.2, name="skin"
    )
    visual = trimesh.visual.TextureVisuals(uv=uvs, material=material)
    mesh = trimesh.Trimesh(positions, faces, process=False, visual=visual)
    path.write_bytes(mesh.export(file_type="glb"))
    return path


def write_gltf(path: Path, document: dict, binary: bytes, uri: str | None = None) -> Path:
    """A .gltf with one buffer, beside it or (without ``uri``) in a GLB."""
    document = {"asset": {"version": "2.0"}, **document}
    buffer = {"byteLength": len(binary)} | ({"uri": uri} if uri else {})
    text = json.dumps({**document, "buffers": [buffer]}).encode()
    if uri:
        path.write_bytes(text)
        return path
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    path.write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks)
    return path


def triangle_gltf(**changes: object) -> tuple[dict, bytes]:
    """A document of one triangle of 10 cm, and its buffer; ``changes`` replace top-level entries."""
    binary = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], "<f4").tobytes() + np.array([0, 1, 2], "<u2").tobytes()
    document: dict = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
    }
    return document | changes, binary


def write_binary_stl(path: Path, mesh: trimesh.Trimesh) -> Path:
    path.write_bytes(mesh.export(file_type="stl"))
    return path
