"""The one place where an OpenCV camera becomes a Blender camera."""

from __future__ import annotations

from typing import Any

from mathutils import Matrix  # type: ignore[import-not-found]

_SENSOR_MM = 36.0


def apply_camera(scene: Any, camera: Any, plan: dict[str, Any]) -> None:
    """Set resolution, projection and pose of ``camera`` (an object) from a ``CameraPlan`` as JSON.

    With the sensor fitted horizontally, Blender projects to ``fx = lens / sensor * width``; pixels of height a and
    width 1 make ``fy = fx / a``; ``shift_x`` and ``shift_y`` move the frame, in units of its width, so the principal
    point moves the other way in x, and the same way in y (image rows grow downwards).
    """
    width, height = plan["resolution_wh"]
    fx, fy = plan["fx"], plan["fy"]
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    # Blender takes no pixel aspect below 1: the longer side of the pixel gets the number.
    render.pixel_aspect_x, render.pixel_aspect_y = (1.0, fx / fy) if fx >= fy else (fy / fx, 1.0)
    data = camera.data
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_MM
    data.lens = fx * _SENSOR_MM / width
    data.shift_x = (width / 2 - plan["cx"]) / width
    data.shift_y = (plan["cy"] - height / 2) * (fx / fy) / width
    data.clip_start, data.clip_end = plan["near_m"], plan["far_m"]
    data.dof.use_dof = False
    opencv_to_world = Matrix(plan["camera_to_world"])
    camera.matrix_world = opencv_to_world @ Matrix.Diagonal((1.0, -1.0, -1.0, 1.0))  # y up, looking along -z
