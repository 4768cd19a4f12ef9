"""YOLO as a folder with a ``data.yaml`` that Ultralytics trains from as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import LabelledSource
from scanstage.dataset.export.splits.shares import Shares
from scanstage.dataset.export.yolo.yolo_lines import (
    Task,
    detect_line,
    mirrored,
    most_keypoints,
    obb_line,
    pose_line,
    segment_line,
)
from scanstage.dataset.labels.instances import Instance

DEFAULT_SPLIT: Shares = {"train": 0.8, "val": 0.2}
"""Ultralytics trains on nothing without pictures to validate on."""
ROLES = ("train", "val", "test")

Line = Callable[[Instance, int, tuple[int, int]], str]


def write_yolo(job: ExportJob, out: Path, task: Task) -> dict[str, Any]:
    """Write it into an empty folder: ``images`` and ``labels``, a folder a part in each, and ``data.yaml``.

    YOLO has no regions to be ignored: such instances are left out, and counted. A picture without labels has an empty
    file, which Ultralytics takes for background.

    Returns figures. Raises InputError for parts that Ultralytics doesn't know and for poses without keypoints, OSError.
    """
    if missing := {"train", "val"} - set(job.parts) or set(job.parts) - set(ROLES):
        raise InputError(
            f"{option('split')}: Ultralytics needs train and val, and knows test beside them ({', '.join(missing)})",
            "for example train=0.8,val=0.1,test=0.1",
        )
    line = _line_of(job.dataset, task, job.options)
    numbers = {c.name: i for i, c in enumerate(job.dataset.categories)}
    for part in job.parts:
        for kind in ("images", "labels"):
            (out / kind / part).mkdir(parents=True)
    labels = ignored = 0
    for part, record in job.records():
        lines = [line(i, numbers[i.class_name], record.image.resolution_wh) for i in record.instances if not i.ignore]
        (out / "labels" / part / f"{record.index:06d}.txt").write_text("".join(lines), "ascii")
        job.pictures.put(record, out / "images" / part / record.image.file_name)
        labels += len(lines)
        ignored += len(record.instances) - len(lines)
    (out / "data.yaml").write_text(_data_yaml(job.dataset, job.parts, task), "utf-8")
    return {"labels": labels} | ({"ignored regions left out": ignored} if ignored else {})


def _line_of(dataset: LabelledSource, task: Task, options: ExportOptions) -> Line:
    if task == "segment":
        return segment_line
    if task == "obb":
        return partial(obb_line, way=options.obb or "mask")
    if task == "detect":
        return detect_line
    by_name = {c.name: c for c in dataset.categories}
    most = most_keypoints(dataset.categories)
    if most == 0:
        raise InputError(
            f"{option('format')} yolo-pose: no scan of {dataset.name} has keypoints",
            "put them into a `.keypoints.yaml` beside each scan, or export as yolo",
        )

    def line(instance: Instance, number: int, resolution_wh: tuple[int, int]) -> str:
        return pose_line(instance, number, resolution_wh, by_name[instance.class_name], most)

    return line


def _data_yaml(dataset: LabelledSource, parts: Sequence[str], task: Task) -> str:
    """Without ``path``: Ultralytics takes the file's own folder, so that it may be moved."""
    kinds = "photos, and synthetic pictures" if dataset.run.holds_photos else "synthetic pictures"
    lines = [f"# {json.dumps(dataset.name, ensure_ascii=False)}: {kinds} by scanstage. Train on it with:"]
    model = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb"}[task]
    lines += [f"#   yolo {task} train data=data.yaml model=yolo11n{model}.pt"]
    lines += [f"{part}: images/{part}" for part in ROLES if part in parts]
    if task == "pose":
        lines.append(f"kpt_shape: [{most_keypoints(dataset.categories)}, 3]")
        if (flip := mirrored(dataset.categories)) is not None:
            lines.append(f"flip_idx: {flip}")
    lines.append("names:")
    lines += [f"  {i}: {json.dumps(c.name, ensure_ascii=False)}" for i, c in enumerate(dataset.categories)]
    return "\n".join(lines) + "\n"
