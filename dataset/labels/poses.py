"""Where things are in three dimensions, as records hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import FailFast

from scanstage.scenes.optics.geometry import Float, apply, to_vector3
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import CameraPlan, Matrix4, Vector3
from scanstage.scenes.sight.seen_keypoints import KeypointLabel, PointPx

__all__ = [
    "Box3d",
    "CameraInfo",
    "KeypointLabel",
    "Matrix3",
    "PointPx",
    "Pose",
    "box_3d",
    "camera_info",
    "object_pose",
]

Matrix3 = tuple[Vector3, Vector3, Vector3]


@dataclass(frozen=True)
class CameraInfo:
    """The camera of a picture, in the field's terms.

    Attributes:
        model: ``pinhole``, ``brown_conrady`` or ``fisheye``.
        k: (3, 3) camera matrix, pixels; the centre of the first pixel is at (0.5, 0.5). OpenCV's own functions put it
            at (0, 0): subtract 0.5 from the principal point for them.
        distortion: OpenCV's coefficients in OpenCV's order (see :class:`plan.LensPlan`); empty for a pinhole.
        camera_to_world: OpenCV camera frame (x right, y down, z forward) to world.
    """

    model: Literal["pinhole", "brown_conrady", "fisheye"]
    k: Matrix3
    distortion: Annotated[tuple[float, ...], FailFast()]
    camera_to_world: Matrix4


def camera_info(camera: CameraPlan) -> CameraInfo:
    """What a record says of a camera."""
    k = ((camera.fx, 0.0, camera.cx), (0.0, camera.fy, camera.cy), (0.0, 0.0, 1.0))
    lens = camera.lens
    if lens is None:
        return CameraInfo("pinhole", k, (), camera.camera_to_world)
    return CameraInfo(lens.model, k, lens.coefficients, camera.camera_to_world)


@dataclass(frozen=True)
class Pose:
    """An object's 6D pose.

    Attributes:
        object_to_world: (4, 4) asset frame to world, with its scale.
        rotation: (3, 3) asset frame to camera frame, a pure rotation.
        translation_m: of the asset's origin in the camera frame.
        scale: factor on the asset's size; ``p_camera = rotation @ (scale * p_asset) + translation_m``.
    """

    object_to_world: Matrix4
    rotation: Matrix3
    translation_m: Vector3
    scale: float


@dataclass(frozen=True)
class Box3d:
    """The tight box in the asset's own frame, as it stands in the picture.

    Attributes:
        corners_m: 8 corners in the camera frame: corner ``i`` is at the high end of x where bit 0 of ``i`` is set, of y
            for bit 1, of z for bit 2.
        corners_px: the same, projected through the lens; None where a corner can't be (behind the camera).
        size_m: lengths of its edges along the asset's x, y, z.
    """

    corners_m: Annotated[tuple[Vector3, ...], FailFast()]
    corners_px: Annotated[tuple[PointPx | None, ...], FailFast()]
    size_m: Vector3


def object_pose(camera: CameraPlan, object_to_world: Matrix4) -> Pose:
    """The pose of an object that is turned, moved and evenly scaled.

    Raises ValueError where its matrix does anything else (shears, mirrors, scales unevenly).
    """
    matrix = np.array(object_to_world)
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    turned = matrix[:3, :3] / scale if scale > 0 else np.zeros((3, 3))
    if not np.allclose(turned @ turned.T, np.eye(3), atol=1e-6):
        raise ValueError(f"not a rotation with an even scale: {object_to_world}")
    world_to_camera = np.linalg.inv(np.array(camera.camera_to_world))
    rotation = world_to_camera[:3, :3] @ turned
    rows = tuple(to_vector3(row) for row in rotation)
    origin = apply(world_to_camera, matrix[None, :3, 3])[0]
    return Pose(object_to_world, (rows[0], rows[1], rows[2]), to_vector3(origin), scale)


def box_3d(camera: CameraPlan, pose: Pose, bounds: Float) -> Box3d:
    """The tight box of an asset, as it stands in the picture.

    Args:
        camera: of the picture.
        pose: of the object.
        bounds: (2, 3) lowest and highest corner in the asset's frame, metres.
    """
    low, high = bounds
    corners = np.array([[(low, high)[i >> axis & 1][axis] for axis in range(3)] for i in range(8)])
    placed = pose.scale * corners @ np.array(pose.rotation).T + np.array(pose.translation_m)
    pixels = project_local(camera, placed)
    return Box3d(
        tuple(to_vector3(p) for p in placed),
        tuple((float(x), float(y)) if np.isfinite([x, y]).all() else None for x, y, _ in pixels),
        to_vector3(pose.scale * (high - low)),
    )
