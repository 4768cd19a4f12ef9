"""Every key that a config may hold, read out of its models: what the reference is written from."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scanstage.scenes.config.sections import balance_settings as balance
from scanstage.scenes.config.sections import camera_settings as camera
from scanstage.scenes.config.sections import fit_settings as fit
from scanstage.scenes.config.sections import label_settings as labels
from scanstage.scenes.config.sections import light_settings as light
from scanstage.scenes.config.sections import placement_settings as placement
from scanstage.scenes.config.sections import run_config as run
from scanstage.scenes.config.sections import stage_settings as stage
from scanstage.scenes.config.sections import survey_settings as survey
from scanstage.scenes.config.sections.render_settings import WorkersConfig
from scanstage.scenes.config.sections.value_types import Expect
from scanstage.scenes.values.distributions import KINDS


@dataclass(frozen=True)
class Group:
    """A mapping of the config.

    Attributes:
        prefix: what its keys begin with on the pages, such as ``camera.noise``.
        model: of it.
        inherited: whether keys of the model that it stands on are listed as well, or are listed there already.
    """

    prefix: str
    model: type[BaseModel]
    inherited: bool = True


@dataclass(frozen=True)
class Page:
    """A page of the reference."""

    name: str
    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Key:
    """A key that has a value, not a mapping of further keys.

    Attributes:
        path: where it stands; the kind of a stage or a placement is a part of it, ``stage.table.legs``.
        takes: what it may be, as a person says it.
        default: as YAML; empty where it must be given.
        meaning: of the model's field.
        section: path of the group that its value's keys are in, where it is a mapping.
        any_value: whether it may be a distribution.
    """

    path: str
    takes: str
    default: str
    meaning: str
    section: str | None = None
    any_value: bool = False

    @property
    def name(self) -> str:
        """Its last part."""
        return self.path.rpartition(".")[2]


def _stages() -> tuple[Group, ...]:
    kinds = (stage.Table, stage.Desk, stage.Corner, stage.Shelf, stage.Bin, stage.Conveyor, stage.Room, stage.Ground)
    return tuple(Group(f"stage.{kind.__name__.lower()}", kind, inherited=False) for kind in kinds)


PAGES = (
    Page("run", "The whole run", (Group("", run.RunConfig),)),
    Page("assets", "assets: which scans", (Group("assets", run.AssetsConfig),)),
    Page(
        "objects",
        "objects: how many, how they lie, how they vary",
        (
            Group("objects", run.ObjectsConfig),
            Group("objects.material", run.JitterConfig),
            Group("placement.drop", placement.Drop),
            Group("placement.upright", placement.Upright),
            Group("placement.scatter", placement.Scatter),
        ),
    ),
    Page("distractors", "distractors: what lies about without a label", (Group("distractors", run.DistractorsConfig),)),
    Page("stage", "stage: what objects rest on", (Group("stage", stage.NoStage), *_stages())),
    Page("looks", "looks: materials of surfaces", (Group("looks", stage.Looks),)),
    Page(
        "light",
        "light: environment, ambient light, lamps",
        (
            Group("light", light.LightConfig),
            Group("light.hdri", light.HdriConfig),
            Group("light.ambient", light.AmbientConfig),
            Group("light.lamps", light.LampConfig),
        ),
    ),
    Page(
        "background",
        "background: what is seen behind everything",
        (
            Group("background.hdri", run.HdriBackground),
            Group("background.color", run.ColorBackground),
            Group("background.backplate", run.BackplateBackground),
        ),
    ),
    Page(
        "camera",
        "camera: where it stands, its lens, its sensor",
        (
            Group("camera", camera.CameraConfig),
            Group("camera.intrinsics", camera.Intrinsics),
            Group("camera.distortion.brown_conrady", camera.BrownConrady),
            Group("camera.distortion.fisheye", camera.Fisheye),
            Group("camera.depth_of_field", camera.DepthOfField),
            Group("camera.motion_blur", camera.MotionBlur),
            Group("camera.noise", camera.SensorNoise),
            Group("camera.white_balance", camera.WhiteBalance),
            Group("camera.sharpening", camera.Sharpening),
        ),
    ),
    Page(
        "labels",
        "labels: which objects get a label",
        (Group("labels", labels.LabelsConfig), Group("labels.per_class", labels.ClassRules)),
    ),
    Page(
        "balance",
        "balance: how many labels of each class",
        (
            Group("balance", balance.BalanceConfig),
            Group("balance.target.power", balance.Tempered),
            Group("balance.target.repeat_factor", balance.RepeatFactor),
            Group("balance.target.effective_number", balance.EffectiveNumber),
            Group("balance.target", balance.Fill),
            Group("balance.target.fill", balance.FillSource),
        ),
    ),
    Page("render", "render: engine, device, quality", (Group("render", run.RenderConfig),)),
    Page("output", "output: what is written", (Group("output", run.OutputConfig),)),
    Page("workers", "workers: how a run is carried out", (Group("workers", WorkersConfig),)),
    Page(
        "fit",
        "fit: what `scanstage fit` may change",
        (Group("fit", fit.FitSettings), Group("fit.parity", fit.ParitySettings)),
    ),
    Page(
        "survey",
        "survey: how people are asked",
        (
            Group("survey", survey.SurveySettings),
            Group("survey.gold", survey.GoldSettings),
            Group("survey.gold.accept", survey.AcceptSettings),
            Group("survey.screen", survey.ScreenSettings),
        ),
    ),
)
KIND_KEYS = {
    "stage.kind": "what objects rest on: it decides which of the keys below there are",
    "placement.kind": "how objects come to lie",
    "background.kind": "what is seen behind everything",
    "camera.distortion.model": "of the lens: Brown-Conrady, or a fisheye",
}
"""Keys that decide which others there are; they stand in each of the models that they tell apart."""
SECTIONS = {group.model: group.prefix for page in PAGES for group in page.groups if group.prefix}


def keys(group: Group) -> list[Key]:
    """The keys of a group, in the order of its model, without those that only name its kind."""
    fields = group.model.model_fields
    if not group.inherited:
        above = group.model.__mro__[1].model_fields  # type: ignore[attr-defined]
        fields = {name: field for name, field in fields.items() if name not in above}
    found = [_key(group, name, field) for name, field in fields.items()]
    return [key for key in found if not _names_a_kind(group.model, key.name)]


def all_keys() -> list[Key]:
    """Of all pages; kinds first."""
    kinds = [Key(path, "", "", meaning) for path, meaning in KIND_KEYS.items()]
    return kinds + [key for page in PAGES for group in page.groups for key in keys(group)]


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models of mappings that an annotation names, those of distributions left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in KINDS.values():
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def _names_a_kind(model: type[BaseModel], name: str) -> bool:
    annotation = model.model_fields[name].annotation
    return name in ("kind", "model") and get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _key(group: Group, name: str, field: FieldInfo) -> Key:
    path = f"{group.prefix}.{name}" if group.prefix else name
    expect = next((m for m in field.metadata if isinstance(m, Expect)), None) or _expect(field.annotation)
    sections = [m for m in models(field.annotation) if m in SECTIONS]
    section = SECTIONS[sections[0]] if sections else None
    return Key(
        path,
        takes(field.annotation, field.metadata),
        _default(field),
        field.description or "",
        section,
        expect is not None,
    )


def takes(annotation: Any, metadata: typing.Sequence[Any] = ()) -> str:
    """What an annotation takes, in words."""
    if expect := next((m for m in metadata if isinstance(m, Expect)), None):
        return expect.describe()
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return takes(inner[0], inner[1:])
    if origin in (typing.Union, types.UnionType):
        parts = [takes(part) for part in inner if part is not types.NoneType]
        return " or ".join(dict.fromkeys(part for part in parts if part))
    if origin is Literal:
        return ", ".join(f"`{option}`" for option in inner) if len(inner) > 1 else f"`{inner[0]}`"
    if origin is list:
        return f"a list: {takes(inner[0])}"
    if origin is dict:
        return f"a mapping from {takes(inner[0])} to {takes(inner[1])}"
    if origin is tuple:
        return f"[{', '.join(takes(part) for part in inner)}]"
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: typing.Sequence[Any]) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping" if annotation not in KINDS.values() else ""
    words = {int: "a whole number", float: "a number", bool: "`true` or `false`", str: "a text", Path: "a path"}
    if annotation in (int, float):
        return words[annotation] + _bounds(metadata)
    return words.get(annotation, "a value")


def _bounds(metadata: typing.Sequence[Any]) -> str:
    bounds: dict[str, Any] = {}
    for entry in metadata:
        entries = getattr(entry, "metadata", [entry]) if isinstance(entry, FieldInfo) else [entry]
        for bound in entries:
            for kind in (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt):
                if isinstance(bound, kind):
                    bounds[kind.__name__] = getattr(bound, kind.__name__.lower())
    low = f" from {bounds['Ge']:,}" if "Ge" in bounds else f" above {bounds['Gt']:g}" if "Gt" in bounds else ""
    high = f" to {bounds['Le']:,}" if "Le" in bounds else f" below {bounds['Lt']:.3g}" if "Lt" in bounds else ""
    return low + (f", at most{high[3:]}" if low.startswith(" above") and high.startswith(" to") else high)


def _expect(annotation: Any) -> Expect | None:
    for meta in getattr(annotation, "__metadata__", ()):
        if isinstance(meta, Expect):
            return meta
    if get_origin(annotation) in (list, dict, tuple):
        return None
    return next((found for inner in get_args(annotation) if (found := _expect(inner)) is not None), None)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else as_yaml(value)


def as_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(_data(value), default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("...").strip()


def _data(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {k: _data(v) for k, v in value.model_dump(exclude_unset=True).items()}
    if isinstance(value, dict):
        return {k: _data(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_data(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, Path) else value
