"""How much memory and time a photogrammetry scan takes to come in: ten million triangles, 16 textures of 8192 pixels.

    python benchmarks/large_scan.py [--triangles 10000000] [--textures 16] [--px 8192] [--keep FILE.glb]

The scan is made here: a bumpy column, noise of 0.05 % of its height on every vertex, one chart and one JPEG for each
part of it. ``scanstage assets add`` then runs as a person starts it; the resident memory of it and of all that it
starts is looked at every 50 ms. The last line is JSON: seconds, seconds of processors, peak bytes, what came of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import psutil

_LOOK_EVERY_S = 0.05


def write_scan(path: Path, triangles: int, textures: int, px: int) -> int:
    """A GLB of about so many triangles in so many charts (a square number); how many it has."""
    side = math.isqrt(textures)
    cells = max(1, round(math.sqrt(triangles / 2) / side))
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.0005, (side * cells + 1, side * cells)).astype(np.float32)
    row = np.arange((cells + 1) ** 2, dtype=np.uint32).reshape(cells + 1, cells + 1)
    a, b, c, d = (part.ravel() for part in (row[:-1, :-1], row[:-1, 1:], row[1:, 1:], row[1:, :-1]))
    faces = np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)
    step = np.linspace(0, 1, cells + 1, dtype=np.float32)
    uv = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2)
    document: dict[str, Any] = {k: [] for k in ("bufferViews", "accessors", "images", "textures", "materials")}
    primitives: list[dict[str, Any]] = []
    document |= {"asset": {"version": "2.0"}, "nodes": [{"mesh": 0}], "scenes": [{"nodes": [0]}]}
    with tempfile.TemporaryFile() as binary:

        def view(data: bytes) -> int:
            document["bufferViews"].append({"buffer": 0, "byteOffset": binary.tell(), "byteLength": len(data)})
            binary.write(data + b"\0" * (-len(data) % 4))
            return len(document["bufferViews"]) - 1

        def accessor(values: npt.NDArray[Any], kind: int, shape: str) -> int:
            entry = {"bufferView": view(values.tobytes()), "componentType": kind, "count": len(values), "type": shape}
            document["accessors"].append(entry)
            return len(document["accessors"]) - 1

        uv_index, face_index = accessor(uv, 5126, "VEC2"), accessor(faces.reshape(-1, 1), 5125, "SCALAR")
        for chart in range(side * side):
            places = _places(noise, chart % side * cells, chart // side * cells, cells)
            document["images"].append({"bufferView": view(_picture(px, chart)), "mimeType": "image/jpeg"})
            document["textures"].append({"source": chart})
            look = {"baseColorTexture": {"index": chart}, "metallicFactor": 0}
            document["materials"].append({"name": f"chart{chart}", "pbrMetallicRoughness": look})
            attributes = {"POSITION": accessor(places, 5126, "VEC3"), "TEXCOORD_0": uv_index}
            primitives.append({"attributes": attributes, "indices": face_index, "material": chart})
        document |= {"meshes": [{"primitives": primitives}], "buffers": [{"byteLength": binary.tell()}]}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        size = binary.tell()
        binary.seek(0)
        with path.open("wb") as out:
            out.write(b"glTF" + struct.pack("<II", 2, 28 + len(text) + size))
            out.write(struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", size, 0x004E4942))
            while piece := binary.read(1 << 24):
                out.write(piece)
    return len(faces) * side * side


def _places(noise: npt.NDArray[np.float32], x: int, y: int, cells: int) -> npt.NDArray[np.float32]:
    """(V, 3) of one chart of the column, whose border is that of its neighbours."""
    rows, columns = len(noise) - 1, noise.shape[1]
    down, across = np.arange(y, y + cells + 1), np.arange(x, x + cells + 1)
    height, angle = down[:, None] / rows, across[None, :] % columns * (2 * np.pi / columns)
    bumps = 0.06 * np.sin(5 * angle) * np.sin(9 * height) + 0.03 * np.cos(17 * angle + 23 * height)
    radius = 0.2 + 0.1 * np.sin(np.pi * height) + bumps * 0.3 + noise[down[:, None], across[None, :] % columns]
    parts = np.broadcast_arrays(radius * np.cos(angle), -height, radius * np.sin(angle))
    return np.ascontiguousarray(np.stack(parts, axis=-1).reshape(-1, 3), np.float32)


def _picture(px: int, seed: int) -> bytes:
    """Rock: noise of several sizes, as JPEG."""
    rng = np.random.default_rng(seed)
    picture = np.full((px, px, 3), 110, np.float32)
    for size in (8, 64, 512, px // 4):
        coarse = rng.normal(0, 18, (size, size, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (px, px), interpolation=cv2.INTER_CUBIC)
    done, data = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert done
    return data.tobytes()


def take_in_watched(path: Path, library: Path) -> dict[str, Any]:
    """Run ``assets add``: how long it took, and the most memory that it and what it started had at a time."""
    command = [sys.executable, "-m", "scanstage.render", "assets", "add", str(path), "--class", "rock"]
    began = time.monotonic()
    process = psutil.Popen([*command, "--library", str(library)])
    peak = 0
    while process.poll() is None:
        now = 0
        with contextlib.suppress(psutil.Error):
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    now += one.memory_info().rss
        peak = max(peak, now)
        with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
    taken, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = round(used.ru_utime + used.ru_stime, 1)
    return {"seconds": round(taken, 1), "cpu_s": busy, "peak_bytes": peak, "exit_code": process.returncode}


def main() -> None:
    """Make a scan, take it in, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--triangles", type=int, default=10_000_000)
    parser.add_argument("--textures", type=int, default=16, help="a square number")
    parser.add_argument("--px", type=int, default=8192)
    parser.add_argument("--keep", type=Path, help="the scan's file, which is made where it isn't there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.keep or Path(folder, "scan.glb")
        if not path.exists():
            made = write_scan(path, arguments.triangles, arguments.textures, arguments.px)
            print(f"{path}: {made:,} triangles, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
        result = take_in_watched(path, Path(folder, "library"))
        assets = [json.loads(p.read_text()) for p in Path(folder, "library").glob("*/*/asset.json")]
        result |= {"triangles": assets[0]["triangles"] if assets else 0, "file_bytes": path.stat().st_size}
    print(f"{result['seconds']} s ({result['cpu_s']} s of processors), {result['peak_bytes'] / 1e9:.2f} GB at most")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
