"""A small engine in plain numpy for toy scans: exact spheres and boxes, no meshes, no Embree, no Blender.

An independent truth for the caster, and an engine for tests of the whole pipeline. Knows the assets ``box/toy`` and
``ball/toy`` of ``conftest.py``, a ``brick/toy``, and the primitives ``box`` and ``plane``.
"""

from __future__ import annotations

import cv2
import numpy as np

from scanstage.render.engine.passes import Passes
from scanstage.scenes.plan import CameraPlan, FramePlan

BOX_SIZE = np.array([0.1, 0.08, 0.06])
BRICK_SIZE = np.array([0.03, 0.02, 0.015])
BALL_RADIUS = 0.04


def trace(plan: FramePlan) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) instance ids and (H, W) planar depth (inf: nothing) through pixel centres."""
    camera = plan.camera
    width, height = camera.resolution_wh
    rays = pixel_rays(camera)
    depth = np.full((height, width), np.inf)
    ids = np.zeros((height, width), np.uint16)
    camera_to_world = np.array(camera.camera_to_world)
    things = [(s.asset_id, s.object_to_world, 0) for s in plan.surfaces if not s.shadow_catcher]
    things += [(o.asset_id, o.object_to_world, o.instance_id) for o in plan.objects]
    for asset_id, object_to_world, instance_id in things:
        to_object = np.linalg.inv(np.array(object_to_world)) @ camera_to_world
        t = _hit(asset_id, to_object[:3, 3], rays @ to_object[:3, :3].T, camera.near_m)
        nearer = t < depth
        depth[nearer], ids[nearer] = t[nearer], instance_id
    return ids, depth


def pixel_rays(camera: CameraPlan) -> np.ndarray:
    """(H, W, 3) rays through pixel centres, undone by OpenCV where the lens distorts."""
    width, height = camera.resolution_wh
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    k = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    points = np.stack([u, v], axis=-1).reshape(-1, 1, 2)
    if camera.lens is None:
        plane = (points[:, 0] - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    elif camera.lens.model == "brown_conrady":
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
        undistort = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)  # one function since OpenCV 5
        plane = undistort(points, k, np.array(camera.lens.coefficients), R=None, P=None, criteria=criteria)[:, 0]
    else:
        plane = cv2.fisheye.undistortPoints(points, k, np.array(camera.lens.coefficients))[:, 0]  # below 90 degrees
    rays = np.concatenate([plane, np.ones((len(plane), 1))], axis=1)
    if camera.lens is not None and camera.lens.model == "fisheye":
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return rays.reshape(height, width, 3)


def _hit(asset_id: str, origin: np.ndarray, rays: np.ndarray, near: float) -> np.ndarray:
    # Of stages the bevels of edges, a few millimetres, are left out.
    match "primitive/box" if asset_id.startswith("primitive/box_") else asset_id:
        case "ball/toy":
            return _sphere(origin - [0, 0, BALL_RADIUS], rays, near)
        case "box/toy":
            return _slab(origin, rays, *_standing(BOX_SIZE), near)
        case "brick/toy":
            return _slab(origin, rays, *_standing(BRICK_SIZE), near)
        case "primitive/box":
            return _slab(origin, rays, np.array([-0.5, -0.5, 0.0]), np.array([0.5, 0.5, 1.0]), near)
        case "primitive/plane":
            return _slab(origin, rays, np.array([-0.5, -0.5, -1e-9]), np.array([0.5, 0.5, 0.0]), near)
    raise AssertionError(asset_id)


def _standing(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low = np.array([-size[0] / 2, -size[1] / 2, 0.0])
    return low, low + size


def _slab(origin: np.ndarray, rays: np.ndarray, low: np.ndarray, high: np.ndarray, near: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - origin) / rays, (high - origin) / rays
    enter = np.nanmax(np.minimum(a, b), axis=-1)
    leave = np.nanmin(np.maximum(a, b), axis=-1)
    t = np.where(enter > near, enter, leave)
    return np.where((enter <= leave) & (t > near), t, np.inf)


def _sphere(origin: np.ndarray, rays: np.ndarray, near: float) -> np.ndarray:
    a = (rays**2).sum(-1)
    b = 2 * (rays * origin).sum(-1)
    c = (origin**2).sum() - BALL_RADIUS**2
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0))
    near_t, far_t = (-b - root) / (2 * a), (-b + root) / (2 * a)
    t = np.where(near_t > near, near_t, far_t)
    return np.where((b * b - 4 * a * c > 0) & (t > near), t, np.inf)


def render(plan: FramePlan) -> Passes:
    """Flat grey shades by instance; enough to be a picture."""
    ids, depth = trace(plan)
    shade = 0.1 + 0.05 * (ids % 8).astype(np.float32)
    radiance = np.repeat(shade[..., None], 3, axis=-1)
    return Passes(radiance, np.ones(ids.shape, np.float32), ids, depth.astype(np.float32))
