"""Made-up pictures with labels, features and hashes, and small photos on disk, to be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scanstage.dataset.likeness.compared_pictures import SeenPictures
from scanstage.dataset.likeness.picture_features import PLAIN
from support.tables import table


def seen(
    count: int, seed: int, *, brighter: float = 0.0, owls: float = 0.5, repeated: int = 0, narrower: float = 0.0
) -> SeenPictures:
    """Pictures of one kind, but for what is said; the first ``repeated`` are there twice; boxes and features may be
    so much nearer to their middle."""
    rng = np.random.default_rng(seed)
    held, numbers = [], []
    for _ in range(count):
        drawn = [(*rng.uniform(0, 60, 2), *rng.uniform(5, 20, 2)) for _ in range(rng.integers(1, 7))]
        boxes = [tuple(b + narrower * (m - b) for b, m in zip(box, (30, 30, 12.5, 12.5), strict=True)) for box in drawn]
        held.append([("owl" if rng.random() < owls else "mouse", tuple(map(float, b))) for b in boxes])
        numbers.append({"brightness": float(rng.normal(0.5 + brighter, 0.1)), "blur": float(rng.normal(0.4, 0.1))})
    features = rng.normal(size=(count, 20)) * (1 - narrower)
    features[:, 0] += 10 * brighter
    hashes = [int(h) for h in rng.integers(0, 2**63, count)]
    for k in range(repeated):
        features[-1 - k], hashes[-1 - k] = features[k], hashes[k]
    made = table(held, numbers=numbers, name=f"seen {seed}")
    return SeenPictures(made.name, made, {PLAIN: features}, tuple(hashes), total=count)


def photos(
    folder: Path, count: int, seed: int, *, dark: float = 1.0, names: tuple[str, ...] = ("owl", "mouse")
) -> Path:
    """Small photos of coloured squares with their boxes; the COCO file."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(count):
        picture = np.full((48, 64, 3), rng.uniform(90, 200), np.float64)
        for _ in range(rng.integers(1, 4)):
            x, y, side, kind = (int(v) for v in (*rng.integers(0, 40, 2), rng.integers(6, 20), rng.integers(0, 2)))
            picture[y : y + side, x : x + side] = (220, 80, 40) if kind else (40, 90, 200)
            box = [x, y, min(side, 64 - x), min(side, 48 - y)]
            label = {"id": len(annotations) + 1, "image_id": index, "category_id": kind + 1, "bbox": box}
            annotations.append(label)
        noisy = (picture + rng.normal(0, 6, picture.shape)) * dark
        name = f"{index:03d}.png"
        cv2.imwrite(str(folder / "images" / name), np.clip(noisy, 0, 255).astype(np.uint8))
        images.append({"id": index, "file_name": name, "width": 64, "height": 48})
    categories = [{"id": k, "name": n} for k, n in enumerate(names, 1)]
    path = folder / f"photos_{seed}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}), "utf-8")
    return path
