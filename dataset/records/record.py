"""One JSON file a picture: the plan, the labels, how they were checked. Every export derives from records alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, FailFast, TypeAdapter, ValidationError

from scanstage.assets.files.plain_json import check_structure, first_error
from scanstage.dataset.labels.agreement import Agreement
from scanstage.dataset.labels.instances import Instance, Unlabelled
from scanstage.dataset.labels.poses import CameraInfo
from scanstage.scenes.plan import EdgePx, FramePlan, Index

FORMAT_VERSION = 2
MOST_STRUCTURE = 1 << 22
"""Bytes of a record beside its texts: those of more than a thousand objects. See :mod:`plain_json`."""


class OtherFormat(ValueError):
    """A record that another version of scanstage wrote."""


@dataclass(frozen=True)
class ImageInfo:
    """The picture's file.

    Attributes:
        file_name: relative to the dataset's ``images`` folder.
        resolution_wh: width and height, pixels.
        sha256: of the file.
    """

    file_name: str
    resolution_wh: tuple[EdgePx, EdgePx]
    sha256: str


@dataclass(frozen=True)
class MapInfo:
    """A file of per-pixel data beside the picture (depth, normals, ids …).

    Attributes:
        path: relative to the dataset's folder, with forward slashes.
        sha256: of the file.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Record:
    """All that is known of a finished picture.

    Attributes:
        index: of the picture; also its COCO image id.
        image: its file.
        instances: labels.
        unlabelled: objects without a label, and why.
        label_source: ``cast``; or ``engine`` where the engine's instance pass is the label, since the picture shows
            surfaces that something shines through (BLEND), or ones cut by alpha, before the cast knew these.
        agreement: cast against engine, for every object of the plan, both without the lens's distortion.
        lens_agreement: the label against the engine's pass after both went through the lens, for every object; empty
            without distortion.
        camera: its matrix, distortion and pose.
        maps: files of per-pixel data by name: ``depth``, ``depth_m``, ``normals``, ``normals_png``, ``instances``,
            ``semantic``, ``soft_masks``.
        engine: what rendered it: engine, version, device.
        exposure_ev: stops by which radiance was multiplied.
        plan: the complete plan.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    index: Index
    image: ImageInfo
    instances: Annotated[tuple[Instance, ...], FailFast()]
    unlabelled: Annotated[tuple[Unlabelled, ...], FailFast()]
    agreement: Annotated[tuple[Agreement, ...], FailFast()]
    engine: dict[str, Any]
    exposure_ev: float
    plan: FramePlan
    camera: CameraInfo
    maps: dict[str, MapInfo] = field(default_factory=dict)
    lens_agreement: Annotated[tuple[Agreement, ...], FailFast()] = ()
    label_source: Literal["cast", "engine"] = "cast"
    format: int = field(default=FORMAT_VERSION)

    def parts(self) -> list[tuple[int, int, str]]:
        """Of each part in sight, labelled or not: its instance id, that of the whole, its class."""
        labelled = [(i.instance_id, i.part_of, i.class_name) for i in self.instances if i.part_of is not None]
        others = [(u.instance_id, u.part_of, u.class_name or "") for u in self.unlabelled if u.part_of is not None]
        return labelled + others

    def to_json(self) -> str:
        """Serialise to one line of JSON."""
        return _ADAPTER.dump_json(self).decode("utf-8")

    @classmethod
    def from_json(cls, text: str | bytes) -> Record:
        """Parse :meth:`to_json`'s text. Raises ValueError on anything else, OtherFormat where that is the reason."""
        check_structure(text.encode("utf-8", "replace") if isinstance(text, str) else text, MOST_STRUCTURE)
        try:
            record = _ADAPTER.validate_json(text)
        except ValidationError as e:
            _refuse_other_format(text)
            raise ValueError(f"not a record: {first_error(e)}") from None
        if record.format != FORMAT_VERSION:
            raise OtherFormat(_OTHER.format(record.format))
        return record


def _refuse_other_format(text: str | bytes) -> None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    match content:
        case {"format": int(found)} if found != FORMAT_VERSION and not isinstance(found, bool):
            raise OtherFormat(_OTHER.format(found))


_OTHER = f"a record of format {{}}; this version of scanstage reads format {FORMAT_VERSION}"
_ADAPTER = TypeAdapter(Record)
