"""Wear changes how a scan looks and nothing else; each object has its own, and scans without it cost nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.unit_boxes import ENGINES, SETTINGS, Array, add_asset, box_arrays, look, make_plan, pose, render_once

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.passes import Passes
from scanstage.scenes.plan import CameraPlan, FramePlan, MaterialJitter, ObjectPlan, WearPlan

pytestmark = pytest.mark.blender

QUALITY = dataclasses.replace(SETTINGS, samples=8)
CAMERA = CameraPlan((96, 72), 100.0, 100.0, 48.0, 36.0, look((0.0, -0.24, 0.24), (0.0, 0.0, 0.07)))
"""Of a box of 12 cm: its upper half shows the top, its lower half the front."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Boxes of half a metre and of a unit, dark."""
    root, box = tmp_path_factory.mktemp("worn"), box_arrays()
    half = dataclasses.replace(box, vertices=box.vertices / 2, hull=box.hull / 2)
    dark = {"base_color": (0.05, 0.05, 0.05, 1.0), "roughness": 1.0}
    return {"scan/unit": add_asset(root / "unit", box, **dark), "scan/half": add_asset(root / "half", half, **dark)}


def box_with(wear: WearPlan | None, asset: str = "unit", flipped: bool = False) -> FramePlan:
    size = 0.12 if asset == "unit" else 0.24
    turn = Rotation.from_euler("x", 180 if flipped else 0, degrees=True)
    there = pose(turn, (size, size, size), (0.0, 0.0, 0.12 if flipped else 0.0))
    return make_plan((ObjectPlan(1, f"scan/{asset}", "box", there, MaterialJitter(wear=wear)),), camera=CAMERA)


def seen(passes: Passes) -> Array:
    """(H, W) brightness of the box, NaN elsewhere."""
    light = passes.radiance.astype(np.float64).mean(axis=2)
    return np.where(passes.instance_ids == 1, light, np.nan)


def top_and_front(passes: Passes) -> tuple[float, float]:
    """Brightness in the middle of either face."""
    light = seen(passes)
    return float(light[24:32, 40:56].mean()), float(light[50:58, 40:56].mean())


@pytest.mark.parametrize("engine", ENGINES)
def test_dust_lies_on_what_looks_up(engine: Path | None, folders: dict[str, Path], tmp_path: Path) -> None:
    with BlenderSession(QUALITY, engine, tmp_path, tmp_path / "log") as session:
        for flipped in (False, True):
            clean = render_once(box_with(None, flipped=flipped), folders, session)
            dusty = render_once(box_with(WearPlan(dust=1.0), flipped=flipped), folders, session)
            gains = np.divide(top_and_front(dusty), top_and_front(clean))
            assert gains[0] > 1.5, "what is dark becomes grey"
            assert 1.0 <= gains[1] < 0.5 + 0.5 * gains[0]
            assert np.array_equal(clean.instance_ids, dusty.instance_ids), "labels are those of the clean scan"
            np.testing.assert_array_equal(clean.depth_m, dusty.depth_m)


def test_marks_are_of_one_size_on_every_scan_and_in_no_two_places_alike(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    def worn(asset: str, x: float) -> Array:
        wear = WearPlan(scratches=1.0, scuffs=1.0, offset_m=(x, 2.0, 3.0))
        return seen(render_once(box_with(wear, asset), folders, session))

    with BlenderSession(QUALITY, None, tmp_path, tmp_path / "log") as session:
        clean = seen(render_once(box_with(None), folders, session))
        first, scaled, other = worn("unit", 1.0), worn("half", 1.0), worn("unit", 5.0)
    on_box = np.isfinite(clean) & np.isfinite(scaled)
    marks, same, others = ((w - clean)[on_box] for w in (first, scaled, other))
    assert marks.std() > 0.01
    assert np.corrcoef(marks, same)[0, 1] > 0.95, "the same box, of whatever unit"
    assert abs(np.corrcoef(marks, others)[0, 1]) < 0.4, "every object is worn in its own way"


def test_scans_without_wear_are_those_of_a_session_that_knows_none(folders: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for before in ((), (box_with(WearPlan(1.0, 1.0, 1.0, 1.0)),)):
        with BlenderSession(QUALITY, None, tmp_path, tmp_path / "log") as session:
            for plan in before:
                render_once(plan, folders, session)
            found.append(render_once(box_with(None), folders, session).radiance.tobytes())
            found.append(render_once(box_with(WearPlan()), folders, session).radiance)
    assert found[0] == found[2]
    np.testing.assert_allclose(found[1], np.frombuffer(found[0], np.float32).reshape(found[1].shape), atol=1e-5)
