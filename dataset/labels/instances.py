"""What is true of one object in one picture, from the cast of its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from pydantic import FailFast

from scanstage.dataset.labels.poses import Box3d, KeypointLabel, Pose, box_3d, object_pose
from scanstage.dataset.labels.rle_code import read_mask
from scanstage.dataset.labels.rle_mask import RunMask
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import BoxPx, EdgePx, Int32
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.label_rules import PARTS_ARE_LABELLED, Judgement, judge_labels
from scanstage.scenes.sight.visibility import hidden_by


@dataclass(frozen=True)
class Rle:
    """A mask as COCO's compressed run-length encoding of the whole image.

    Attributes:
        size_hw: height and width of the image.
        counts: COCO's compressed string.
    """

    size_hw: tuple[EdgePx, EdgePx]
    counts: str

    @classmethod
    def encode(cls, mask: npt.NDArray[np.bool_]) -> Rle:
        """Encode an (H, W) bool mask."""
        encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        return cls((mask.shape[0], mask.shape[1]), encoded["counts"].decode("ascii"))

    def decode(self) -> npt.NDArray[np.bool_]:
        """The (H, W) bool mask. Raises ValueError where the code is broken, as a file's may be."""
        return read_mask(self.size_hw, self.counts)

    def runs(self) -> RunMask:
        """Its runs. Raises ValueError where the code is broken."""
        return RunMask.read(self.size_hw, self.counts)

    def to_coco(self) -> dict[str, Any]:
        """As COCO writes it: ``{"size": [h, w], "counts": …}``."""
        return {"size": list(self.size_hw), "counts": self.counts}


@dataclass(frozen=True)
class Instance:
    """One label.

    Attributes:
        instance_id: as in the plan and in instance passes; of a part one that no object of the plan has.
        class_name, asset_id: what it is; of a part its class, and the asset of the whole.
        bbox_xywh: tight half-open box of the visible pixels.
        bbox_amodal_xywh: box of the whole object, seen or not; x and y may be negative and it may leave the image
            (counted up to one frame's size beyond each border).
        mask: visible pixels.
        mask_amodal: pixels inside the image that the object alone would cover.
        area_px: number of visible pixels.
        visible_fraction: visible pixels / amodal pixels inside the image.
        truncated_fraction: amodal pixels outside the image / all amodal pixels.
        covered_by: instance id to pixels that it hides of this one; 0 is the stage. Other parts of the same object hide
            by themselves, of other objects the whole does.
        pose, box_3d: where it is; of a part the pose of the whole, and the box of the part along the whole's axes.
        keypoints: those that its asset has.
        ignore: it breaks a rule of the keep policy and is annotated as a region to be ignored, not as an object.
        reason: the rule that it breaks; None for a proper label.
        part_of: of a part, instance id of the whole in the plan, whether that is labelled or not; else None.
        part: of a part, its name in the scan.
    """

    instance_id: Int32
    class_name: str
    asset_id: str
    bbox_xywh: tuple[BoxPx, BoxPx, BoxPx, BoxPx]
    bbox_amodal_xywh: tuple[BoxPx, BoxPx, BoxPx, BoxPx]
    mask: Rle
    mask_amodal: Rle
    area_px: Int32
    visible_fraction: float
    truncated_fraction: float
    covered_by: dict[Int32, Int32] = field(default_factory=dict)
    pose: Pose | None = None
    box_3d: Box3d | None = None
    keypoints: Annotated[tuple[KeypointLabel, ...], FailFast()] = ()
    ignore: bool = False
    reason: str | None = None
    part_of: Int32 | None = None
    part: str | None = None

    @property
    def object_id(self) -> int:
        """Instance id of the object in the plan that it is, or is a part of."""
        return self.instance_id if self.part_of is None else self.part_of

    @property
    def is_rendered(self) -> bool:
        """Whether it shows a scan; a label of a photo is known by its box, class and mask alone."""
        return bool(self.asset_id)


NO_MASK = Rle((1, 1), "1")
"""Of labels of photos that have a box and nothing else."""


@dataclass(frozen=True)
class Unlabelled:
    """An object that was placed, or a part of which something is seen, that got no label, and why.

    Attributes:
        visible_px, visible_fraction, truncated_fraction, part_of: as of a label.
    """

    instance_id: Int32
    class_name: str | None
    reason: str
    visible_px: Int32 = 0
    visible_fraction: float = 0.0
    truncated_fraction: float = 0.0
    part_of: Int32 | None = None

    @property
    def is_labelled_by_parts(self) -> bool:
        """Whether it has no label because its parts have."""
        return self.reason == PARTS_ARE_LABELLED


def keypoint_triples(instance: Instance, names: Iterable[str]) -> list[tuple[float, float, int]]:
    """x, y in pixels and COCO's visibility of named points: zeros where outside the image or unknown to the asset."""
    known = {k.name: k for k in instance.keypoints}
    triples: list[tuple[float, float, int]] = []
    for name in names:
        point = known.get(name)
        if point is None or point.xy_px is None or point.visibility == 0:
            triples.append((0, 0, 0))
        else:
            triples.append((*point.xy_px, point.visibility))
    return triples


def make_labels(planned: Planned, config: LabelsConfig) -> tuple[tuple[Instance, ...], tuple[Unlabelled, ...]]:
    """Labels of a picture, each before those of its parts, and the objects without one.

    Args:
        planned: the plan and what is seen of it; ``seen`` decides (replace it to label what an engine saw).
        config: the keep policy.
    """
    judged = judge_labels(planned, config)
    finest = planned.parts.ids(planned.seen.instance_ids) if planned.parts.parts else planned.seen.instance_ids
    instances = tuple(_instance(planned, j, finest) for j in judged if j.fate in ("label", "ignore"))
    rest = tuple(
        Unlabelled(
            j.silhouette.instance_id,
            j.class_name,
            j.reason,
            j.silhouette.visible_px,
            j.silhouette.visible_fraction,
            j.silhouette.truncated_fraction,
            None if j.part is None else j.part.part_of,
        )
        for j in judged
        if j.fate in ("drop", "distractor", "parts")
    )
    return instances, rest


def _instance(planned: Planned, judgement: Judgement, finest: npt.NDArray[np.uint16]) -> Instance:
    """``finest``: (H, W) ids of what is nearest, of parts where these are."""
    item, silhouette, part = judgement.item, judgement.silhouette, judgement.part
    height, width = planned.seen.instance_ids.shape
    modal, amodal = (silhouette.in_image(mask, (height, width)) for mask in (silhouette.modal, silhouette.amodal))
    box = pixel_box(modal)
    assert box is not None
    assert judgement.class_name is not None
    camera = planned.plan.camera
    pose = object_pose(camera, item.object_to_world)
    bounds, covered = planned.bounds[item.asset_id], planned.seen.covered_by[item.instance_id]
    if part is not None:
        x, y, w, h = silhouette.window_xywh
        near, parts = (ids[y : y + h, x : x + w] for ids in (planned.seen.instance_ids, finest))
        bounds, covered = part.bounds, hidden_by(silhouette, np.where(near == item.instance_id, parts, near))
    return Instance(
        silhouette.instance_id,
        judgement.class_name,
        item.asset_id,
        box,
        silhouette.amodal_box_xywh or box,
        Rle.encode(modal),
        Rle.encode(amodal),
        silhouette.visible_px,
        silhouette.visible_fraction,
        silhouette.truncated_fraction,
        covered,
        pose,
        box_3d(camera, pose, bounds),
        planned.keypoints.get(silhouette.instance_id, ()),
        judgement.fate == "ignore",
        judgement.reason or None,
        None if part is None else part.part_of,
        None if part is None else part.name,
    )
