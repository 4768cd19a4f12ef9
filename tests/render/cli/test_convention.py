"""The coordinate convention, seen in the picture itself: lights at known points are found where they project to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.projection import project
from support.unit_boxes import ENGINES, at, look, make_plan, render_once

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.finish.lens_resample import through_lens
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.optics.ideal_camera import engine_camera
from scanstage.scenes.plan import CameraPlan, LensPlan, ObjectPlan, WorldPlan

pytestmark = pytest.mark.blender

SETTINGS = RenderSettings(samples=64, noise_threshold=0, denoise="off", max_bounces=0, threads=2)
DARK = WorldPlan(None, 0.0, 0.0)
# No two alike in any mirrored or turned arrangement; metres, world frame (Z up).
POINTS = np.array([(0.0, 0.0, 0.0), (0.5, 0.0, 0.1), (-0.3, 0.6, 0.0), (0.2, 0.3, 0.7), (-0.6, -0.2, 0.4)])
EDGE_M = 0.05
OBLIQUE = look((1.4, -2.2, 1.3), (0.0, 0.1, 0.25))
CAMERAS = {
    "centred": CameraPlan((160, 120), 150.0, 150.0, 80.0, 60.0, OBLIQUE),
    "upright format": CameraPlan((100, 150), 130.0, 130.0, 50.0, 75.0, OBLIQUE),
    "off centre, oblong pixels": CameraPlan((161, 119), 150.0, 170.0, 70.3, 71.8, OBLIQUE),
    "Brown-Conrady": CameraPlan(
        (160, 120),
        110.0,
        112.0,
        78.0,
        61.5,
        OBLIQUE,
        lens=LensPlan("brown_conrady", (-0.25, 0.05, 0.004, -0.006, 0.0, 0.0, 0.0, 0.0)),
    ),
    "fisheye": CameraPlan(
        (160, 120), 95.0, 96.0, 78.0, 61.5, OBLIQUE, lens=LensPlan("fisheye", (0.05, -0.01, 0.0, 0.0))
    ),
}


@pytest.fixture(scope="module", params=ENGINES)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlenderSession]:
    folder = tmp_path_factory.mktemp("session")
    with BlenderSession(SETTINGS, request.param, folder, folder / "blender.log") as opened:
        yield opened


@pytest.mark.parametrize("kind", CAMERAS)
def test_known_points_are_where_they_project_to(session: BlenderSession, folders: dict[str, Path], kind: str) -> None:
    """Small glowing cubes about the points, in the dark: the centre of gravity of each one's light, to 0.1 px."""
    camera = CAMERAS[kind]
    glow = tuple(
        ObjectPlan(i + 1, "scan/glow", "glow", at(x, y, z - EDGE_M / 2, EDGE_M)) for i, (x, y, z) in enumerate(POINTS)
    )
    plan = make_plan(glow, world=DARK, camera=camera)
    source = engine_camera(camera)
    passes = render_once(dataclasses.replace(plan, camera=source), folders, session)
    light = through_lens(passes, source, camera).radiance[..., 0].astype(float)
    expected = project(camera, POINTS)
    assert (expected[:, 2] > 1).all()
    for x, y, _ in expected:
        column, row = int(x), int(y)
        part = light[row - 5 : row + 6, column - 5 : column + 6]
        rows, columns = np.indices(part.shape)
        found = np.array([(part * columns).sum(), (part * rows).sum()]) / part.sum() + 0.5 + [column - 5, row - 5]
        assert part.sum() > 0.1
        assert np.abs(found - [x, y]).max() < 0.1, f"light expected at {x:.2f}, {y:.2f}, found at {found}"
    assert light.sum() < 1.02 * sum(
        light[int(y) - 5 : int(y) + 6, int(x) - 5 : int(x) + 6].sum() for x, y, _ in expected
    ), "no light anywhere else"
