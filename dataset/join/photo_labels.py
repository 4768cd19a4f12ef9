"""Photos and their labels, from an annotation file as COCO has it."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator, model_validator

from scanstage.assets.files.outside_files import read_input, read_outside
from scanstage.assets.files.plain_json import parse_json, placed_error
from scanstage.assets.files.stores import is_file
from scanstage.assets.library.class_names import class_name_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import NO_MASK, Instance, Rle
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.provenance import BY_US, Provenance
from scanstage.scenes.plan import MOST_PIXELS
from scanstage.scenes.sight.seen_keypoints import KeypointLabel

MOST_BYTES = 1 << 30
MOST_STRUCTURE = 1 << 29
MOST_PHOTO_BYTES = 1 << 28
SUFFIXES = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png"}
Number = Annotated[float, Field(allow_inf_nan=False)]
Edge = Annotated[int, Field(ge=1, le=MOST_PIXELS)]
ImageId = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v)]
"""Files write 1 here and "1" there."""


class CocoImage(BaseModel):
    """An entry of ``images``."""

    id: ImageId
    file_name: str = Field(min_length=1, max_length=1000)
    width: Edge
    height: Edge
    license: int | str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_address(cls, data: Any) -> Any:
        """LVIS names its photos by their addresses alone."""
        if isinstance(data, dict) and "file_name" not in data and isinstance(data.get("coco_url"), str):
            return {**data, "file_name": PurePosixPath(data["coco_url"]).name}
        return data

    @field_validator("file_name")
    @classmethod
    def _can_be(cls, v: str) -> str:
        if not v.isprintable():
            raise ValueError(f"{v!r} has characters that no name has")
        return v

    @model_validator(mode="after")
    def _is_bounded(self) -> CocoImage:
        if self.width * self.height > MOST_PIXELS:
            raise ValueError(f"{self.width} x {self.height}: at most {MOST_PIXELS} pixels are read")
        return self


class CocoLabel(BaseModel):
    """An entry of ``annotations``."""

    image_id: ImageId
    category_id: int
    bbox: tuple[Number, Number, Number, Number]
    segmentation: Any = None
    area: Number | None = None
    iscrowd: int | None = 0
    ignore: int | None = 0
    keypoints: list[Number] | None = None

    @model_validator(mode="before")
    @classmethod
    def _where_its_mask_is(cls, data: Any) -> Any:
        """Some tools write masks alone."""
        if isinstance(data, dict) and "bbox" not in data and data.get("segmentation"):
            return {**data, "bbox": (0.0, 0.0, 0.0, 0.0)}
        return data


class CocoClass(BaseModel):
    """An entry of ``categories``."""

    id: int
    name: str = Field(min_length=1, max_length=200)
    keypoints: list[str] = []
    skeleton: list[tuple[int, int]] = []

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, v: str) -> str:
        try:
            return class_name_of(v)
        except InputError as e:
            raise ValueError(e.marked_problems[0]) from None


class CocoLicense(BaseModel):
    """An entry of ``licenses``."""

    id: int | str
    name: str | None = ""
    url: str | None = None


class CocoFile(BaseModel):
    """What is read of an annotation file; all else is left."""

    info: Any = None
    images: list[CocoImage]
    annotations: list[CocoLabel]
    categories: list[CocoClass]
    licenses: list[CocoLicense] = []


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        name: of its file, as the annotation file has it.
        resolution_wh: pixels, as they are stored.
        labels: in the classes of the annotation file.
        license: of the photo, where it is said.
    """

    name: str
    resolution_wh: tuple[int, int]
    labels: tuple[Instance, ...]
    license: str | None


@dataclass(frozen=True)
class PhotoSet:
    """Photos with labels.

    Attributes:
        name: of the set: its annotation file's.
        folder: where the photos are.
        categories: its classes, by their ids.
        lost: labels that were left out, by the reason; filled by :meth:`photos`.
    """

    name: str
    folder: Path
    categories: tuple[Category, ...]
    _file: CocoFile
    lost: Counter[str] = field(default_factory=Counter, compare=False)

    @classmethod
    def open(cls, path: Path, folder: Path | None = None, labels_alone: bool = False) -> PhotoSet:
        """Read an annotation file.

        Args:
            path: of the file.
            folder: with the photos; None looks beside the file, and in ``images`` beside it and beside its folder.
            labels_alone: don't look for photos: nobody will open them.

        Raises InputError where it isn't COCO's, names what it doesn't have, or photos are nowhere.
        """
        data = read_input(path, MOST_BYTES, f"{option('real')} is a COCO annotation file")
        try:
            file = CocoFile.model_validate(parse_json(data, MOST_STRUCTURE))
        except ValidationError as e:
            raise InputError(f"{path}: not a COCO file: {placed_error(e)}", _EXPECTED) from None
        except ValueError as e:
            raise InputError(f"{path}: not a COCO file: {e}", _EXPECTED) from None
        _check_ids(path, file)
        categories = tuple(_category(c) for c in file.categories)
        place = path.parent if labels_alone else _folder_of(path, folder, file)
        return cls(path.stem, place, categories, file)

    def __len__(self) -> int:
        return len(self._file.images)

    def photos(self) -> Iterator[Photo]:
        """All photos, in the order of the file. Raises InputError for masks that can't be."""
        names = {c.id: category for c, category in zip(self._file.categories, self.categories, strict=True)}
        licenses = {entry.id: entry.name or entry.url or None for entry in self._file.licenses}
        self.lost.clear()
        labels: defaultdict[str, list[CocoLabel]] = defaultdict(list)
        for label in self._file.annotations:
            labels[label.image_id].append(label)
        for image in self._file.images:
            wh = (image.width, image.height)
            found = []
            for number, label in enumerate(labels[image.id], 1):
                instance = _instance(number, label, names[label.category_id], wh, f"{self.name}: {image.file_name}")
                if isinstance(instance, Instance):
                    found.append(instance)
                else:
                    self.lost[instance] += 1
            license_ = None if image.license is None else licenses.get(image.license, str(image.license))
            yield Photo(image.file_name, wh, tuple(found), license_)

    @property
    def is_synthetic(self) -> bool:
        """Whether the annotation file, or the folder of the pictures, says that scanstage made them."""
        info = self._file.info
        said = isinstance(info, dict) and str(info.get("description", "")).endswith(BY_US)
        return said or any(is_file(DatasetFolder(place).run_file) for place in (self.folder, self.folder.parent))

    def boxes_alone(self, is_kept: Callable[[str], bool]) -> int:
        """Labels without a mask, of classes that are kept."""
        kept = {c.id for c in self._file.categories if is_kept(c.name)}
        return sum(not label.segmentation for label in self._file.annotations if label.category_id in kept)

    @property
    def sources(self) -> tuple[Provenance, ...]:
        """Whose the photos are, by licence."""
        counts: dict[int | str | None, int] = {}
        for image in self._file.images:
            counts[image.license] = counts.get(image.license, 0) + 1
        known = {entry.id: entry for entry in self._file.licenses}
        found = []
        for key, number in counts.items():
            entry = known.get(key) if key is not None else None
            text, url = (entry.name or entry.url or None, entry.url) if entry else (key, None)
            found.append(
                Provenance("photo", self.name, license=None if text is None else str(text), url=url, number=number)
            )
        return tuple(found)

    def digests(self) -> Iterator[tuple[Path, str]]:
        """Path and SHA-256 of each photo.

        Raises InputError where one isn't there, or isn't what its labels are of.
        """
        for image in self._file.images:
            path = self.folder / image.file_name
            data = PhotoFile(self.folder, image.file_name).read()
            check_photo(path, data, (image.width, image.height))
            yield path, hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class PhotoFile:
    """The file of a photo, see :class:`labelled_source.PictureFile`."""

    folder: Path
    name: str

    def read(self) -> bytes:
        """Its content. Raises InputError where it isn't there."""
        try:
            return read_outside(self.on_this_machine(), MOST_PHOTO_BYTES)
        except (OSError, ValueError) as e:
            raise InputError(f"{self.folder / self.name}: {getattr(e, 'strerror', None) or e}", _WHERE) from None

    @property
    def is_ours(self) -> bool:
        """No: what a trainer writes into a hard link it would write into the user's only photo."""
        return False

    def on_this_machine(self) -> Path:
        """Where it lies, whatever links lead there. Raises InputError for a name that leads out of the folder."""
        name = PurePosixPath(self.name)
        if name.is_absolute() or ".." in name.parts:
            raise InputError(f"{self.folder}: {self.name!r} is no name of a photo in it", "mend the annotation file")
        return (self.folder / name).resolve()


def check_photo(path: Path, data: bytes, resolution_wh: tuple[int, int]) -> None:
    """Raise InputError where a photo isn't what its labels are of: another kind of file, size or way up."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            size, turned = image.size, image.getexif().get(_ORIENTATION, 1) not in (0, 1)
            kind = "jpg" if image.format == "JPEG" else "png"
    except Exception as e:  # decoders raise anything on broken files
        raise InputError(f"{path}: is no JPEG or PNG that can be read ({e})", "take it out, or convert it") from None
    if SUFFIXES.get(path.suffix.lower()) != kind:
        raise InputError(f"{path}: is a {'JPEG' if kind == 'jpg' else 'PNG'} by another name", f"name it .{kind}")
    if turned:
        raise InputError(
            f"{path}: its EXIF data turn it, and readers differ in whether they do",
            "write it upright (`mogrify -auto-orient`, `exiftran -ai`), with labels of the upright photo",
        )
    if size != resolution_wh:
        was = f"{resolution_wh[0]} x {resolution_wh[1]}"
        raise InputError(f"{path}: is {size[0]} x {size[1]}, its labels are of {was}", "mend width, height and labels")


_ORIENTATION = 0x0112
_NOWHERE = (float("nan"),) * 3
"""Of keypoints of photos: before the camera, metres."""
_EXPECTED = "expected images with file_name, width and height, annotations with bbox, and categories"
_WHERE = f"name the folder of the photos with {option('photos')}"


def _check_ids(path: Path, file: CocoFile) -> None:
    images = {image.id for image in file.images}
    classes = {c.id for c in file.categories}
    problems = []
    if len(images) < len(file.images) or len(classes) < len(file.categories):
        problems.append(f"{path}: several images, or categories, have the same id")
    problems += [
        f"{path}: annotations.{k}: there is no {what} {found}"
        for k, label in enumerate(file.annotations)
        for what, found, known in (("image", label.image_id, images), ("category", label.category_id, classes))
        if found not in known
    ][:10]
    if problems:
        raise InputError(problems, "mend the annotation file")


def _category(entry: CocoClass) -> Category:
    points = tuple(entry.keypoints)
    skeleton = ((a - 1, b - 1) for a, b in entry.skeleton)
    return Category(
        entry.name,
        points,
        tuple((points[a], points[b]) for a, b in skeleton if 0 <= a < len(points) and 0 <= b < len(points)),
    )


def _folder_of(path: Path, folder: Path | None, file: CocoFile) -> Path:
    part = path.stem.rpartition("_")[2]
    beside, above = path.parent, path.parent.parent
    places = [folder] if folder is not None else [
        beside, beside / "images", beside / part, above, above / "images", above / "images" / part, above / part,
    ]  # fmt: skip
    first = file.images[0].file_name if file.images else ""
    for place in places:
        with contextlib.suppress(OSError, ValueError):
            if place.is_dir() and (not first or (place / first).is_file()):
                return place.resolve()
    looked = ", ".join(dict.fromkeys(str(p) for p in places))
    raise InputError(f"{path}: its first image, {first}, is in none of: {looked}", _WHERE)


def _instance(
    number: int, label: CocoLabel, category: Category, resolution_wh: tuple[int, int], where: str
) -> Instance | str:
    """The label within its picture, or why there is none.

    Where there is a mask the box is its own if the file's is none, or lies elsewhere. Raises InputError for broken
    masks.
    """
    mask = _mask(label.segmentation, resolution_wh, where)
    runs = None if mask is NO_MASK else mask.runs()
    tight = None if runs is None else runs.box()
    if runs is not None and tight is None:
        return "masks thinner than a pixel"
    within = _clipped(label.bbox, resolution_wh)
    if tight is not None and (within is None or not _covers(within, tight)):
        within = (float(tight[0]), float(tight[1]), float(tight[2]), float(tight[3]))
    if within is None:
        return "boxes that are nothing, or outside the picture"
    box: Any = within  # photos' boxes may end within pixels
    area = min(label.area if label.area is not None else within[2] * within[3], within[2] * within[3])
    return Instance(
        instance_id=number,
        class_name=category.name,
        asset_id="",
        bbox_xywh=box,
        bbox_amodal_xywh=box,
        mask=mask,
        mask_amodal=mask,
        area_px=max(0, round(area)) if runs is None else runs.area,
        visible_fraction=float("nan"),
        truncated_fraction=float("nan"),
        keypoints=_keypoints(label.keypoints, category.keypoints),
        ignore=bool(label.iscrowd or label.ignore),
        reason="crowd" if label.iscrowd else "ignore" if label.ignore else None,
    )


def _clipped(
    box: tuple[float, float, float, float], resolution_wh: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[0] + box[2], resolution_wh[0]), min(box[1] + box[3], resolution_wh[1])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def _covers(box: tuple[float, float, float, float], tight: tuple[int, int, int, int]) -> bool:
    """Whether a box is about a mask: as people draw them, two pixels or a tenth of it off at most."""
    edges = zip(
        (box[0], box[1], box[0] + box[2], box[1] + box[3]),
        (tight[0], tight[1], tight[0] + tight[2], tight[1] + tight[3]),
        (tight[2], tight[3], tight[2], tight[3]),
        strict=True,
    )
    return all(abs(given - found) <= max(2.0, 0.1 * side) for given, found, side in edges)


def _keypoints(numbers: list[float] | None, names: Sequence[str]) -> tuple[KeypointLabel, ...]:
    if not numbers or len(numbers) != 3 * len(names):
        return ()
    triples = np.reshape(numbers, (-1, 3)).tolist()
    flags: dict[float, Literal[0, 1, 2]] = {1: 1, 2: 2}
    return tuple(
        KeypointLabel(name, (x, y) if v else None, flags.get(v, 0), _NOWHERE)
        for name, (x, y, v) in zip(names, triples, strict=True)
    )


def _mask(segmentation: Any, resolution_wh: tuple[int, int], where: str) -> Rle:
    """As COCO's own code fills it. Raises InputError."""
    if not segmentation:
        return NO_MASK
    width, height = resolution_wh
    try:
        if isinstance(segmentation, dict):
            counts, size = segmentation["counts"], tuple(segmentation["size"])
            if size != (height, width):
                raise ValueError(f"a mask of {size} on a picture of {(height, width)}")
            if isinstance(counts, str):
                Rle((height, width), counts).runs()  # looks at it before C does
                return Rle((height, width), counts)
            if any(type(n) is not int or n < 0 for n in counts) or sum(counts) != height * width:
                raise ValueError("its run lengths don't add up to the picture")
            code = coco_mask.frPyObjects({"counts": counts, "size": [height, width]}, height, width)
        else:
            rings = [np.asarray(ring, np.float64) for ring in segmentation]
            if any(r.ndim != 1 or len(r) < 6 or len(r) % 2 or not (np.abs(r) < 1e6).all() for r in rings):
                raise ValueError("a polygon isn't x, y of three corners or more")
            code = coco_mask.merge(coco_mask.frPyObjects([r.tolist() for r in rings], height, width))
    except (ValueError, TypeError, KeyError, OverflowError) as e:
        raise InputError(f"{where}: a mask can't be read ({e})", "mend the annotation file") from None
    return Rle((height, width), code["counts"].decode("ascii"))
