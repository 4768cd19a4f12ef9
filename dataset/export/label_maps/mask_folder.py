"""Masks as PNG files: ``semantic`` holds classes, ``instances`` numbers of instances, beside ``images``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.label_maps.painting import VOID, class_map, instance_map, write_palette_png


def write_masks(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; ``classes.json`` says which number is what. Returns figures.

    Raises InputError, OSError.
    """
    kinds = ("images", "semantic", "instances")
    for part in job.parts:
        for kind in kinds:
            (out / kind / part).mkdir(parents=True)
    classes = [c.name for c in job.dataset.categories]
    for part, record in job.records():
        images, semantic, instances = (out / kind / part for kind in kinds)
        job.pictures.put(record, images / record.image.file_name)
        write_palette_png(semantic / f"{record.index:06d}.png", class_map(record, classes))
        write_palette_png(instances / f"{record.index:06d}.png", instance_map(record))
    told = {"0": None, **{str(i): name for i, name in enumerate(classes, 1)}, str(VOID): "to be ignored"}
    (out / "classes.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return {}
