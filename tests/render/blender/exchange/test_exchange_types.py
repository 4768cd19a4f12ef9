"""Types on Blender's side are those that are written on the other side of the pipe, field by field."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from scanstage.assets.asset import Material
from scanstage.render.blender.exchange.plan_types import (
    LensJson,
    MotionJson,
    ObjectJson,
    PlanJson,
    ScanMaterialJson,
    WorldJson,
)
from scanstage.render.blender.exchange.worker_messages import SettingsJson
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import FramePlan, LensPlan, MotionPlan, ObjectPlan, WorldPlan


def differences(read: Any, written: Any, where: str) -> list[str]:
    """How what is read as a type differs from what JSON makes of another one, at any depth."""
    if is_typeddict(read) and dataclasses.is_dataclass(written):
        assert read.__total__
        got = get_type_hints(read)
        hints = get_type_hints(written)
        expected = {field.name: hints[field.name] for field in dataclasses.fields(written)}
        found = [f"{where}.{name}: on one side alone" for name in sorted(got.keys() ^ expected.keys())]
        for name in got.keys() & expected.keys():
            found += differences(got[name], expected[name], f"{where}.{name}")
        return found
    if get_origin(read) is list and get_origin(written) is tuple:
        (item,) = get_args(read)
        kinds = {kind for kind in get_args(written) if kind is not ...}
        return [text for kind in kinds for text in differences(item, kind, f"{where}[]")]
    if get_origin(read) in (Union, types.UnionType) and get_origin(written) in (Union, types.UnionType):
        pairs = list(zip(_in_order(read), _in_order(written), strict=False))
        if len(get_args(read)) == len(get_args(written)):
            return [text for a, b in pairs for text in differences(a, b, where)]
    if read is str and get_origin(written) is Literal and all(isinstance(word, str) for word in get_args(written)):
        return []
    return [] if read == written else [f"{where}: {read} for {written}"]


def _in_order(union: Any) -> list[Any]:
    """A union's types: None last."""
    return sorted(get_args(union), key=lambda kind: kind is type(None))


@pytest.mark.parametrize(
    ("read", "written"), [(PlanJson, FramePlan), (SettingsJson, RenderSettings), (ScanMaterialJson, Material)]
)
def test_both_sides_agree(read: Any, written: Any) -> None:
    assert differences(read, written, written.__name__) == []


class OldMotion(TypedDict):
    translation_m: list[float]


class OddWorld(TypedDict):
    hdri: str
    rotation: int
    strength: float
    color: list[int]
    horizon: float | None


class OddLens(TypedDict):
    model: Literal["fisheye"]
    coefficients: list[float]


class OddObject(ObjectJson):
    weight: float


def test_what_differs_is_found() -> None:
    assert differences(MotionJson, MotionPlan, "m") == differences(LensJson, LensPlan, "l") == []
    assert differences(WorldJson, WorldPlan, "w") == []
    assert differences(OldMotion, MotionPlan, "m") == ["m.rotation: on one side alone"]
    assert differences(OddObject, ObjectPlan, "o") == ["o.weight: on one side alone"]
    assert len(differences(OddLens, LensPlan, "l")) == 1
    assert {text.split(":")[0] for text in differences(OddWorld, WorldPlan, "w")} == {
        "w.hdri",
        "w.rotation",
        "w.color[]",
    }
