"""Joints between glossy tiles are matt, in every Blender that is there; what lies between them stays as glossy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from support.unit_boxes import ENGINES, SETTINGS, at, look, make_plan

from scanstage.assets.library.primitives import primitive_assets
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.scenes.plan import CameraPlan, LampPlan, SurfaceMaterial, SurfacePlan, WorldPlan

pytestmark = pytest.mark.blender


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", ["plane", "sphere"])
def test_joints_do_not_mirror(engine: Path | None, shape: str, tmp_path: Path) -> None:
    """A lamp whose mirror image the middle of the picture would show."""
    lamp = LampPlan("area", at(0.0, 2.0, 2.5), 50.0, (1.0, 1.0, 1.0), 0.5, 5000.0)
    camera = CameraPlan((32, 24), 60.0, 60.0, 16.0, 12.0, look((0.0, -2.0, 2.5), (0.0, 0.0, 0.5 * (shape == "sphere"))))
    folders = {f"primitive/{shape}": primitive_assets()[f"primitive/{shape}"].folder}
    settings = replace(SETTINGS, samples=32)

    def brightness(session: BlenderSession, grey: int, joint: float | None) -> float:
        file = tmp_path / f"{grey}.png"
        Image.new("L", (8, 8), grey).save(file)
        dark = (0.1, 0.1, 0.1)
        material = SurfaceMaterial(dark, dark, str(file), roughness=0.15, joint_roughness=joint)
        surface = SurfacePlan("floor", f"primitive/{shape}", at(0, 0, 0, 4 if shape == "plane" else 1), material)
        plan = make_plan((), (surface,), (lamp,), WorldPlan(None, 0.0, 0.0), camera=camera)
        return float(session.render(plan, folders, 120).radiance.mean(axis=2).max())

    with BlenderSession(settings, engine, tmp_path, tmp_path / "log") as session:
        assert brightness(session, 0, 0.9) < 0.3 * brightness(session, 0, None)
        assert brightness(session, 230, 0.9) == pytest.approx(brightness(session, 230, None), rel=0.1)
