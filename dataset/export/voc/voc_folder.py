"""Pascal VOC as its readers look for it: ``VOCdevkit/VOC2012`` with XML, palette PNG masks and lists of parts.

Boxes are VOC's: the first pixel is 1, and the last one belongs to the box. ``truncated`` and ``occluded`` are set by
the thresholds of VOC's guidelines (more than 15 % of an object outside, more than 5 % of it hidden); ``difficult``
marks instances that the keep policy ignores, and masks hold 255, VOC's void, for them. Masks have no border of void.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from math import ceil, floor
from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.export.label_maps.painting import class_map, instance_map, palette_color, write_palette_png
from scanstage.dataset.labels.instances import Instance

ROOT = Path("VOCdevkit", "VOC2012")
TRUNCATED, OCCLUDED = 0.15, 0.05


def write_voc(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    root = out / ROOT
    for name in ("JPEGImages", "Annotations", "SegmentationClass", "SegmentationObject", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    classes = [c.name for c in job.dataset.categories]
    objects = 0
    for _, record in job.records():
        stem = f"{record.index:06d}"
        job.pictures.put_jpeg(record, root / "JPEGImages" / f"{stem}.jpg")
        (root / "Annotations" / f"{stem}.xml").write_text(
            annotation(record, job.dataset.name, _kind(job.origin(record))), "utf-8"
        )
        write_palette_png(root / "SegmentationClass" / f"{stem}.png", class_map(record, classes))
        write_palette_png(root / "SegmentationObject" / f"{stem}.png", instance_map(record))
        objects += len(record.instances)
    (root / "ImageSets" / "Segmentation").mkdir()
    for part, indices in job.split.pictures.items():
        text = "".join(f"{index:06d}\n" for index in indices)
        for kind in ("Main", "Segmentation"):
            (root / "ImageSets" / kind / f"{part}.txt").write_text(text, "ascii")
    (root / "labelmap.txt").write_text(_label_map(classes), "utf-8")
    return {"objects": objects}


def _label_map(classes: list[str]) -> str:
    """Classes and their colours, as CVAT and Datumaro look for them; VOC itself knows only its own twenty."""
    lines = ["# label:color_rgb:parts:actions"]
    for number, name in enumerate(["background", *classes]):
        lines.append(f"{name}:{','.join(map(str, palette_color(number)))}::")
    return "\n".join(lines) + "\n"


def annotation(record: LabelledImage, name: str, kind: str = "synthetic") -> str:
    """The XML of a picture, ``synthetic`` or ``real``."""
    width, height = record.image.resolution_wh
    size = {"width": width, "height": height, "depth": 3}
    root = ET.Element("annotation")
    _fill(root, {"folder": ROOT.name, "filename": f"{record.index:06d}.jpg"})
    _fill(root, {"source": {"database": name, "annotation": "scanstage", "image": kind}, "size": size})
    _fill(root, {"segmented": 1})
    for instance in record.instances:
        _fill(root, {"object": _object(instance)})
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _kind(origin: Mapping[str, Any]) -> str:
    return str(origin["source"]["kind"]) if origin else "synthetic"


def _object(instance: Instance) -> dict[str, Any]:
    x, y, w, h = instance.bbox_xywh
    return {
        "name": instance.class_name,
        "pose": "Unspecified",
        "truncated": int(instance.truncated_fraction > TRUNCATED),
        "occluded": int(instance.visible_fraction < 1 - OCCLUDED),
        "difficult": int(instance.ignore),
        "bndbox": {"xmin": floor(x) + 1, "ymin": floor(y) + 1, "xmax": ceil(x + w), "ymax": ceil(y + h)},
    }


def _fill(parent: ET.Element, content: dict[str, Any]) -> None:
    for tag, value in content.items():
        child = ET.SubElement(parent, tag)
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = str(value)
