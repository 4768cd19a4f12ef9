"""Datasets that ask for more memory or time than they are worth, made of one that is sound.

As a program, ``dataset_bombs.py FOLDER SOUND``, it lets all of them off in its own process, whose memory is bounded,
and prints a line of JSON for each; so one that hangs or takes all memory is only that one.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sys
import time
import traceback
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests")]

import numpy as np  # noqa: E402

from scanstage.dataset.check.check_dataset import check_dataset  # noqa: E402
from scanstage.dataset.export.formats import export_dataset  # noqa: E402
from scanstage.dataset.records.finished_dataset import open_dataset  # noqa: E402
from support import image_bombs  # noqa: E402
from support.dataset_files import edit_record, put_map  # noqa: E402

SIDE = 16384
MEMORY_BYTES = 900 << 20
"""That may be added to what the process has at its beginning. The largest picture there can be takes most of it."""
Plant = Callable[[Path], object]


def code_of(*runs: int) -> str:
    """COCO's code of a mask of at most three runs."""

    def one(number: int) -> str:
        text = ""
        while True:
            digit, number = number & 31, number >> 5
            more = number != 0 or bool(digit & 16)
            text += chr(48 + digit + 32 * more)
            if not more:
                return text

    return "".join(map(one, runs))


def sized(record: dict[str, Any], width: int, height: int) -> None:
    """Let a record say that its picture has a size, and every mask covers all of it."""
    record["image"]["resolution_wh"] = record["plan"]["camera"]["resolution_wh"] = [width, height]
    covering(record, width, height)


def covering(record: dict[str, Any], width: int, height: int) -> None:
    for instance in record["instances"]:
        for key in ("mask", "mask_amodal"):
            instance[key] = {"size_hw": [height, width], "counts": code_of(0, width * height)}


def many_labels(width: int, height: int, count: int) -> Plant:
    """As many labels as fit into a megabyte, each of which covers all of a large picture."""

    def change(record: dict[str, Any]) -> None:
        sized(record, width, height)
        first = record["instances"][0] | {"pose": None, "box_3d": None, "keypoints": []}
        record["instances"] = [first | {"instance_id": i + 1} for i in range(count)]

    return lambda root: edit_record(root, 1, change)


def image(data: bytes, size: tuple[int, int] | None = None) -> Plant:
    """Another picture, recorded with its hash, and with its size where that is given."""

    def plant(root: Path) -> None:
        def change(record: dict[str, Any]) -> None:
            put_map(root, record, "x", "images/000001.png", data)
            record["image"] |= {"file_name": "000001.png", "sha256": record["maps"].pop("x")["sha256"]}
            if size is not None:
                sized(record, *size)

        edit_record(root, 1, change)

    return plant


def a_map(name: str, path: str, data: bytes, size: tuple[int, int] | None = None) -> Plant:
    def plant(root: Path) -> None:
        def change(record: dict[str, Any]) -> None:
            put_map(root, record, name, path, data)
            if size is not None:
                sized(record, *size)

        edit_record(root, 1, change)

    return plant


def npz(shape: tuple[int, ...], fill: bool = True, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Soft masks that say, or hold, so many layers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, dtype in (("instance_ids.npy", "<u2"), ("coverage.npy", "|u1")):
            header = io.BytesIO()
            about = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(header, about)
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(header.getvalue())
                left = int(np.prod(shape)) * np.dtype(dtype).itemsize if fill else 0
                for at in range(0, left, 1 << 24):
                    member.write(bytes(min(1 << 24, left - at)))
    return file.getvalue()


def crowded() -> bytes:
    """An archive with two thousand entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(2000):
            archive.writestr(f"{i}.npy", b"")
    return file.getvalue()


def filled(key: str, unit: str, size: int) -> Plant:
    """A record with a list of so many bytes."""

    def plant(root: Path) -> None:
        path = root / "records/000001.json"
        record = json.loads(path.read_text()) | {key: "@"}
        path.write_text(json.dumps(record).replace('"@"', f"[{(unit * (size // len(unit)))[:-1]}]"))

    return plant


def in_run(**more: Any) -> Plant:
    def plant(root: Path) -> None:
        (root / "run.json").write_text(json.dumps(json.loads((root / "run.json").read_text()) | more))

    return plant


def written(name: str, data: bytes) -> Plant:
    return lambda root: (root / name).write_bytes(data)


def large_box(record: dict[str, Any]) -> None:
    for instance in record["instances"]:
        instance |= {"bbox_xywh": [-100_000, -100_000, 131_000, 131_000], "ignore": True, "reason": "r" * 2_000_000}
        instance["keypoints"] = [
            {"name": "k" * 10**6, "xy_px": [1e300, 1e300], "visibility": 2, "position_m": [0, 0, 1]}
        ]


@cache
def grey() -> bytes:
    """A whole picture of 16 bits, which takes half a gigabyte."""
    return image_bombs.png(SIDE, SIDE, 16, 0)


def sparse(name: str) -> Plant:
    return lambda root: os.truncate(root / name, 1 << 40)


BOMBS: dict[str, Plant] = {
    "masks larger than the picture": lambda root: edit_record(root, 1, lambda r: covering(r, SIDE, SIDE)),
    "masks of a large picture": lambda root: edit_record(root, 1, lambda r: sized(r, SIDE, SIDE)),
    "thousand masks of the largest picture": many_labels(8192, 8192, 1000),
    "masks of one row": many_labels(SIDE, 1, 1000),
    "run lengths beyond all numbers": lambda root: edit_record(
        root, 1, lambda r: r["instances"][0]["mask"].update(counts="P" + "ooooo?" * 200_000)
    ),
    "picture larger than recorded": image(image_bombs.png(SIDE, SIDE, rows=1)),
    "picture of the claimed size": image(image_bombs.png(SIDE, SIDE, 16, 2, rows=1), (SIDE, SIDE)),
    "grey picture, whole": lambda root: image(grey(), (SIDE, SIDE))(root),
    "JPEG of a size that only it can have": image(image_bombs.jpeg(65_500, 65_500)),
    "sparse picture": sparse("images/000001.jpg"),
    "ids larger than the picture": lambda root: a_map("instances", "instances/000001.png", grey())(root),
    "ids of the claimed size": lambda root: a_map("instances", "instances/000001.png", grey(), (SIDE, SIDE))(root),
    "depth with a window of its own": a_map(
        "depth_m", "depth/000001.exr", image_bombs.exr(window=image_bombs.box(200_000, 200_000))
    ),
    "normals of a thousand channels": a_map(
        "normals",
        "normals/000001.exr",
        image_bombs.exr(
            image_bombs.attribute("channels", "chlist", image_bombs.channels(tuple(f"c{i}" for i in range(1000)))),
            window=image_bombs.box(160, 120),
        ),
    ),
    "soft masks that claim": a_map("soft_masks", "soft_masks/000001.npz", npz((9, 10**6, 10**6), fill=False)),
    "soft masks of many layers": lambda root: a_map("soft_masks", "soft_masks/000001.npz", npz((3000, 120, 160)))(root),
    "soft masks of LZMA": a_map("soft_masks", "soft_masks/000001.npz", npz((1, 120, 160), method=zipfile.ZIP_LZMA)),
    "soft masks of many files": a_map("soft_masks", "soft_masks/000001.npz", crowded()),
    "sparse map": sparse("depth/000001.exr"),
    "record of lists": filled("agreement", "[],", 12_000_000),
    "record of errors": filled("agreement", "0,", 3_000_000),
    "record of maps": lambda root: edit_record(
        root, 1, lambda r: r["maps"].update({f"m{i}": 7 for i in range(50_000)})
    ),
    "record of texts": filled("agreement", f'"{"x" * 999}",', 15_000_000),
    "record of quotes": lambda root: (root / "records/000001.json").write_text('{"a":"' + '\\"' * 8_000_000),
    "sparse record": sparse("records/000001.json"),
    "run.json of lists": written("run.json", b"[" + b"[]," * 20_000_000 + b"[]]"),
    "run.json without an end": written("run.json", b'{"a":' * 12_000_000),
    "run.json of quotes": written("run.json", b'"\\"' * 20_000_000),
    "sessions of ten million pictures": in_run(sessions=[{"frames": [i, 9_999_999]} for i in range(5000)]),
    "a number of four thousand digits": in_run(pictures=10**4000),
    "pictures far beyond": lambda root: [
        shutil.copy(root / "records/000001.json", root / f"records/{i}.json") for i in (9_999_999, 10**12, 10**40)
    ],
    "boxes, reasons and names that are drawn": lambda root: edit_record(root, 1, large_box),
    "COCO file of lists": written("annotations/instances.json", b'{"images":[' + b"[]," * 2_500_000 + b"[]]}"),
    "sparse COCO file": sparse("annotations/instances.json"),
    "sheet larger than any": lambda root: written("__overview__/preview.png", grey())(root),
}


def let_off(root: Path) -> dict[str, Any]:
    """Do all that only reads a dataset, and say what came of it."""
    told: dict[str, Any] = {"errors": [], "findings": []}
    started = time.monotonic()
    out = root.with_name("out")
    for name, act in (
        ("check", lambda: told["findings"].extend(f.kind for f in check_dataset(root, workers=1).findings)),
        ("coco", lambda: export_dataset(open_dataset(root), "coco", None)),
        ("bop", lambda: export_dataset(open_dataset(root), "bop", out)),
    ):
        try:
            act()
        except BaseException as e:
            if type(e).__name__ != "InputError":
                told["errors"].append(f"{name}: {traceback.format_exc(limit=-3)}")
    shutil.rmtree(out, ignore_errors=True)
    return told | {"seconds": time.monotonic() - started}


def main(folder: Path, sound: Path) -> None:
    """Let them all off, one after the other."""
    status = Path("/proc/self/statm")
    there = int(status.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (there + MEMORY_BYTES, there + MEMORY_BYTES))
    for name, plant in BOMBS.items():
        shutil.copytree(sound, root := folder / "bomb")
        plant(root)
        print(json.dumps({"name": name} | let_off(root)), flush=True)
        shutil.rmtree(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
