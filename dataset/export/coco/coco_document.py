"""The COCO document, from records alone.

Image ids are picture indices, category ids follow the config's class order from 1, annotation ids count from 1 in the
order of pictures and instances. There are no dates in it: the same run and records give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import NO_MASK, Instance, Rle, keypoint_triples
from scanstage.dataset.labels.mask_polygons import polygons
from scanstage.dataset.records.provenance import BY_US, common_license, license_number, licenses_of
from scanstage.dataset.records.run_file import RunFile

HOMEPAGE = "https://github.com/scanstage/scanstage"
MOST_AUTHORS = 20
"""Named in ``info``; attribution lists all."""


class UnknownClassError(InputError):
    """A record has a label of a class that its dataset doesn't have."""


class CocoDocument:
    """A COCO document as compact UTF-8 JSON, picture by picture, without its ever being there as objects.

    These take five times the memory of the file, which matters where it is a hundred thousand pictures.

    It has ``info``, ``licenses``, ``images``, ``annotations``, ``categories`` as COCO defines them. Licences are those
    of all scans and images that pictures may show; a picture names one only where it covers all of these, as COCO has
    one a picture. ``area`` is the mask's pixel count. Instances that the keep policy ignores have ``iscrowd`` and
    ``ignore`` 1, and their masks are run lengths whatever was chosen, as COCO's own. Annotations of categories with
    keypoints have ``keypoints``, x, y and visibility of each in the category's order (0, 0, 0 where outside the image
    or unknown to the asset), with the centre of the first pixel at (0.5, 0.5). ``attributes`` holds what COCO has no
    field for. A part of an object has ``part_of``, the annotation id of the whole, where that is labelled too, and
    always ``attributes.part_of_instance``, the whole's ``instance_id``, by which parts of one object belong together.

    Args:
        run: of the dataset; says its name, sources, and all labelled classes, also those without an instance.
        masks: how ``segmentation`` says masks, see :mod:`mask_polygons`.
        amodal: ``attributes`` have ``segmentation_amodal``, as run lengths: the pixels inside the picture that the
            object alone would cover.

    Attributes:
        annotations, ignored: number of them so far, and of those that are regions to be ignored.
    """

    def __init__(self, run: RunFile, masks: Literal["rle", "polygons"] = "rle", *, amodal: bool = False) -> None:
        self.annotations = self.ignored = 0
        self._run, self._masks, self._amodal, self._license = run, masks, amodal, picture_license(run)
        self._ids = {c.name: i + 1 for i, c in enumerate(run.categories)}
        self._by_name = {c.name: c for c in run.categories}
        self._images, self._annotations = bytearray(), bytearray()

    def add(self, record: LabelledImage, noted: Mapping[str, Any] | None = None) -> None:
        """The next picture, and what is noted of it beside its file; None is the licence of all, if there is one.

        Raises UnknownClassError for a record of a class that is no category.
        """
        image = describe_picture(record) | dict(self._license if noted is None else noted)
        of_picture = bytearray()
        numbers = {i.instance_id: n for n, i in enumerate(record.instances, self.annotations + 1)}
        for number, instance in enumerate(record.instances, self.annotations + 1):
            if instance.class_name not in self._ids:
                raise UnknownClassError(
                    f"picture {record.index}: its record is broken: it has a label of the class "
                    f"{instance.class_name!r}, which run.json doesn't list",
                    "delete that record, and the run's own command makes the picture again",
                )
            ours = {"id": number, "image_id": record.index, "category_id": self._ids[instance.class_name]}
            if instance.part_of is not None and instance.part_of in numbers:
                ours["part_of"] = numbers[instance.part_of]
            category = self._by_name[instance.class_name]
            described = _annotation(instance, category, self._masks)
            if self._amodal and instance.is_rendered:
                described["attributes"]["segmentation_amodal"] = instance.mask_amodal.to_coco()
            of_picture += _json(ours | described) + b","
        self._images += _json(image) + b","
        self._annotations += of_picture
        self.annotations += len(record.instances)
        self.ignored += sum(i.ignore for i in record.instances)

    def write(self, path: Path) -> None:
        """Write it, without another copy of it in memory. Raises OSError."""
        with path.open("wb") as file:
            file.writelines(self.pieces())

    def pieces(self) -> list[bytes | memoryview]:
        """The document in pieces, of which the large ones are no copies."""
        images, annotations = (memoryview(p)[: max(len(p) - 1, 0)] for p in (self._images, self._annotations))
        head, tail = _json(document_head(self._run))[:-1], _json(_tail(self._run.categories))[1:]
        return [head, b',"images":[', images, b'],"annotations":[', annotations, b"],", tail]  # without the last commas


def encode_coco(records: Iterable[LabelledImage], run: RunFile) -> bytes:
    """The document of all records, in the order of their indices; see :class:`CocoDocument`."""
    return b"".join(coco_pieces(records, run))


def coco_pieces(records: Iterable[LabelledImage], run: RunFile) -> list[bytes | memoryview]:
    """The same in pieces, to be written without another copy in memory."""
    document = CocoDocument(run)
    for record in records:
        document.add(record)
    return document.pieces()


def document_head(run: RunFile) -> dict[str, Any]:
    """``info`` and ``licenses``.

    All of it is the same for every session and shard of a run; that is why the version is the one that decides the
    pictures, not that of the last session. Runs of before sources were noted say what they always said.
    """
    kinds = "photos, and synthetic images" if run.holds_photos else "synthetic images"
    info = {"description": f"{run.name}: {kinds} {BY_US}", "version": "1.0"}
    if not run.sources:
        return {"info": info, "licenses": []}
    info |= {"version": run.identity.scanstage or info["version"], "url": HOMEPAGE}
    if authors := sorted({s.author for s in run.sources if s.author}):
        more = f" and {len(authors) - MOST_AUTHORS} more" if len(authors) > MOST_AUTHORS else ""
        info["contributor"] = ", ".join(authors[:MOST_AUTHORS]) + more
    licenses = [{"id": i, "name": x.name, "url": x.url} for i, x in enumerate(licenses_of(run.sources), 1)]
    return {"info": info, "licenses": licenses}


def picture_license(run: RunFile) -> dict[str, int]:
    """``license`` of each picture; nothing where no single licence covers all that pictures may show."""
    return license_number(licenses_of(run.sources), common_license(run.sources))


def describe_picture(record: LabelledImage) -> dict[str, Any]:
    """What ``images`` holds of a picture, whatever its licence."""
    width, height = record.image.resolution_wh
    return {"id": record.index, "file_name": record.image.file_name, "width": width, "height": height}


def _tail(categories: Sequence[Category]) -> dict[str, Any]:
    return {"categories": [_describe(category, i + 1) for i, category in enumerate(categories)]}


def _describe(category: Category, category_id: int) -> dict[str, Any]:
    described: dict[str, Any] = {"id": category_id, "name": category.name, "supercategory": category.supercategory}
    if category.keypoints:
        place = {name: i + 1 for i, name in enumerate(category.keypoints)}
        described["keypoints"] = list(category.keypoints)
        described["skeleton"] = [[place[a], place[b]] for a, b in category.skeleton if a in place and b in place]
    return described


def _annotation(instance: Instance, category: Category, masks: Literal["rle", "polygons"]) -> dict[str, Any]:
    annotation: dict[str, Any] = {
        "bbox": list(instance.bbox_xywh),
        "area": instance.area_px,
        "segmentation": _segmentation(instance, masks),
        "iscrowd": int(instance.ignore),
    }
    if instance.ignore:
        annotation["ignore"] = 1
    if category.keypoints:
        annotation |= _keypoints(instance, category)
    if not instance.is_rendered:
        return annotation
    attributes: dict[str, Any] = {
        "instance_id": instance.instance_id,
        "asset_id": instance.asset_id,
        "visible_fraction": round(instance.visible_fraction, 6),
        "truncated_fraction": round(instance.truncated_fraction, 6),
        "bbox_amodal": list(instance.bbox_amodal_xywh),
    }
    if instance.part_of is not None:
        attributes |= {"part": instance.part, "part_of_instance": instance.part_of}
    if instance.ignore:
        attributes["reason"] = instance.reason
    return annotation | {"attributes": attributes}


def _segmentation(instance: Instance, masks: Literal["rle", "polygons"]) -> Any:
    if instance.mask == NO_MASK:
        return []
    if masks == "rle" or instance.ignore:
        return instance.mask.to_coco()
    return _polygons(instance.mask)


def _polygons(mask: Rle) -> list[list[int]]:
    return [p.ravel().tolist() for p in polygons(mask.runs())]


def _keypoints(instance: Instance, category: Category) -> dict[str, Any]:
    flat: list[float] = []
    for x, y, visibility in keypoint_triples(instance, category.keypoints):
        flat += [round(x, 3), round(y, 3), visibility]
    return {"keypoints": flat, "num_keypoints": sum(v > 0 for v in flat[2::3])}


def _json(value: dict[str, Any]) -> bytes:
    return _ENCODE(value).encode("utf-8")


_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
