"""Shadows on the floor of a photo, cast instead of rendered: how much of its light the objects keep from it.

An engine's shadow catcher renders everything twice to tell; it took three quarters of a picture's time. Here rays go
from the floor to the sky and to the lamps. Neighbouring points of a tile use other directions each, and what they
find is averaged over the tile (interleaved sampling, Keller and Heidrich 2001), so that 16 rays do the work of 256.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.library.openings import Openings
from scanstage.scenes.optics.geometry import Float, apply
from scanstage.scenes.optics.lens import rays
from scanstage.scenes.plan import FramePlan, LampPlan
from scanstage.scenes.sight.cut_scene import CutScene
from scanstage.scenes.sight.visibility import Caster

Floats = npt.NDArray[np.float32]

STRIDE = 2
TILE = 4
SKY_RAYS, LAMP_RAYS = 16, 4
REACH = 6.0
"""Farther from an object than so many of its heights and radii it keeps nothing noticeable from the floor."""
LIFT = 1e-4
BAND = 16384


def ground_shadows(plan: FramePlan, caster: Caster) -> Floats:
    """(H, W) float32, 0..1: the share of light that objects keep from the floor that the pixel shows, or would.

    The sky counts as even; lamps are those of the plan. 0 where there is no floor.
    """
    width, height = plan.camera.resolution_wh
    floor = [s for s in plan.surfaces if s.shadow_catcher]
    if not floor or not plan.objects:
        return np.zeros((height, width), np.float32)
    low_h, low_w = -(-height // STRIDE), -(-width // STRIDE)
    points, tile = _floor_points(plan, np.array(floor[0].object_to_world), (low_h, low_w))
    scene, near = _joined(plan, caster, points)
    shadow = np.zeros(low_h * low_w)
    at = np.flatnonzero(near)
    sky = math.pi * plan.world.strength
    total = sky
    shadow[at] += sky * _hidden(scene, points[at], tile[at], _sky_directions())
    for lamp in plan.lamps:
        if lamp.kind == "sun":
            towards = np.array(lamp.lamp_to_world)[:3, 2]
            given = lamp.power * max(float(towards[2]), 0.0)
            total += given
            shadow[at] += given * _hidden(scene, points[at], tile[at], _cone_directions(lamp))
    taken = (shadow / max(total, 1e-9)).astype(np.float32).reshape(low_h, low_w)
    smooth = cv2.blur(taken, (TILE, TILE), borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(smooth, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(smooth, (low_w * STRIDE, low_h * STRIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(large[:height, :width], 0.0, 1.0), np.float32)


def _floor_points(plan: FramePlan, floor_to_world: Float, shape: tuple[int, int]) -> tuple[Float, npt.NDArray[np.intp]]:
    """(N, 3) points of the floor behind pixels, NaN without, and (N,) each one's place in its tile."""
    rows, columns = (a.ravel() for a in np.indices(shape))
    middle = (STRIDE - 1) / 2
    pose = np.array(plan.camera.camera_to_world)
    directions = rays(plan.camera, columns * STRIDE + middle, rows * STRIDE + middle) @ pose[:3, :3].T
    normal, through = floor_to_world[:3, 2] / np.linalg.norm(floor_to_world[:3, 2]), floor_to_world[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = ((through - pose[:3, 3]) @ normal) / (directions @ normal)
    t = np.where(t > 0, t, np.nan)
    points = pose[:3, 3] + t[:, None] * directions
    half = np.linalg.norm(floor_to_world[:3, :2], axis=0) / 2
    beyond = (np.abs(points[:, :2] - through[:2]) > half).any(axis=1)
    points[beyond] = np.nan
    return points, (rows % TILE) * TILE + columns % TILE


def _joined(plan: FramePlan, caster: Caster, points: Float) -> tuple[EmbreeScene | CutScene, npt.NDArray[np.bool_]]:
    """All objects in one structure, and (N,) which points lie near enough to one to be in its shadow."""
    scene = EmbreeScene()
    near = np.zeros(len(points), bool)
    openings: dict[int, Openings] = {}
    for number, item in enumerate(plan.objects):
        own, mesh = caster.scene(item.asset_id)
        if isinstance(own, CutScene):
            openings[number] = own.openings[0]
        vertices = apply(np.array(item.object_to_world), mesh.vertices)
        TriangleMesh(scene, vertices.astype(np.float32), mesh.faces.astype(np.int32))
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        reach = float(np.linalg.norm((high - low)[:2])) / 2 + REACH * max(float(high[2]), 0.0)
        with np.errstate(invalid="ignore"):
            near |= ((points[:, :2] - (low + high)[:2] / 2) ** 2).sum(axis=1) < reach**2
    return (CutScene(scene, openings) if openings else scene), near


def _hidden(scene: EmbreeScene | CutScene, points: Float, tile: npt.NDArray[np.intp], directions: Float) -> Float:
    """(N,) share of the directions (TILE**2, R, 3) of each point's place in its tile that meet an object."""
    count = directions.shape[1]
    hidden = np.zeros(len(points))
    for start in range(0, len(points), BAND):
        part = slice(start, start + BAND)
        origins = (points[part] + np.array([0.0, 0.0, LIFT])).astype(np.float32)
        for i in range(count):
            aims = np.ascontiguousarray(directions[tile[part], i], np.float32)
            hidden[part] += scene.run(origins, aims, query="OCCLUDED") == 0
    return hidden / count


def _spread(count: int) -> tuple[Float, Float]:
    """Points of the unit square, evenly: those of a Hammersley set, dealt out so that each tile's place gets some."""
    total = count * TILE * TILE
    order = np.arange(total)
    bits = math.ceil(math.log2(total))
    reverse = sum(((order >> b) & 1) << (bits - 1 - b) for b in range(bits)) / 2**bits
    first = (order + 0.5) / total
    # Those of one place in the tile are to be spread as well: every 16th.
    return (
        np.asarray(first.reshape(count, TILE * TILE).T),
        np.asarray(reverse.reshape(count, TILE * TILE).T),
    )


def _sky_directions() -> Float:
    """(TILE**2, SKY_RAYS, 3) over the upper half sphere, as often as they light a level surface: by the cosine."""
    u, v = _spread(SKY_RAYS)
    radius, angle = np.sqrt(u), 2 * math.pi * v
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - u)], axis=-1)


def _cone_directions(lamp: LampPlan) -> Float:
    """(TILE**2, LAMP_RAYS, 3) towards the disc of a sun."""
    pose = np.array(lamp.lamp_to_world)[:3, :3]
    u, v = _spread(LAMP_RAYS)
    radius, angle = np.sqrt(u) * math.tan(lamp.size / 2), 2 * math.pi * v
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.ones_like(u)], axis=-1)
    aims = local @ pose.T
    return np.asarray(aims / np.linalg.norm(aims, axis=-1, keepdims=True))
