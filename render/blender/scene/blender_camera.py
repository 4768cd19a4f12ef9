"""The one place where an OpenCV camera becomes a Blender camera."""

from __future__ import annotations

import math
from typing import Any

from mathutils import Matrix

from ..exchange.plan_types import CameraJson, LensJson

_SENSOR_MM = 36.0
_LEAST_FSTOP = 0.1  # Blender takes none below
_LARGEST_FOV = 10 * math.pi  # nor more than this


class UnsupportedLens(Exception):
    """The engine can't render through this lens."""


def apply_camera(scene: Any, camera: Any, plan: CameraJson) -> None:
    """Set resolution, projection and pose of ``camera`` (an object) from a ``CameraPlan`` as JSON.

    Depth of field and motion are left to :mod:`blur`.

    Raises:
        UnsupportedLens: the plan has a lens that is no equidistant fisheye, or EEVEE is to render one.
    """
    data = camera.data
    data.sensor_fit = "HORIZONTAL"
    data.clip_start, data.clip_end = plan["near_m"], plan["far_m"]
    data.dof.use_dof = False
    lens = plan["lens"]
    if lens is None:
        _apply_pinhole(scene, data, plan)
    else:
        _apply_fisheye(scene, data, plan, lens)
    camera.matrix_world = blender_pose(plan)


def blender_pose(plan: CameraJson) -> Any:
    """Blender's camera looks along -z, with y up."""
    return Matrix(plan["camera_to_world"]) @ Matrix.Diagonal((1.0, -1.0, -1.0, 1.0))


def apply_aperture(data: Any, plan: CameraJson) -> None:
    """Switch depth of field on: f-number = focal length / diameter of the entrance pupil.

    Focal length and sensor only mean something by their ratio; where the f-number would be below what Blender takes,
    both are enlarged.
    """
    pupil_mm = plan["aperture_m"] * 1000
    enlarged = max(1.0, _LEAST_FSTOP * pupil_mm / data.lens)
    data.lens, data.sensor_width = data.lens * enlarged, data.sensor_width * enlarged
    data.dof.aperture_fstop = data.lens / pupil_mm
    data.dof.focus_object = None
    data.dof.focus_distance = plan["focus_m"]
    data.dof.use_dof = True


def _apply_pinhole(scene: Any, data: Any, plan: CameraJson) -> None:
    """Focal length, pixel aspect and shift.

    With the sensor fitted horizontally, Blender projects to ``fx = lens / sensor * width``; pixels of height a and
    width 1 make ``fy = fx / a``; ``shift_x`` and ``shift_y`` move the frame, in units of its width, so the principal
    point moves the other way in x, and the same way in y (image rows grow downwards).
    """
    width, height = plan["resolution_wh"]
    fx, fy = plan["fx"], plan["fy"]
    # Blender takes no pixel aspect below 1: the longer side of the pixel gets the number.
    _set_pixels(scene, plan, (1.0, fx / fy) if fx >= fy else (fy / fx, 1.0))
    data.type = "PERSP"
    data.sensor_width = _SENSOR_MM
    data.lens = fx * _SENSOR_MM / width
    data.shift_x = (width / 2 - plan["cx"]) / width
    data.shift_y = (plan["cy"] - height / 2) * (fx / fy) / width


def _apply_fisheye(scene: Any, data: Any, plan: CameraJson, lens: LensJson) -> None:
    """An equidistant fisheye: the pixel at radius r about the centre looks r / fx radians away from the axis.

    As a polynomial of one term, not as Blender's *fisheye equidistant*, which leaves the corners outside the circle
    that fits into the frame black.
    """
    width, height = plan["resolution_wh"]
    centred = (plan["cx"], plan["cy"]) == (width / 2, height / 2)
    if lens["model"] != "fisheye" or any(lens["coefficients"]) or plan["fx"] != plan["fy"] or not centred:
        raise UnsupportedLens("of lenses with distortion, the engine renders only a centred equidistant fisheye")
    if scene.render.engine != "CYCLES":
        raise UnsupportedLens("EEVEE has no fisheye camera: use render.engine: cycles")
    _set_pixels(scene, plan, (1.0, 1.0))
    data.type = "PANO"
    data.sensor_width = _SENSOR_MM
    data.lens = plan["fx"] * _SENSOR_MM / width  # the f-number of depth of field refers to it
    data.shift_x = data.shift_y = 0.0
    panorama = data if hasattr(data, "panorama_type") else data.cycles  # before 4.5 a setting of Cycles alone
    panorama.panorama_type = "FISHEYE_LENS_POLYNOMIAL"
    panorama.fisheye_fov = min(2.0 * math.hypot(width, height) / plan["fx"], _LARGEST_FOV)
    # Angle in radians by millimetres on the sensor; Blender counts it negative.
    panorama.fisheye_polynomial_k1 = -width / (_SENSOR_MM * plan["fx"])
    for other in ("k0", "k2", "k3", "k4"):
        setattr(panorama, f"fisheye_polynomial_{other}", 0.0)


def _set_pixels(scene: Any, plan: CameraJson, aspect: tuple[float, float]) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = plan["resolution_wh"]
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = aspect
