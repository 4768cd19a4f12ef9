"""How far a camera sees, and in which direction the middle of its image lies."""

from __future__ import annotations

import math

import numpy as np

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.optics.lens import lens_reach, rays
from scanstage.scenes.plan import CameraPlan


def middle_ray(camera: CameraPlan) -> Float:
    """(3,) unit vector through the middle of the image; the optical axis where the lens sees nothing there."""
    width, height = camera.resolution_wh
    ray = rays(camera, np.array([width / 2 - 0.5]), np.array([height / 2 - 0.5]))[0]
    return np.array([0.0, 0.0, 1.0]) if np.isnan(ray[0]) else np.asarray(ray / np.linalg.norm(ray))


def half_view(camera: CameraPlan) -> float:
    """Angle in radians between the image's middle and its nearest border, as far as the lens reaches."""
    width, height = camera.resolution_wh
    middle = middle_ray(camera)
    columns, rows = np.array([0.0, width, width / 2, width / 2]), np.array([height / 2, height / 2, 0.0, height])
    borders = rays(camera, columns - 0.5, rows - 0.5)
    reach = max(lens_reach(camera) - math.acos(min(float(middle[2]), 1.0)), 1e-3)
    return min(reach if np.isnan(ray[0]) else _angle(ray, middle) for ray in borders)


def horizontal_view(camera: CameraPlan) -> float:
    """Angle in radians between the rays to the left and the right border, at the height of the principal point."""
    width, _height = camera.resolution_wh
    found = rays(camera, np.array([0.0, width]) - 0.5, np.full(2, camera.cy - 0.5))
    axis = np.array([0.0, 0.0, 1.0])
    left, right = (lens_reach(camera) if np.isnan(ray[0]) else _angle(ray, axis) for ray in found)
    # A principal point beside the image has both borders on one side.
    return abs(float(math.copysign(left, camera.cx) + math.copysign(right, width - camera.cx)))


def _angle(a: Float, b: Float) -> float:
    """Angle between two vectors, radians.

    By the C library, number by number: numpy's arctan2 of arrays differs in the last digit from call to call, and plans
    have to be the same to the bit.
    """
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    cross = math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return math.atan2(cross, ax * bx + ay * by + az * bz)
