"""Photos for fits: pictures of anything, with labels that are planned from a config, or made up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scanstage.scenes.bank.plan_bank import ArrangementTask, plan_bank
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.preflight import open_planner

Box = tuple[float, float, float, float]


def planned_photos(folder: Path, config: RunConfig, base: Path, count: int) -> Path:
    """Photos whose labels are those of planned pictures of a config; the COCO file."""
    tasks = [ArrangementTask(i, {}, [{}]) for i in range(count)]
    pictures = [p for rows in plan_bank(open_planner(config, base), tasks, 1) for p in rows if p.class_names]
    rows = [[(n, tuple(b[:4])) for n, b in zip(p.class_names, p.boxes.tolist(), strict=True)] for p in pictures]
    return write_photos(folder, rows, wh=pictures[0].resolution_wh)


def made_up(count: int, names: Sequence[str] = ("apple", "mug"), seed: int = 0) -> list[list[tuple[str, Box]]]:
    """Labels of photos of 96 x 72."""
    rng = np.random.default_rng(seed)
    return [
        [
            (str(rng.choice(names)), (float(rng.uniform(0, 50)), float(rng.uniform(0, 40)), 20.0, 16.0))
            for _ in range(rng.integers(1, 4))
        ]
        for _ in range(count)
    ]


def write_photos(
    folder: Path,
    rows: Sequence[Iterable[tuple[str, Any]]],
    wh: tuple[int, int] = (96, 72),
    names: Sequence[str] = (),
    sizes: Sequence[tuple[int, int]] = (),
) -> Path:
    """Photos with boxes; no two look alike. ``names`` are categories; ``sizes`` of the photos in turn."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(7)
    categories = list(names) or sorted({name for row in rows for name, _ in row})
    images, annotations = [], []
    for index, row in enumerate(rows):
        own = sizes[index % len(sizes)] if sizes else wh
        pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), own, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "images" / f"{index:03d}.png"), pixels)
        images.append({"id": index, "file_name": f"{index:03d}.png", "width": own[0], "height": own[1]})
        for name, box in row:
            category = categories.index(name) + 1
            annotations.append(
                {"id": len(annotations) + 1, "image_id": index, "category_id": category, "bbox": list(box)}
            )
    path = folder / "instances.json"
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k, "name": n} for k, n in enumerate(categories, 1)],
    }
    path.write_text(json.dumps(document), "utf-8")
    return path
