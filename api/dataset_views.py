"""A finished dataset for Python: its pictures, labels, masks and poses as arrays."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.records.decoding import decode_exr, decode_picture, decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.picture_files import read_image, read_map
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import iterate_records, recorded_indices

if TYPE_CHECKING:
    from scanstage.torch_data import TorchPictures


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        instance: all that is recorded of it, in plain numbers.
    """

    instance: Instance

    @property
    def class_name(self) -> str:
        """What it is."""
        return self.instance.class_name

    @property
    def instance_id(self) -> int:
        """Its number in the picture, as in instance maps."""
        return self.instance.instance_id

    @property
    def part_of(self) -> int | None:
        """Of a part, the number of the whole in the picture, whether that has a label or not; else None."""
        return self.instance.part_of

    @property
    def part(self) -> str | None:
        """Of a part, its name in the scan; else None."""
        return self.instance.part

    @property
    def asset_id(self) -> str:
        """The scan that it shows."""
        return self.instance.asset_id

    @property
    def bbox_xywh(self) -> tuple[int, int, int, int]:
        """Tight half-open box of the visible pixels."""
        return self.instance.bbox_xywh

    @property
    def bbox_amodal_xywh(self) -> tuple[int, int, int, int]:
        """Box of the whole object, seen or not; it may leave the picture."""
        return self.instance.bbox_amodal_xywh

    @property
    def area_px(self) -> int:
        """Number of visible pixels."""
        return self.instance.area_px

    @property
    def visible_fraction(self) -> float:
        """Visible pixels of all that the object has inside the picture."""
        return self.instance.visible_fraction

    @property
    def truncated_fraction(self) -> float:
        """Pixels outside the picture of all that the object has."""
        return self.instance.truncated_fraction

    @property
    def ignore(self) -> bool:
        """Whether it breaks a rule of the config and is a region to be ignored, not an object."""
        return self.instance.ignore

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) the visible pixels."""
        return self.instance.mask.decode()

    @property
    def mask_amodal(self) -> npt.NDArray[np.bool_]:
        """(H, W) pixels inside the picture that the object alone would cover."""
        return self.instance.mask_amodal.decode()

    @property
    def object_to_world(self) -> npt.NDArray[np.float64]:
        """(4, 4) from the asset's frame to the world's, metres, with its scale. Z is up in both."""
        return np.array(self._pose.object_to_world)

    @property
    def object_to_camera(self) -> npt.NDArray[np.float64]:
        """(4, 4) asset's frame to OpenCV's camera frame (x right, y down, z forward), metres, with its scale."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._pose.scale * np.array(self._pose.rotation)
        matrix[:3, 3] = self._pose.translation_m
        return matrix

    @property
    def corners_px(self) -> npt.NDArray[np.float64]:
        """(8, 2) corners of its 3D box in the picture, NaN behind the camera; their order is :class:`Box3d`'s."""
        box = self.instance.box_3d
        corners = () if box is None else box.corners_px
        return np.array([(np.nan, np.nan) if c is None else c for c in corners]).reshape(-1, 2)

    @property
    def _pose(self) -> Any:
        if self.instance.pose is None:
            raise ValueError(f"instance {self.instance_id}: its pose is not recorded")
        return self.instance.pose


@dataclass(frozen=True)
class LabelledPicture:
    """A finished picture.

    Attributes:
        dataset: that it belongs to.
        record: all that is recorded of it, its plan included.
    """

    dataset: FinishedDataset
    record: Record

    @property
    def index(self) -> int:
        """Of the picture; its COCO image id."""
        return self.record.index

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is labelled in it."""
        return tuple(Label(instance) for instance in self.record.instances)

    @property
    def camera_matrix(self) -> npt.NDArray[np.float64]:
        """(3, 3) pixels; the centre of the first pixel is at (0.5, 0.5)."""
        return np.array(self.record.camera.k)

    @property
    def distortion(self) -> npt.NDArray[np.float64]:
        """OpenCV's coefficients of the camera's model, ``record.camera.model``; none for a pinhole."""
        return np.array(self.record.camera.distortion)

    @property
    def camera_to_world(self) -> npt.NDArray[np.float64]:
        """(4, 4) from OpenCV's camera frame to the world's, metres."""
        return np.array(self.record.camera.camera_to_world)

    def image(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ValueError where the file isn't what was recorded, OSError where it can't be read."""
        return decode_rgb(read_image(self.dataset.folder, self.record), self.record.image.resolution_wh)

    def map(self, name: str) -> npt.NDArray[Any]:
        """Per-pixel data, where the config asked for it.

        Args:
            name: ``depth_m`` (H, W) float32 metres, 0 where nothing is; ``normals`` (H, W, 3) float32, unit vectors in
                the camera's frame; ``instances`` and ``semantic`` (H, W) uint16 ids, 0 where nothing is.

        Raises:
            KeyError: the picture has no such map.
            ValueError, OSError: its file isn't what was recorded, or can't be read.
        """
        if name not in self.record.maps:
            raise KeyError(f"picture {self.index} has no map {name!r}; it has {', '.join(self.record.maps) or 'none'}")
        data, size = read_map(self.dataset.folder, self.record, name), self.record.image.resolution_wh
        if name == "depth_m":
            return decode_exr(data, size)[0]
        if name == "normals":
            blue, green, red = decode_exr(data, size)
            return np.stack([red, green, blue], axis=-1)
        return decode_picture(data, size)


def torch_data() -> Any:
    """The module of what needs PyTorch. Raises InputError where that isn't installed."""
    try:
        import torch  # noqa: F401
    except ImportError as e:
        raise InputError(f"PyTorch isn't installed ({e})", 'pip install "scanstage[torch]"') from e
    return importlib.import_module("scanstage.torch_data")


class Dataset:
    """A finished dataset: iterate over its pictures, or take one by its index.

    Attributes:
        finished: what is recorded of it.
    """

    def __init__(self, finished: FinishedDataset) -> None:
        self.finished = finished

    @property
    def path(self) -> Path:
        """Its folder. Raises InputError for one on a store."""
        return self.finished.folder.local_root

    @property
    def name(self) -> str:
        """As its config calls it."""
        return self.finished.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Labelled classes; the first has COCO's category id 1."""
        return tuple(category.name for category in self.finished.categories)

    def __len__(self) -> int:
        """Number of pictures that have a record. Raises OSError."""
        return len(recorded_indices(self.finished.folder))

    def __iter__(self) -> Iterator[LabelledPicture]:
        """All pictures, by index, one record in memory at a time; unreadable ones are left out. Raises OSError."""
        for record in self.finished.records():
            yield LabelledPicture(self.finished, record)

    def __getitem__(self, index: int) -> LabelledPicture:
        """A picture by its index. Raises IndexError where there is none, or none that can be read."""
        for record in iterate_records(self.finished.folder, [index]):
            return LabelledPicture(self.finished, record)
        raise IndexError(f"{self.finished.folder.root}: there is no picture {index}")

    def torch(
        self,
        split: str | None = None,
        *,
        shares: Mapping[str, float] = MappingProxyType({"train": 0.8, "val": 0.2}),
        hold_out: Literal["asset", "hdri", "background"] | None = None,
        masks: bool = True,
        transforms: Callable[[Any, dict[str, Any]], Any] | None = None,
    ) -> TorchPictures:
        """Its pictures for PyTorch's ``DataLoader``, as torchvision's detectors take them.

        An item is an image (3, H, W) float32 from 0 to 1 and a dict of ``boxes`` (N, 4) x, y, x, y, ``labels`` (N,)
        from 1, ``masks`` (N, H, W) uint8, ``area``, ``iscrowd``, ``image_id``. Regions to be ignored are left out.

        Args:
            split: a part, such as ``train``; None is all pictures.
            shares, hold_out: of the parts, as for :func:`scanstage.export`, which has the same pictures in them.
            masks: whether there are any; without them drawing is faster.
            transforms: called with image and target, gives what is drawn.

        Raises:
            InputError: PyTorch isn't there, there is no such part, or things can't be kept apart as asked.
        """
        pictures = torch_data()
        if split is not None and split not in shares:
            raise InputError(f"split: there is no part {split!r}", f"shares has {', '.join(shares)}")
        given = {"split": ",".join(f"{k}={v}" for k, v in shares.items()), "hold_out": hold_out}
        options = ExportOptions.parse(given)
        part: TorchPictures = pictures.TorchPictures.of(self.finished, split, options, masks, transforms)
        return part

    def __repr__(self) -> str:
        return f"Dataset({str(self.finished.folder.root)!r}, {len(self)} pictures, {len(self.classes)} classes)"
