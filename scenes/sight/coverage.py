"""How much of each pixel the objects cover: the cast, from many points of pixel, lens and exposure, averaged.

An engine knows that from its samples alone, of which a fast render has three: its alpha is noisy where the denoised
colour is not, and composited over a photo the difference is a dark or a light seam about every object.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import to_matrix4
from scanstage.scenes.plan import CameraPlan, FramePlan, Matrix4, MotionPlan
from scanstage.scenes.sight.visibility import Caster

SHARP_SAMPLES, BLURRED_SAMPLES = 16, 48
FILTER_PX = 3.0
"""Width of the Blackman-Harris window that pixels are sampled by: what Cycles calls 1.5, measured by its alpha."""
BLACKMAN_HARRIS = (0.35875, 0.48829, 0.14128, 0.01168)


def coverage(plan: FramePlan, caster: Caster) -> npt.NDArray[np.float32]:
    """(H, W) float32, 0..1: the share of each pixel where an object is nearest."""
    camera = plan.camera
    moves = camera.motion is not None or any(o.motion is not None for o in plan.objects)
    blurred = moves or camera.aperture_m > 0
    count = BLURRED_SAMPLES if blurred else SHARP_SAMPLES
    width, height = camera.resolution_wh
    covered = np.zeros((height, width), np.float32)
    for i in range(count):
        covered += caster.instance_ids(_sampled(plan, i, count)) > 0
    return covered / np.float32(count)


def _sampled(plan: FramePlan, i: int, count: int) -> FramePlan:
    """The plan as ray ``i`` of each pixel sees it: shifted within the pixel, from a point of the lens, at a moment.

    The points are those of a Halton sequence, which fills each plane and the time evenly.
    """
    x, y = (_filtered(u) for u in ((i + 0.5) / count, _halton(i, 2)))
    radius, angle = math.sqrt(_halton(i, 3)), 2 * math.pi * _halton(i, 5)
    moment = _halton(i, 7) - 0.5
    camera = plan.camera
    pose = np.array(_moved(camera.camera_to_world, camera.motion, moment))
    cx, cy = camera.cx - x, camera.cy - y
    if camera.aperture_m > 0:
        u, v = (camera.aperture_m / 2 * radius * f for f in (math.cos(angle), math.sin(angle)))
        pose[:3, 3] += u * pose[:3, 0] + v * pose[:3, 1]
        # Seen from there, what is in focus has moved the other way; it is to stay where it is.
        cx, cy = cx + camera.fx * u / camera.focus_m, cy + camera.fy * v / camera.focus_m
    seen = replace(camera, cx=cx, cy=cy, camera_to_world=to_matrix4(pose), motion=None, aperture_m=0.0)
    objects = tuple(
        replace(o, object_to_world=_moved(o.object_to_world, o.motion, moment), motion=None) for o in plan.objects
    )
    return replace(plan, camera=seen, objects=objects)


def _moved(pose: Matrix4, motion: MotionPlan | None, moment: float) -> Matrix4:
    """A pose at a moment of the exposure, from -0.5 to 0.5."""
    if motion is None:
        return pose
    moved = np.array(pose)
    moved[:3, :3] = _rotation(moment * np.array(motion.rotation)) @ moved[:3, :3]
    moved[:3, 3] += moment * np.array(motion.translation_m)
    return to_matrix4(moved)


def _rotation(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, 3) of a rotation vector, by Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def _filtered(u: float) -> float:
    """The offset in pixels below which the share ``u`` of the Blackman-Harris window lies."""
    offsets = np.linspace(-0.5, 0.5, 257)
    window = sum(a * np.cos(2 * math.pi * k * offsets) for k, a in enumerate(BLACKMAN_HARRIS))
    total = np.cumsum(window)
    return float(FILTER_PX * np.interp(u, total / total[-1], offsets))


def _halton(i: int, base: int) -> float:
    value, share, rest = 0.0, 1.0 / base, i + 1
    while rest:
        value += share * (rest % base)
        rest //= base
        share /= base
    return value


def can_sample(camera: CameraPlan) -> bool:
    """Whether :func:`coverage` follows a camera: depth of field behind a fisheye it does not."""
    return camera.lens is None or camera.aperture_m == 0
