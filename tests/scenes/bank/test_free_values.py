"""Values that a fit may change: between which bounds, how they are counted, and where they go in a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.bank.free_values import (
    MOST_PIXELS,
    FreeValue,
    free_values,
    open_config,
    set_value,
    smaller,
    usual_moments,
)
from scanstage.scenes.config.load import check_config
from scanstage.scenes.config.sections.camera_settings import Intrinsics
from scanstage.scenes.config.sections.run_config import RunConfig

SAMPLES = {"assets": {"source": "samples"}}


def checked(**data: Any) -> RunConfig:
    return check_config({**SAMPLES, **data}, (), Path())


def opened(free: dict[str, Any] | None = None, classes: dict[str, float] | None = None, **data: Any) -> RunConfig:
    """A config with its free values open."""
    given = {**SAMPLES, **data, **({} if free is None else {"fit": {"free": free}})}
    config = check_config(given, (), Path())
    return open_config(given, Path(), config, free_values(config, 6), classes or {})


@pytest.mark.parametrize(
    ("value", "values"),
    [
        (FreeValue("camera.elevation_deg", "number", 5, 65), [5.0, 20.0, 65.0]),
        (FreeValue("camera.fill", "number", 0.25, 2.0, True), [0.25, 0.7, 2.0]),
        (FreeValue("objects.count", "whole", 2, 9), [2, 5, 9]),
        (FreeValue("stage.kind", "choice", options=("table", "desk", "bin")), ["table", "bin", "desk"]),
    ],
)
def test_there_and_back(value: FreeValue, values: list[Any]) -> None:
    unit = value.to_unit(values)
    assert unit.shape == (3,)
    assert ((unit >= 0) & (unit <= 1)).all()
    back = [value.from_unit(float(u)) for u in unit]
    assert back == pytest.approx(values) if value.kind == "number" else back == values
    if value.cells:
        assert np.allclose(unit * value.cells % 1, 0.5)
        assert value.from_unit(0.0) == value.from_unit(0.5 / value.cells)
        assert value.from_unit(1.0) == value.from_unit(1 - 0.5 / value.cells)


def test_a_value_lies_within_its_distribution() -> None:
    assert FreeValue("camera.fill", "number", 0.25, 2.0, True).distribution() == {"log_uniform": [0.25, 2.0]}
    assert FreeValue("objects.count", "whole", 2, 9).distribution() == {"integer": [2, 9]}
    assert FreeValue("a.b", "choice", options=("x", "y")).distribution() == {"choice": ["x", "y"]}
    assert FreeValue("a.b", "number", 0, 1).distribution() == {"uniform": [0, 1]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"camera": {"framing": "objects"}}, "camera.fill"),
        ({"camera": {"framing": "object"}}, "camera.object_fill"),
        ({"camera": {"distance_m": 0.5}}, "camera.distance_m"),
    ],
)
def test_what_is_free_unless_it_is_said_follows_from_the_framing(data: dict[str, Any], expected: str) -> None:
    found = free_values(checked(**data), 6)
    near = {v.path for v in found} & {"camera.fill", "camera.object_fill", "camera.distance_m"}
    assert near == {expected}
    assert next(v for v in found if v.path == expected).is_log


@pytest.mark.parametrize(
    ("kind", "bounds"), [("drop", (0.04, 0.8)), ("upright", (0.03, 0.6)), ("scatter", (0.01, 0.25))]
)
def test_densities_follow_from_the_placement(kind: str, bounds: tuple[float, float]) -> None:
    found = {v.path: v for v in free_values(checked(objects={"placement": {"kind": kind}}), 6)}
    density = found["objects.placement.density"]
    assert (density.low, density.high) == bounds


@pytest.mark.parametrize(("most", "highest"), [(2, 12), (20, 30), (400, 100)])
def test_counts_reach_beyond_those_of_the_photos(most: int, highest: int) -> None:
    found = {v.path: v for v in free_values(checked(), most)}
    assert (found["objects.count"].low, found["objects.count"].high) == (1, highest)


def test_every_default_can_be_opened() -> None:
    stages = ({"kind": "shelf"}, {"kind": "none"}, [{"kind": "table"}, {"kind": "desk"}])
    for data in ({}, {"recipe": "detection"}, {"camera": {"framing": "object"}}, *({"stage": s} for s in stages)):
        config = opened(**data)
        assert config.negatives == 0
        assert set(config.variables) == {v.name for v in free_values(checked(**data), 6)}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("objects.scale", "drawn for each object"),
        ("distractors.size_m", "drawn for each object"),
        ("assets.classes", "always fitted"),
        ("render.samples", "isn't a value that pictures draw"),
        ("negatives", "isn't a value that pictures draw"),
        ("balance.total", "isn't a value that pictures draw"),
    ],
)
def test_what_cannot_be_free_is_told(key: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as e:
        free_values(checked(fit={"free": {key: [0, 1]}}), 6)
    assert "docs/fit.md" in str(e.value)


@pytest.mark.parametrize(("key", "told"), [("camera.elevation", "elevation_deg"), ("objekts.count", "objects")])
def test_a_key_that_there_is_not_is_told(key: str, told: str) -> None:
    with pytest.raises(InputError, match=r"with what fit\.free names.*" + told):
        opened({key: [1, 5]})


def test_a_range_that_the_key_cannot_have_is_told() -> None:
    with pytest.raises(InputError, match=r"with what fit\.free names: .*elevation_deg"):
        opened({"camera.elevation_deg": [0, 400]})


@pytest.mark.parametrize(("low", "high"), [(5, 5), (5, 1)])
def test_a_range_without_room_is_told(low: float, high: float) -> None:
    with pytest.raises(InputError, match="isn't below the high end"):
        checked(fit={"free": {"camera.elevation_deg": [low, high]}})


def test_placements_that_differ_have_no_density_in_common() -> None:
    paths = {v.path for v in free_values(checked(stage=[{"kind": "shelf"}, {"kind": "bin"}]), 6)}
    assert "objects.placement.density" not in paths
    assert opened(stage=[{"kind": "shelf"}, {"kind": "bin"}]).objects.placement is None


def test_balance_and_empty_pictures_are_gone_and_classes_are_set() -> None:
    config = opened(
        {"objects.count": [1, 4]}, {"apple": 0.25, "mug": 0.75}, balance={"target": "uniform"}, negatives=0.3
    )
    assert config.balance is None
    assert config.negatives == 0
    assert config.assets.classes == {"apple": 0.25, "mug": 0.75}
    assert config.fit is None


def test_what_lies_around_a_value_stays() -> None:
    data: dict[str, Any] = {**SAMPLES, "camera": {"fov_deg": 40}}
    set_value(data, checked(camera={"fov_deg": 40}), "camera.elevation_deg", 12)
    assert data["camera"] == {"fov_deg": 40, "elevation_deg": 12}


def test_a_placement_keeps_its_kind() -> None:
    given = {"objects": {"placement": {"kind": "scatter"}}}
    data: dict[str, Any] = json.loads(json.dumps({**SAMPLES, **given}))
    set_value(data, checked(**given), "objects.placement.density", 0.1)
    assert data["objects"]["placement"] == {"kind": "scatter", "density": 0.1}
    assert check_config(data, (), Path()).objects.placement.kind == "scatter"  # type: ignore[union-attr]


def test_a_stage_in_a_list_is_reached_by_its_number() -> None:
    given = {"stage": [{"kind": "table"}, {"kind": "desk", "weight": 2}]}
    data: dict[str, Any] = json.loads(json.dumps({**SAMPLES, **given}))
    set_value(data, checked(**given), "stage.1.weight", 5)
    assert data["stage"] == [{"kind": "table"}, {"kind": "desk", "weight": 5}]


def test_what_only_a_recipe_says_is_kept() -> None:
    config = checked(recipe="detection")
    data: dict[str, Any] = {**SAMPLES, "recipe": "detection"}
    set_value(data, config, "camera.elevation_deg", 12)
    after = check_config(data, (), Path())
    assert after.camera.elevation_deg == 12
    assert after.camera.model_copy(update={"elevation_deg": None}) == config.camera.model_copy(
        update={"elevation_deg": None}
    )


def test_small_pictures_have_the_same_view_and_rules() -> None:
    config = checked(
        camera={"resolution": [1280, 960]},
        labels={"min_pixels": 160, "min_box_px": 8, "per_class": {"mug": {"min_pixels": 320}}},
    )
    found = smaller(config)
    width, height = found.camera.resolution
    assert width * height <= MOST_PIXELS
    assert width / height == pytest.approx(4 / 3)
    assert (found.labels.min_pixels, found.labels.min_box_px) == (10, 2)
    assert found.labels.per_class["mug"].min_pixels == 20
    assert found.labels.per_class["mug"].min_box_px is None
    assert smaller(found) == found


def test_calibrated_cameras_shrink_with_their_pictures() -> None:
    """What the whole camera sees at a pixel, the small one sees at the same place of its picture."""
    given = {"fx": 900, "cx": 700, "cy": 480}
    camera = smaller(checked(camera={"intrinsics": given, "resolution": [1280, 960]})).camera
    (width, height), small = camera.resolution, camera.intrinsics
    assert (width, height) == (320, 240)
    assert isinstance(small, Intrinsics)
    assert (small.fx, small.fy, small.cx, small.cy) == (225, 225, 175, 120)


def test_cameras_that_are_drawn_and_small_pictures_stay_as_they_are() -> None:
    camera = {"intrinsics": {"fx": {"uniform": [800, 900]}}, "resolution": [1280, 960]}
    for config in (checked(camera=camera), checked(camera={"resolution": [64, 48]})):
        assert smaller(config) is config


def test_usual_moments_are_those_that_are_drawn() -> None:
    value = FreeValue("camera.elevation_deg", "number", 0, 80)
    config = checked(camera={"elevation_deg": {"uniform": [20, 60]}})
    assert usual_moments(config, value) == pytest.approx((0.5, 0.5 / np.sqrt(12)), abs=0.02)
    assert usual_moments(checked(camera={"elevation_deg": 40}), value) == pytest.approx((0.5, 0), abs=1e-9)
    tied = checked(variables={"up": {"uniform": [20, 60]}}, camera={"elevation_deg": {"var": "up"}})
    assert usual_moments(tied, value) == pytest.approx((0.5, 0.5 / np.sqrt(12)), abs=0.02)
    nothing = FreeValue("camera.distance_m", "number", 0.1, 10, True)
    assert usual_moments(checked(), nothing) == (0.5, pytest.approx(1 / np.sqrt(12)))
