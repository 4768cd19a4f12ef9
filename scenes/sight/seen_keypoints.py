"""Named points of objects in a picture, and whether the camera sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float, apply, to_vector3
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import CameraPlan, FramePlan, Vector3
from scanstage.scenes.sight.visibility import MISS, Caster

PointPx = tuple[float, float]
Flag = Literal[0, 1, 2]

TOLERANCE = 0.02
"""A point is hidden where something is nearer to the camera by more than this share of its asset's diagonal. Points are
given by hand, near the surface rather than on it; what hides one is mostly farther from it than that."""


@dataclass(frozen=True)
class KeypointLabel:
    """A named point of an asset, in the picture.

    Attributes:
        name: as in the asset.
        xy_px: projected through the lens, pixel centres at +0.5; None where it can't be (behind the camera).
        visibility: COCO's flag: 0 outside the image, 1 inside but occluded, 2 visible.
        position_m: in the camera frame.
    """

    name: str
    xy_px: PointPx | None
    visibility: Flag
    position_m: Vector3


@dataclass(frozen=True)
class NamedPoints:
    """The named points of an asset.

    Attributes:
        points: name to position, metres, asset frame.
        diagonal_m: of the asset's bounding box.
    """

    points: Mapping[str, Vector3]
    diagonal_m: float


def see_keypoints(
    plan: FramePlan, named: Mapping[str, NamedPoints], caster: Caster
) -> dict[int, tuple[KeypointLabel, ...]]:
    """The keypoints of a plan's labelled objects, by instance id; objects without any are left out.

    A point is occluded where the first hit of the camera's ray towards it, on any object (its own too) or the stage,
    is nearer than the point by more than :data:`TOLERANCE`. Surfaces that only catch shadows hide nothing.

    Args:
        plan: of the picture.
        named: by asset id.
        caster: casts its rays.
    """
    items = [o for o in plan.objects if o.class_name is not None and o.asset_id in named and named[o.asset_id].points]
    if not items:
        return {}
    world_to_camera = np.linalg.inv(np.array(plan.camera.camera_to_world))
    found: list[Float] = []
    slack: list[Float] = []
    for item in items:
        own = named[item.asset_id]
        matrix = np.array(item.object_to_world)
        found.append(apply(world_to_camera @ matrix, np.array(list(own.points.values()))))
        scale = float(np.cbrt(abs(np.linalg.det(matrix[:3, :3]))))
        slack.append(np.full(len(own.points), TOLERANCE * own.diagonal_m * scale))
    points = np.concatenate(found)
    pixels = project_local(plan.camera, points)[:, :2]
    flags = _flags(plan, points, pixels, np.concatenate(slack), caster)
    labels: dict[int, tuple[KeypointLabel, ...]] = {}
    at = 0
    for item in items:
        names = list(named[item.asset_id].points)
        span = range(at, at + len(names))
        labels[item.instance_id] = tuple(
            KeypointLabel(name, _pixel(pixels[i]), flags[i], to_vector3(points[i]))
            for name, i in zip(names, span, strict=True)
        )
        at += len(names)
    return labels


def _pixel(xy: Float) -> PointPx | None:
    return (float(xy[0]), float(xy[1])) if np.isfinite(xy).all() else None


def _flags(plan: FramePlan, points: Float, pixels: Float, slack: Float, caster: Caster) -> list[Flag]:
    """COCO's flag of each point; ``points`` in the camera frame."""
    width, height = plan.camera.resolution_wh
    with np.errstate(invalid="ignore"):
        inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
    flags = np.zeros(len(points), np.int64)
    if inside.any():
        first = _first_hits(plan, points[inside], caster)
        distance = np.linalg.norm(points[inside], axis=1)
        flags[inside] = np.where(first * distance < distance - slack[inside], 1, 2)
    return [cast(Flag, int(f)) for f in flags]


def _first_hits(plan: FramePlan, points: Float, caster: Caster) -> npt.NDArray[np.float64]:
    """Where the rays from the camera to points first hit anything; 1 is the point itself, MISS nothing."""
    start = near_share(plan.camera, points)
    first = np.full(len(points), MISS)
    placed = [(o.asset_id, o.object_to_world) for o in plan.objects]
    placed += [(s.asset_id, s.object_to_world) for s in plan.surfaces if not s.shadow_catcher]
    for asset_id, object_to_world in placed:
        scene, _ = caster.scene(asset_id)
        camera_to_object = np.linalg.inv(np.array(object_to_world)) @ np.array(plan.camera.camera_to_world)
        directions = points @ camera_to_object[:3, :3].T
        origins = camera_to_object[:3, 3] + start[:, None] * directions
        t = scene.run(origins.astype(np.float32), directions.astype(np.float32), query="DISTANCE")
        hit = np.where(t < MISS, t.astype(np.float64) + start, MISS)
        first = np.minimum(first, hit)
    return first


def near_share(camera: CameraPlan, points: Float) -> Float:
    """The share of the way to each point at which the camera begins to see (its near clip)."""
    fisheye = camera.lens is not None and camera.lens.model == "fisheye"
    reach = np.linalg.norm(points, axis=1) if fisheye else np.maximum(points[:, 2], 1e-12)
    return np.asarray(camera.near_m / np.maximum(reach, 1e-12))
