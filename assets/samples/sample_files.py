"""Writers of scan files as scanners write them: OBJ with MTL and texture, PLY (plain and BOP's kind), GLB."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanstage.assets.samples.paint import to_bytes
from scanstage.assets.samples.sample_model import Model, Skin


def _encoded(image: npt.NDArray[np.uint8], suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".jpg":
        Image.fromarray(image).save(out, "JPEG", quality=92, subsampling=0)
    else:
        Image.fromarray(image).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _skin(model: Model) -> Skin:
    if model.skin is None:
        raise ValueError("this kind of file needs a textured model")
    return model.skin


def _shininess(roughness: float) -> float:
    """The MTL's Ns for a roughness, by the convention of Blender's OBJ exporter: Ns = 1000 (1 - roughness)^2."""
    return 1000.0 * (1.0 - roughness) ** 2


def write_obj(path: Path, model: Model, texture: str = ".jpg") -> None:
    """Write ``path``, its ``.mtl`` and its texture (suffix ``texture``) side by side."""
    skin = _skin(model)
    picture = path.with_name(f"{path.stem}_color{texture}")
    picture.write_bytes(_encoded(skin.image, texture))
    materials = [
        f"newmtl part{k}\nKd 1 1 1\nKs 0.04 0.04 0.04\nNs {_shininess(f.roughness):.2f}\nmap_Kd {picture.name}\n"
        for k, f in enumerate(model.finishes)
    ]
    path.with_suffix(".mtl").write_text("\n".join(materials), "utf-8")
    lines = [
        f"mtllib {path.stem}.mtl\n",
        _rows("v %.5f %.5f %.5f\n", model.vertices),
        _rows("vt %.5f %.5f\n", skin.uv),
    ]
    corners = np.stack([model.faces, skin.face_uv], -1).reshape(-1, 6) + 1
    for k in range(len(model.finishes)):
        lines += [f"usemtl part{k}\n", _rows("f %d/%d %d/%d %d/%d\n", corners[model.face_finish == k])]
    path.write_text("".join(lines), "utf-8")


def _rows(template: str, rows: npt.NDArray[np.generic]) -> str:
    return (template * len(rows)) % tuple(rows.ravel().tolist())


def _split(
    faces: npt.NDArray[np.int64], skin: Skin
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """One vertex for every pair of position and UV: (index of the position, UV (N, 2), faces (F, 3))."""
    key = faces.ravel() * len(skin.uv) + skin.face_uv.ravel()
    pairs, split = np.unique(key, return_inverse=True)
    return pairs // len(skin.uv), skin.uv[pairs % len(skin.uv)], split.reshape(-1, 3)


def write_ply(path: Path, model: Model) -> None:
    """Write a binary PLY: with vertex colours, or as BOP does, with ``texture_u/v`` and a ``TextureFile`` comment."""
    faces, vertices = model.faces, model.vertices
    comment, names = "", ["x", "y", "z"]
    if model.colors is not None:
        kinds = ["f4", "f4", "f4", "u1", "u1", "u1"]
        names += ["red", "green", "blue"]
        columns = [*vertices.T, *to_bytes(model.colors).T]
    else:
        picture = path.with_name(f"{path.stem}_color.png")
        skin = _skin(model)
        picture.write_bytes(_encoded(skin.image, ".png"))
        comment = f"comment TextureFile {picture.name}\n"
        at, uv, faces = _split(faces, skin)
        kinds = ["f4"] * 5
        names += ["texture_u", "texture_v"]
        columns = [*vertices[at].T, *uv.T]
    table = np.empty(len(columns[0]), [(n, f"<{k}") for n, k in zip(names, kinds, strict=True)])
    for name, column in zip(names, columns, strict=True):
        table[name] = column
    triangles = np.empty(len(faces), [("count", "u1"), ("index", "<i4", 3)])
    triangles["count"], triangles["index"] = 3, faces
    spoken = {"f4": "float", "u1": "uchar"}
    properties = "".join(f"property {spoken[k]} {n}\n" for n, k in zip(names, kinds, strict=True))
    header = (
        f"ply\nformat binary_little_endian 1.0\n{comment}element vertex {len(table)}\n{properties}"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode("ascii") + table.tobytes() + triangles.tobytes())


class _Buffer:
    """The binary chunk of a GLB with its views and accessors."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []

    def view(self, data: bytes) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data + b"\0" * (-len(data) % 4)
        return len(self.views) - 1

    def accessor(self, array: npt.NDArray[np.generic], component: int, kind: str, normalized: bool = False) -> int:
        entry: dict[str, object] = {
            "bufferView": self.view(np.ascontiguousarray(array).tobytes()),
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if normalized:
            entry["normalized"] = True
        if kind == "VEC3":
            entry |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1


_FLOAT, _USHORT, _UINT = 5126, 5123, 5125


def write_glb(path: Path, model: Model) -> None:
    """Write a binary glTF 2.0 with one primitive a finish, either textured or with COLOR_0 (linear, 16 bit)."""
    buffer = _Buffer()
    document: dict[str, object] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}]}
    base: dict[str, object] = {}
    if model.colors is not None:
        faces, at = model.faces, np.arange(len(model.vertices))
        linear = np.where(model.colors <= 0.04045, model.colors / 12.92, ((model.colors + 0.055) / 1.055) ** 2.4)
        rgba = np.concatenate([linear, np.ones((len(linear), 1))], 1)
        extra = {"COLOR_0": buffer.accessor(np.round(rgba * 65535).astype("<u2"), _USHORT, "VEC4", normalized=True)}
    else:
        skin = _skin(model)
        at, uv, faces = _split(model.faces, skin)
        flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], 1)
        extra = {"TEXCOORD_0": buffer.accessor(flipped.astype("<f4"), _FLOAT, "VEC2")}
        image = buffer.view(_encoded(skin.image, ".jpg"))
        document |= {"images": [{"bufferView": image, "mimeType": "image/jpeg"}], "textures": [{"source": 0}]}
        base = {"baseColorTexture": {"index": 0}}
    attributes = {"POSITION": buffer.accessor(model.vertices[at].astype("<f4"), _FLOAT, "VEC3"), **extra}
    primitives = [
        {
            "attributes": attributes,
            "indices": buffer.accessor(faces[model.face_finish == k].astype("<u4").ravel(), _UINT, "SCALAR"),
            "material": k,
        }
        for k in range(len(model.finishes))
    ]
    document |= {
        "nodes": [{"mesh": 0, "name": path.stem}],
        "meshes": [{"primitives": primitives}],
        "materials": [
            {
                "name": f"part{k}",
                "pbrMetallicRoughness": {**base, "roughnessFactor": f.roughness, "metallicFactor": f.metallic},
            }
            for k, f in enumerate(model.finishes)
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }  # fmt: skip
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = (len(text).to_bytes(4, "little") + b"JSON" + text) + (
        len(buffer.data).to_bytes(4, "little") + b"BIN\0" + bytes(buffer.data)
    )
    path.write_bytes(b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks)
