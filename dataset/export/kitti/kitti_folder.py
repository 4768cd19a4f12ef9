"""KITTI's object layout: ``training/image_2``, ``label_2`` and ``calib``, and lists of parts in ``ImageSets``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.kitti.kitti_lines import calib_text, label_line, level_from_camera


def write_kitti(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures.

    Instances that the keep policy ignores are ``DontCare``. Types have no spaces: there are underscores.

    Raises InputError for pictures of a distorted camera, and for classes that underscores make one; OSError.
    """
    types = _types([c.name for c in job.dataset.categories])
    images, labels, calibrations = (out / "training" / name for name in ("image_2", "label_2", "calib"))
    for folder in (images, labels, calibrations, out / "ImageSets"):
        folder.mkdir(parents=True)
    objects = 0
    for _, record in job.records():
        if record.camera is None:
            raise InputError(f"picture {record.index}: its camera isn't known, which KITTI asks for", "export as coco")
        if record.camera.model != "pinhole":
            raise InputError(
                f"picture {record.index}: its camera is distorted ({record.camera.model}), which KITTI can't say",
                "make the dataset without camera.distortion or calibration, or export as coco",
            )
        level = level_from_camera(record.camera)
        stem = f"{record.index:06d}"
        job.pictures.put(record, images / record.image.file_name)
        text = "".join(label_line(i, types[i.class_name], level) for i in record.instances)
        (labels / f"{stem}.txt").write_text(text, "utf-8")
        (calibrations / f"{stem}.txt").write_text(calib_text(record.camera, level), "ascii")
        objects += len(record.instances)
    for part, indices in job.split.pictures.items():
        (out / "ImageSets" / f"{part}.txt").write_text("".join(f"{i:06d}\n" for i in indices), "ascii")
    return {"objects": objects}


def _types(classes: list[str]) -> dict[str, str]:
    types = {name: "_".join(name.split()) for name in classes}
    if twice := [t for t, n in Counter(types.values()).items() if n > 1]:
        raise InputError(
            f"KITTI has no spaces in names, and without them there are two classes {twice[0]!r}", "rename one"
        )
    return types
