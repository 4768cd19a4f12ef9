"""Which asset is which object of a BOP dataset, and what of a dataset BOP can't hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from scanstage.assets.asset import Asset
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.bop.model_files import Floats, ModelFiles, model_files
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import object_pose
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.record import Record

SCALE_TOLERANCE = 1e-5
_SHOWN = 5


@dataclass
class BopObject:
    """A rigid model.

    Attributes:
        obj_id: its number, from 1.
        scale: factor on the asset's size, the same in all pictures.
        center_m: centre of its bounding box in the asset's frame, scaled; known once it is written.
    """

    obj_id: int
    asset: Asset
    scale: float
    center_m: Floats = field(default_factory=lambda: np.zeros(3))

    @property
    def asset_id(self) -> str:
        """Of its asset."""
        return self.asset.meta.asset_id

    @property
    def class_name(self) -> str:
        """Of its asset."""
        return self.asset.meta.class_name

    def files(self, texture_name: str) -> ModelFiles:
        """Its model. Raises InputError where the asset is broken."""
        return model_files(self.asset, self.scale, texture_name)


def bop_objects(dataset: FinishedDataset) -> dict[str, BopObject]:
    """The objects that a dataset's labels are of, by asset id.

    Numbers follow the classes and, within a class, the ids of all assets that the run could place: shards of one run
    number alike.

    Raises InputError for what BOP can't hold: distortion, one asset in several sizes, no picture; for an asset that is
    gone or has changed.
    """
    sizes: dict[str, tuple[float, float]] = {}
    bent: list[int] = []
    pictures = 0
    for record in whole_records(dataset):
        pictures += 1
        bent += [record.index] if record.camera.model != "pinhole" else []
        for instance in record.instances:
            scale = _scale(record, instance)
            low, high = sizes.get(instance.asset_id, (scale, scale))
            sizes[instance.asset_id] = (min(low, scale), max(high, scale))
    _refuse(dataset, pictures, bent, sizes)
    found = _assets(dataset, list(sizes))
    numbers = _numbers(dataset, list(sizes), found)
    return {a: BopObject(numbers[a], found[a], sizes[a][0]) for a in sorted(sizes, key=lambda a: numbers[a])}


def whole_records(dataset: FinishedDataset) -> Iterator[Record]:
    """Records without the labels of parts: a BOP object is one whole model.

    Raises InputError for a dataset in which parts are labelled in place of the whole.
    """
    for record in dataset.records():
        if any(u.is_labelled_by_parts for u in record.unlabelled):
            raise InputError(
                f"{dataset.folder.root}: parts are labelled in place of whole objects, and BOP has no parts",
                "export to coco, or generate with labels.parts: with_whole",
            )
        yield replace(record, instances=tuple(i for i in record.instances if i.part_of is None))


def _scale(record: Record, instance: Instance) -> float:
    if instance.pose is not None:
        return instance.pose.scale
    placed = next(o.object_to_world for o in record.plan.objects if o.instance_id == instance.instance_id)
    return object_pose(record.plan.camera, placed).scale


def _refuse(dataset: FinishedDataset, pictures: int, bent: list[int], sizes: dict[str, tuple[float, float]]) -> None:
    root = dataset.folder.root
    if not pictures:
        raise InputError(f"{root}: has no finished picture to export", "run `scanstage generate` first")
    if bent:
        raise InputError(
            f"{root}: {len(bent)} pictures were taken through a distorting lens (the first is {bent[0]}), "
            "which BOP can't describe",
            "export to coco, or generate without camera distortion",
        )
    several = {a: s for a, s in sizes.items() if s[1] - s[0] > SCALE_TOLERANCE * s[1]}
    if several:
        lines = [
            f"{a}: occurs {low:.4g} to {high:.4g} times its size; a BOP object is one rigid model"
            for a, (low, high) in list(several.items())[:_SHOWN]
        ]
        lines += [f"… and {len(several) - _SHOWN} more assets"] if len(several) > _SHOWN else []
        raise InputError(lines, "export to coco, or generate with a constant objects.scale")


def _assets(dataset: FinishedDataset, wanted: list[str]) -> dict[str, Asset]:
    found = dataset.assets()
    known = dataset.run.identity.assets
    problems = []
    for asset_id in sorted(wanted):
        if asset_id not in found:
            problems.append(f"{asset_id}: is not in {dataset.run.library or 'the samples'} any more")
        elif asset_id in known:
            digest = found[asset_id].digest()
            if not digest.startswith(known[asset_id]):
                problems.append(f"{asset_id}: is not the asset that was rendered; it has been taken in anew")
    if problems:
        raise InputError(problems, f"bring the library back as it was, or name a copy of it with {option('library')}")
    return found


def _numbers(dataset: FinishedDataset, used: list[str], found: dict[str, Asset]) -> dict[str, int]:
    order = {c.name: i for i, c in enumerate(dataset.categories)}

    def class_of(asset_id: str) -> str:
        return found[asset_id].meta.class_name if asset_id in found else asset_id.partition("/")[0]

    everyone = {*used, *dataset.run.identity.assets}
    labelled = [a for a in everyone if a in used or class_of(a) in order]
    ranked = sorted(labelled, key=lambda a: (order.get(class_of(a), len(order)), a))
    return {asset_id: i + 1 for i, asset_id in enumerate(ranked)}
