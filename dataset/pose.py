"""Where things are in three dimensions, as records hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scenes.plan import CameraPlan, Matrix4, Vector3

Matrix3 = tuple[Vector3, Vector3, Vector3]
PointPx = tuple[float, float]


@dataclass(frozen=True)
class CameraInfo:
    """The camera of a picture, in the field's terms.

    Attributes:
        model: ``pinhole``, ``brown_conrady`` or ``fisheye``.
        k: (3, 3) camera matrix, pixels; the centre of the first pixel is at (0.5, 0.5). OpenCV's own functions put it
            at (0, 0): subtract 0.5 from the principal point for them.
        distortion: OpenCV's coefficients in OpenCV's order (see :class:`scenes.plan.LensPlan`); empty for a pinhole.
        camera_to_world: OpenCV camera frame (x right, y down, z forward) to world.
    """

    model: Literal["pinhole", "brown_conrady", "fisheye"]
    k: Matrix3
    distortion: tuple[float, ...]
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

    corners_m: tuple[Vector3, ...]
    corners_px: tuple[PointPx | None, ...]
    size_m: Vector3


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
    visibility: Literal[0, 1, 2]
    position_m: Vector3
