"""Masks as PNG files: ``semantic`` holds classes, ``instances`` numbers of instances, beside ``images``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.label_maps.painting import VOID, class_map, instance_map, write_palette_png
from scanstage.dataset.export.splits.shares import ALL
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.finished_dataset import FinishedDataset


def write_masks(dataset: FinishedDataset, out: Path, options: ExportOptions) -> dict[str, Any]:
    """Write it into an empty folder; ``classes.json`` says which number is what. Returns figures.

    Raises InputError, OSError.
    """
    split = Split.of(dataset, options.split or ALL, options.hold_out)
    pictures = PictureTransfer(dataset.folder, options.images or "hardlink")
    kinds = ("images", "semantic", "instances")
    for part in split.shares:
        for kind in kinds:
            (out / kind / part).mkdir(parents=True)
    classes = [c.name for c in dataset.categories]
    for part, record in split.records(dataset):
        images, semantic, instances = (out / kind / part for kind in kinds)
        pictures.put(record, images / record.image.file_name)
        write_palette_png(semantic / f"{record.index:06d}.png", class_map(record, classes))
        write_palette_png(instances / f"{record.index:06d}.png", instance_map(record))
    told = {"0": None, **{str(i): name for i, name in enumerate(classes, 1)}, str(VOID): "to be ignored"}
    (out / "classes.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    split.write(out)
    return {"pictures": split.total} | split.figures
