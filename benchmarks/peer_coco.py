"""A COCO file that is read and written anew for each picture, masks as lists of runs: how the peer keeps labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def append_picture(path: Path, image_name: str, ids: npt.NDArray[np.integer[Any]], names: dict[int, str]) -> None:
    """Add one picture to the COCO file ``path``, which is made where it isn't there.

    Args:
        path: of the file.
        image_name: of the picture's file.
        ids: (H, W), object index of each pixel; 0 is none.
        names: class names by object index.
    """
    document: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
    if path.is_file():
        with path.open(encoding="utf-8") as f:
            document = json.load(f)
    image_id = 1 + max((image["id"] for image in document["images"]), default=-1)
    annotation_id = 1 + max((found["id"] for found in document["annotations"]), default=0)
    categories = {found["name"]: found["id"] for found in document["categories"]}
    for name in sorted(set(names.values()) - set(categories)):
        categories[name] = len(categories) + 1
        document["categories"].append({"id": categories[name], "name": name, "supercategory": "coco_annotations"})
    document["images"].append(
        {"id": image_id, "file_name": image_name, "width": ids.shape[1], "height": ids.shape[0], "license": 1}
    )
    for number in np.unique(ids[ids > 0]):
        kept = {"id": annotation_id, "image_id": image_id, "category_id": categories[names[int(number)]], "iscrowd": 0}
        document["annotations"].append({**kept, **_described(ids == number)})
        annotation_id += 1
    with path.open("w", encoding="utf-8") as f:
        json.dump(document, f)


def _described(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Area, box and uncompressed runs of a mask (columns first, background first)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    counts = [0, *runs] if flat[0] else runs
    size = [int(n) for n in mask.shape]
    return {
        "area": int(mask.sum()),
        "bbox": [int(x) for x in box],
        "segmentation": {"counts": counts, "size": size},
        "width": size[1],
        "height": size[0],
    }
