"""Unit boxes before a Blender: assets, plans, and the truth by the slab method."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from scanstage.assets.asset import AssetMeta, Material, MeshArrays, write_asset
from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.passes import Passes
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LampPlan,
    Matrix4,
    MotionPlan,
    ObjectPlan,
    PostPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)

Array = npt.NDArray[np.float64]
WHEEL = importlib.util.find_spec("bpy") is not None
BINARY = shutil.which("blender")
ENGINES = [
    pytest.param(None, id="bpy", marks=pytest.mark.skipif(not WHEEL, reason="no bpy wheel in this Python")),
    pytest.param(
        Path(BINARY or "blender"), id="blender", marks=pytest.mark.skipif(not BINARY, reason="no blender on PATH")
    ),
]
SETTINGS = RenderSettings(samples=1, noise_threshold=0, denoise="off", max_bounces=1, passes=("depth",), threads=2)
WHITE = SurfaceMaterial((0.8, 0.8, 0.8), (0.8, 0.8, 0.8))


def box_arrays() -> MeshArrays:
    """The unit cube on z = 0, hard edges split."""
    vertices, faces, uv = [], [], []
    for axis in range(3):
        for side in (0.0, 1.0):
            quad = np.zeros((4, 3))
            quad[:, axis] = side
            quad[:, [(axis + 1) % 3, (axis + 2) % 3]] = [(0, 0), (1, 0), (1, 1), (0, 1)]
            n = len(vertices)
            vertices += (quad if side else quad[::-1]).tolist()
            faces += [(n, n + 1, n + 2), (n, n + 2, n + 3)]
            uv += [(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)]
    v = np.array(vertices, np.float32) - np.array([0.5, 0.5, 0.0], np.float32)
    f = np.array(faces, np.int32)
    return MeshArrays(v, f, np.zeros(len(f), np.uint16), v[:8], np.array(uv, np.float32))


def add_asset(folder: Path, mesh: MeshArrays, files: dict[str, bytes] | None = None, **material: object) -> Path:
    folder.mkdir(parents=True)
    meta = AssetMeta(folder.name, "box", (1.0, 1.0, 1.0), len(mesh.faces), (Material(**material),))  # type: ignore[arg-type]
    write_asset(folder, meta, mesh, files or {})
    return folder


def pose(rotation: Rotation, scale: tuple[float, float, float], position: tuple[float, float, float]) -> Matrix4:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix() @ np.diag(scale)
    matrix[:3, 3] = position
    return tuple(tuple(row) for row in matrix.tolist())  # type: ignore[return-value]


def at(x: float, y: float, z: float, size: float = 1.0) -> Matrix4:
    return pose(Rotation.identity(), (size, size, size), (x, y, z))


def look(eye: tuple[float, float, float], target: tuple[float, float, float], roll: float = 0.0) -> Matrix4:
    forward = np.subtract(target, eye)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    matrix = np.eye(4)
    matrix[:3, :3] = axes @ Rotation.from_euler("z", roll).as_matrix()
    matrix[:3, 3] = eye
    return tuple(tuple(row) for row in matrix.tolist())  # type: ignore[return-value]


def make_plan(
    objects: tuple[ObjectPlan, ...],
    surfaces: tuple[SurfacePlan, ...] = (),
    lamps: tuple[LampPlan, ...] = (),
    world: WorldPlan | None = None,
    background: BackgroundPlan | None = None,
    camera: CameraPlan | None = None,
    index: int = 0,
) -> FramePlan:
    straight = CameraPlan((160, 120), 160.0, 160.0, 80.0, 60.0, look((0.0, -3.0, 0.5), (0.0, 0.0, 0.5)))
    world = world or WorldPlan(None, 0.0, 1.0)
    background = background or BackgroundPlan("hdri")
    return FramePlan(index, 0, camera or straight, lamps, world, background, surfaces, objects, PostPlan())


def boxes_in_a_heap(motion: MotionPlan | None = None) -> tuple[ObjectPlan, ...]:
    """Seven boxes in any pose that hide each other; the same ones always."""
    rng = np.random.default_rng(5)
    return tuple(
        ObjectPlan(
            i + 1,
            "primitive/box",
            "box",
            pose(
                Rotation.from_quat(rng.normal(size=4)),
                tuple(rng.uniform(0.3, 0.9, 3)),
                tuple(rng.uniform((-0.9, -0.9, 0.0), (0.9, 0.9, 0.7))),
            ),
            surface=WHITE,
            motion=motion,
        )
        for i in range(7)
    )


def cast_boxes(plan: FramePlan) -> tuple[npt.NDArray[np.uint16], Array]:
    """Ids and depth of unit boxes by the slab method through pixel centres, in float64.

    Depth is planar; through a lens, taken for an equidistant fisheye, along the ray.
    """
    camera = plan.camera
    width, height = camera.resolution_wh
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    if camera.lens is None:
        rays = np.stack([x, y, np.ones_like(u)], axis=-1)
    else:
        theta = np.hypot(x, y)
        rays = np.stack([np.sinc(theta / np.pi) * x, np.sinc(theta / np.pi) * y, np.cos(theta)], axis=-1)
    to_world = np.array(camera.camera_to_world)
    best = np.full((height, width), np.inf)
    ids = np.zeros((height, width), np.uint16)
    for shown in plan.objects:
        to_object = np.linalg.inv(np.array(shown.object_to_world)) @ to_world
        origin, directions = to_object[:3, 3], rays @ to_object[:3, :3].T
        near = (np.array([-0.5, -0.5, 0.0]) - origin) / directions
        far = (np.array([0.5, 0.5, 1.0]) - origin) / directions
        enter, leave = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
        hit = (enter < leave) & (enter > 0) & (enter < best)
        best[hit], ids[hit] = enter[hit], shown.instance_id
    return ids, best


def render_once(plan: FramePlan, folders: dict[str, Path], session: BlenderSession) -> Passes:
    return session.render(plan, folders, 120)


def mean_of(passes: Passes, instance_id: int) -> Array:
    inside = passes.instance_ids == instance_id
    assert inside.sum() > 50
    mean: Array = passes.radiance[inside].mean(axis=0, dtype=np.float64)
    return mean


def old_eevee(settings: RenderSettings, folder: Path) -> BlenderSession:
    """A session with EEVEE up to Blender 4.1; skips the test where there is none that works."""
    version = subprocess.run([str(BINARY), "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if not version.startswith(("Blender 3.", "Blender 4.0", "Blender 4.1")):
        pytest.skip("without a graphics card, today's EEVEE compiles its shaders for minutes")
    try:
        return BlenderSession(settings, Path(BINARY or ""), folder, folder / "log")
    except InputError as e:
        pytest.skip(str(e))
