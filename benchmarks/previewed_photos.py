"""A pool of varied pictures with labels, without rendering: shaded previews, as if many phones had taken them.

Each picture has its own exposure, colour cast, softness and noise, so that a change of any of these has to be found
among pictures that differ in it anyway.
"""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.labels.instances import Instance, make_labels
from scanstage.scenes.config.load import load_config
from scanstage.scenes.picture_sequence.picture_source import open_source
from scanstage.scenes.picture_sequence.planned_picture import RefusedPicture
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.sight.shading import Shader

Pixels = npt.NDArray[np.uint8]
MOST = 100_000
CONFIG = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
OVERRIDES = ("camera.resolution=[256,192]", "objects.placement={kind: upright, density: {uniform: [0.3, 0.5]}}")


def make_pool(folder: Path, count: int, processes: int = 2) -> Path:
    """Write ``count`` pictures and their COCO file ``instances.json`` into a folder, unless it is there; its path."""
    path = folder / "instances.json"
    if path.is_file() and len(json.loads(path.read_text("utf-8"))["images"]) >= count:
        return path
    (folder / "images").mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, count, processes * 4 + 1).astype(int)
    parts = [(folder, int(a), int(b)) for a, b in itertools.pairwise(bounds)]
    with ProcessPoolExecutor(processes) as pool:
        found = [entry for part in pool.map(_part, parts) for entry in part]
    names = sorted({label["name"] for entry in found for label in entry["labels"]})
    images = [{"id": e["id"], "file_name": e["file_name"], "width": 256, "height": 192} for e in found]
    labels = [(e["id"], label) for e in found for label in e["labels"]]
    annotations = [
        {"id": k, "image_id": image, "category_id": names.index(label["name"]) + 1, "bbox": label["bbox"]}
        for k, (image, label) in enumerate(labels, 1)
    ]
    categories = [{"id": k, "name": n} for k, n in enumerate(names, 1)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}), "utf-8")
    return path


def _part(part: tuple[Path, int, int]) -> list[dict[str, Any]]:
    use_one_blas_thread()
    folder, first, end = part
    config = load_config(CONFIG, [*OVERRIDES, f"images={MOST}"])
    catalogue = open_inputs(config, CONFIG.parent)
    planner = Planner(config, catalogue, CONFIG.parent)
    shader = Shader(catalogue, planner.caster)
    found = []
    for picture in open_source(planner).pictures(Selection((first, end - 1), through=end - 1)):
        if isinstance(picture, RefusedPicture):
            continue
        pixels = as_taken(shader.shade(picture.planned), picture.index)
        name = f"{picture.index:06d}.jpg"
        cv2.imwrite(str(folder / "images" / name), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        labels = [_label(i) for i in make_labels(picture.planned, config.labels)[0] if not i.ignore]
        found.append({"id": picture.index + 1, "file_name": name, "labels": labels})
    return found


def _label(item: Instance) -> dict[str, Any]:
    return {"name": item.class_name, "bbox": [float(v) for v in item.bbox_xywh]}


def as_taken(pixels: Pixels, index: int) -> Pixels:
    """(H, W, 3): by a camera of its own exposure, colour cast, softness and noise, drawn from the picture's number."""
    rng = np.random.default_rng([17, index])
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.05, 3))
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 0.9))
    noisy = soft * gain + rng.normal(0, rng.uniform(0.5, 3), pixels.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)
