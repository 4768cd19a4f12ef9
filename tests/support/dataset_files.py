"""Changes to the files of a dataset, for tests that plant faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.run_file import write_run_file


def png_of(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def put_map(root: Path, record: dict[str, Any], name: str, path: str, data: bytes) -> None:
    """Write a map's file and put it into a record's JSON."""
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(data)
    record["maps"][name] = {"path": path, "sha256": hashlib.sha256(data).hexdigest()}


def edit_record(root: Path, index: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record's JSON in place."""
    path = root / "records" / f"{index:06d}.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def export_again(root: Path) -> None:
    """Write the COCO file and the counts of run.json anew."""
    dataset = open_dataset(root)
    pictures, labels = export(dataset.folder, dataset.run)
    write_run_file(dataset.folder, replace(dataset.run, pictures=len(pictures), labels=labels))
