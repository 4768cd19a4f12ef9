from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.scenes.balance.factors import PICTURE_FACTORS, SIDES, picture_factors, side_of
from scanstage.scenes.optics.geometry import to_matrix4
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, LampPlan, ObjectPlan, PostPlan, WorldPlan

IDENTITY = to_matrix4(np.eye(4))


def plan(camera_at: tuple[float, float, float] = (0.0, -1.0, 0.0), **factors: Any) -> FramePlan:
    pose = np.eye(4)
    pose[:3, 3] = camera_at
    found = {
        "variables": {},
        "stage": "table",
        "surface": None,
        "camera": {"distance_m": 1.0, "elevation_deg": 10.0},
    } | factors
    camera = CameraPlan((64, 48), 50.0, 50.0, 32.0, 24.0, to_matrix4(pose))
    world = WorldPlan("builtin:city", 0.0, 1.0)
    return FramePlan(0, 0, camera, (), world, BackgroundPlan("hdri"), (), (), PostPlan(), found)


def item(object_to_world: np.ndarray) -> ObjectPlan:
    return ObjectPlan(1, "owl/a", "owl", to_matrix4(object_to_world))


def turned(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return q


def test_sides_are_of_equal_area() -> None:
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(6000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    counts = np.bincount([side_of(plan(tuple(d)), item(np.eye(4))) for d in directions], minlength=SIDES)
    assert len(counts) == SIDES
    # 250 expected in each, standard deviation 15.5.
    assert np.abs(counts - 250).max() < 5 * 15.5


@pytest.mark.parametrize(
    ("camera_at", "side"),
    [
        ((0.5, 0.1, -0.9), 0),  # low, first sector
        ((0.0, 0.0, -1.0), 0),  # straight below
        ((0.0, 0.0, 1.0), 18),  # straight above: the last band
        ((1.0, 0.1, 0.1), 12),  # z in 0 to 0.5: the third band
        ((1.0, 0.1, -0.1), 6),
        ((-1.0, 0.1, 0.1), 14),  # azimuth just below 180 degrees: the third sector
        ((1.0, -0.1, 0.1), 17),  # azimuth just below 360 degrees: the last
    ],
)
def test_sides_by_hand(camera_at: tuple[float, float, float], side: int) -> None:
    assert side_of(plan(camera_at), item(np.eye(4))) == side


@given(st.integers(0, 1000))
def test_a_side_moves_with_the_object(seed: int) -> None:
    """Turning, scaling and moving object and camera together, or scaling the object alone, changes no side."""
    rng = np.random.default_rng(seed)
    at = rng.normal(size=3)
    side = side_of(plan(tuple(at)), item(np.eye(4)))
    pose = np.eye(4)
    pose[:3, :3] = turned(rng) * rng.uniform(0.1, 5)
    pose[:3, 3] = rng.normal(size=3)
    moved = pose @ np.append(at, 1.0)
    assert side_of(plan(tuple(moved[:3])), item(pose)) == side
    assert side_of(plan(tuple(at)), item(np.diag([0.2, 0.2, 0.2, 1.0]))) == side


def test_the_opposite_side_is_another() -> None:
    rng = np.random.default_rng(0)
    for at in rng.normal(size=(50, 3)):
        assert side_of(plan(tuple(at)), item(np.eye(4))) != side_of(plan(tuple(-at)), item(np.eye(4)))


def test_factors_of_a_picture() -> None:
    found = picture_factors(plan())
    assert tuple(found) == PICTURE_FACTORS
    assert found == {
        "hdri": "city",
        "background": "hdri",
        "stage": "table",
        "surface": "plain",
        "lamp_temperature": "none",
        "distance": "1 to 2 m",
        "elevation": "0 to 20 degrees",
        "look": "none",
    }


def test_factors_name_files_without_folders() -> None:
    base = plan(surface="builtin:oak")
    base = replace(
        base,
        world=replace(base.world, hdri="/somewhere/of/mine/attic.exr"),
        background=BackgroundPlan("backplate", image="/somewhere/of/mine/street.jpg"),
    )
    found = picture_factors(base)
    assert (found["hdri"], found["background"], found["surface"]) == ("attic.exr", "street.jpg", "oak")
    assert picture_factors(replace(base, world=replace(base.world, hdri=None)))["hdri"] == "ambient"


@pytest.mark.parametrize(
    ("kelvin", "name"), [(2700, "warm"), (3500, "neutral"), (4200, "neutral"), (5000, "neutral"), (6500, "cool")]
)
def test_lamp_temperature(kelvin: float, name: str) -> None:
    lamps = tuple(LampPlan("point", IDENTITY, 1.0, (1.0, 1.0, 1.0), 0.1, k) for k in (kelvin, 20_000))
    assert picture_factors(replace(plan(), lamps=lamps))["lamp_temperature"] == name


@given(st.floats(0.01, 1000))
def test_distances_are_in_their_bin(metres: float) -> None:
    low, _, high, unit = picture_factors(plan(camera={"distance_m": metres, "elevation_deg": 0.0}))["distance"].split()
    assert unit == "m"
    assert float(low) * (1 - 1e-4) <= metres <= float(high) * (1 + 1e-4)
    assert float(high) == pytest.approx(2 * float(low), rel=1e-4)


@pytest.mark.parametrize(("degrees", "name"), [(-5, "-20 to 0"), (0, "0 to 20"), (19.9, "0 to 20"), (90, "80 to 100")])
def test_elevations(degrees: float, name: str) -> None:
    camera = {"distance_m": 1.0, "elevation_deg": degrees}
    assert picture_factors(plan(camera=camera))["elevation"] == f"{name} degrees"


def test_variables_that_are_names_are_factors() -> None:
    found = picture_factors(plan(variables={"time": "night", "wet": True, "warmth": 2700.0}))
    assert (found["time"], found["wet"]) == ("night", "True")
    assert "warmth" not in found
