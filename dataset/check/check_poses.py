"""Do a record's camera, poses, boxes and keypoints in three dimensions agree with its plan and with each other?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanstage.dataset.check.finding import Faults
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import Box3d, Pose, camera_info
from scanstage.dataset.records.record import Record
from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import CameraPlan

TOLERANCE = 1e-6
"""On rotations, and on lengths relative to the distance from the camera."""
TOLERANCE_PX = 0.02
BOX_SLACK_PX = 1.0


def check_poses(record: Record) -> Faults:
    """All that a record says in three dimensions."""
    camera = record.plan.camera
    if record.camera != camera_info(camera):
        yield "camera", "its camera is not that of its plan"
    placed = {o.instance_id: o.object_to_world for o in record.plan.objects}
    world_to_camera = _inverse(camera)
    for instance in record.instances:
        if instance.pose is not None and instance.object_id in placed:
            expected = np.array(placed[instance.object_id])
            yield from _check_pose(instance.instance_id, instance.pose, expected, world_to_camera)
        if instance.box_3d is not None:
            yield from _check_box(instance, instance.box_3d, record)
        yield from _check_keypoints(instance, camera)


def _inverse(camera: CameraPlan) -> Float:
    try:
        return np.asarray(np.linalg.inv(np.array(camera.camera_to_world)))
    except np.linalg.LinAlgError:
        return np.full((4, 4), np.nan)


def _check_pose(instance_id: int, pose: Pose, object_to_world: Float, world_to_camera: Float) -> Faults:
    at = f"instance {instance_id}"
    if not np.array_equal(np.array(pose.object_to_world), object_to_world):
        yield "pose", f"{at}: its pose's object_to_world is not the plan's"
    rotation = np.array(pose.rotation)
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=TOLERANCE) or not np.linalg.det(rotation) > 0:
        yield "pose", f"{at}: its pose's rotation is not a rotation"
    to_camera = world_to_camera @ object_to_world
    reach = TOLERANCE * (1 + float(np.abs(to_camera).max()))
    if not np.allclose(rotation * pose.scale, to_camera[:3, :3], rtol=0, atol=reach):
        yield "pose", f"{at}: its rotation and scale are not those of its object_to_world in the camera"
    if not np.allclose(np.array(pose.translation_m), to_camera[:3, 3], rtol=0, atol=reach):
        yield "pose", f"{at}: its translation is not that of its object_to_world in the camera"


def _check_box(instance: Instance, box: Box3d, record: Record) -> Faults:
    at, camera = f"instance {instance.instance_id}", record.plan.camera
    if len(box.corners_m) != 8 or len(box.corners_px) != 8:
        yield "box-3d", f"{at}: its 3D box has {len(box.corners_m)} corners, 8 expected"
        return
    corners, size = np.array(box.corners_m), np.array(box.size_m)
    bits = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)], np.float64)
    axes = np.eye(3) if instance.pose is None else np.array(instance.pose.rotation)
    reach = TOLERANCE * (1 + float(np.abs(corners).max()))
    if instance.pose is not None and not np.allclose(corners, corners[0] + bits * size @ axes.T, rtol=0, atol=reach):
        yield "box-3d", f"{at}: the corners of its 3D box don't fit its size and rotation"
    if not (size >= 0).all():
        yield "box-3d", f"{at}: its 3D box has a negative size {box.size_m}"
    if (text := _misprojected(camera, corners, box.corners_px)) is not None:
        yield "box-3d", f"{at}: 3D box: corner {text}"
        return
    seen = [p for p in box.corners_px if p is not None]
    # Through a lens edges are curved, and an engine's pass may show a pixel more than the cast.
    if len(seen) == 8 and camera.lens is None and record.label_source == "cast":
        x, y, w, h = instance.bbox_amodal_xywh
        low, high = np.min(seen, axis=0) - BOX_SLACK_PX, np.max(seen, axis=0) + BOX_SLACK_PX
        if x < low[0] or y < low[1] or x + w > high[0] or y + h > high[1]:
            yield "box-3d", f"{at}: its amodal box {[x, y, w, h]} leaves its projected 3D box"


def _misprojected(camera: CameraPlan, points: Float, given: Sequence[tuple[float, float] | None]) -> str | None:
    """The first of some points in the camera's frame whose projection is not the given one, in words."""
    for i, (p, xy) in enumerate(zip(project_local(camera, points), given, strict=True)):
        can_be = bool(np.isfinite(p[:2]).all())
        if xy is None:
            if can_be and points[i][2] > camera.near_m:
                return f"{i} has no projection, but it is at {p[0]:.2f}, {p[1]:.2f}"
        elif not can_be or not np.abs(p[:2] - xy).max() <= TOLERANCE_PX * max(1.0, float(np.abs(p[:2]).max()) / 1e4):
            return f"{i} is said to be at {xy[0]:.2f}, {xy[1]:.2f}, but projects to {p[0]:.2f}, {p[1]:.2f}"
    return None


def _check_keypoints(instance: Instance, camera: CameraPlan) -> Faults:
    width, height = camera.resolution_wh
    names = [k.name for k in instance.keypoints]
    if len(set(names)) != len(names):
        yield "keypoint", f"instance {instance.instance_id}: names a keypoint twice: {', '.join(names)}"
    for k in instance.keypoints:
        at = f"instance {instance.instance_id}: keypoint {k.name}"
        inside = k.xy_px is not None and 0 <= k.xy_px[0] < width and 0 <= k.xy_px[1] < height
        if inside != (k.visibility > 0):
            where = "inside" if inside else "outside"
            yield "keypoint", f"{at}: has the flag {k.visibility}, but it is {where} the image"
        if (text := _misprojected(camera, np.array([k.position_m]), [k.xy_px])) is not None:
            yield "keypoint", f"{at}: point {text}"
