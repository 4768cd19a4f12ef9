"""Depth of field and motion blur: put on a scene for its beauty render, and taken off again."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Matrix, Quaternion, Vector

from ..exchange.plan_types import MotionJson, PlanJson
from .blender_camera import apply_aperture, blender_pose

# Parts of the exposure at which poses are given. Cycles asks for exactly these, so that how Blender interpolates
# between them doesn't matter.
_TIMES = (-0.5, 0.0, 0.5)


def is_blurred(plan: PlanJson) -> bool:
    """Whether a ``FramePlan`` as JSON has depth of field, or anything that moves during the exposure."""
    return bool(plan["camera"]["aperture_m"] > 0 or is_moving(plan))


def is_moving(plan: PlanJson) -> bool:
    """Whether anything moves during the exposure, or the camera does."""
    return plan["camera"]["motion"] is not None or any(o["motion"] is not None for o in plan["objects"])


class Blur:
    """The blur of one scene.

    Args:
        scene: the scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._frame = scene.frame_current
        self._moving: list[tuple[Any, str]] = []  # objects and their rotation modes
        render = scene.render
        self._use_motion_blur(False)
        render.motion_blur_shutter = 1.0
        for owner in (render, scene.cycles, scene.eevee):  # it moved from the engines to the render in 4.2
            if hasattr(owner, "motion_blur_position"):
                owner.motion_blur_position = "CENTER"
        if hasattr(scene.eevee, "motion_blur_shutter"):
            scene.eevee.motion_blur_shutter = 1.0

    def put_on(self, camera: Any, holders: list[Any], plan: PlanJson) -> None:
        """Blur what stands as the plan says.

        Args:
            camera: the camera object.
            holders: objects of ``plan["objects"]``, in that order.
            plan: the ``FramePlan``.
        """
        if plan["camera"]["aperture_m"] > 0:
            apply_aperture(camera.data, plan["camera"])
        if plan["camera"]["motion"] is not None:
            self._move(camera, blender_pose(plan["camera"]), plan["camera"]["motion"])
        for holder, shown in zip(holders, plan["objects"], strict=True):
            if shown["motion"] is not None:
                holder.cycles.use_motion_blur = True
                pose = Matrix(shown["object_to_world"])
                pose.translation = holder.matrix_world.translation  # glass is set in a little
                self._move(holder, pose, shown["motion"])
        if self._moving:
            self._use_motion_blur(True)
            for present in self._scene.collection.objects:
                present.update_tag()  # else 3.4 renders what stands still without its properties: black

    def take_off(self, camera: Any) -> None:
        """Leave nothing of it to the next picture."""
        camera.data.dof.use_dof = False
        self._use_motion_blur(False)
        for moved, rotation_mode in self._moving:
            moved.rotation_mode = rotation_mode
            action = moved.animation_data.action
            moved.animation_data_clear()
            bpy.data.actions.remove(action)
            if moved.type == "MESH":
                moved.cycles.use_motion_blur = False
        self._moving.clear()

    def _move(self, moved: Any, pose: Any, motion: MotionJson) -> None:
        """Give poses at the opening, the middle and the closing of the shutter."""
        self._moving.append((moved, moved.rotation_mode))
        moved.rotation_mode = "QUATERNION"
        location, rotation, scale = pose.decompose()
        turn = Vector(motion["rotation"])
        moved.scale = scale
        for time in _TIMES:
            moved.location = location + time * Vector(motion["translation_m"])
            angle = turn.length * time
            moved.rotation_quaternion = (Quaternion(turn, angle) if angle else Quaternion()) @ rotation
            for path in ("location", "rotation_quaternion"):
                moved.keyframe_insert(path, frame=self._frame + time)

    def _use_motion_blur(self, on: bool) -> None:
        self._scene.render.use_motion_blur = on
        if hasattr(self._scene.eevee, "use_motion_blur"):
            self._scene.eevee.use_motion_blur = on
