"""Labels and calibration as KITTI's text files.

KITTI's boxes in space stand upright: they turn about the camera's y axis alone, which is right for a camera that looks
level. Ours look down. So the frame of labels is that of a camera in the same place and with the same heading **that
looks level** (x right, y down along gravity, z ahead), and ``P2`` turns from there into the picture: K R in place of K.
Whoever projects with the whole matrix, as KITTI's own development kit does, gets pixels; who takes focal length and
principal point out of ``P2`` doesn't.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import CameraInfo

_Array = npt.NDArray[np.float64]
VISIBLE, HALF_HIDDEN = 0.9, 0.5
"""From these shares of it on, an object is taken for fully visible, and for partly occluded."""


@dataclass(frozen=True)
class UprightBox:
    """A box that stands on its lower side.

    Attributes:
        size_hwl: height, width and length, metres; the length is along x where ``rotation_y`` is 0.
        bottom: (3,) middle of the lower side in the level camera's frame, metres.
        rotation_y: about that frame's y axis, radians, -pi to pi.
    """

    size_hwl: tuple[float, float, float]
    bottom: tuple[float, float, float]
    rotation_y: float

    @property
    def alpha(self) -> float:
        """The angle at which it is observed: its own turn less the direction to it."""
        return _wrapped(self.rotation_y - float(np.arctan2(self.bottom[0], self.bottom[2])))


def level_from_camera(camera: CameraInfo) -> _Array:
    """(3, 3) rotation from the camera's frame to that of the level one in its place; a camera that looks straight down
    heads where the picture's upper side is."""
    turned = np.array(camera.camera_to_world)[:3, :3]
    down = np.array([0.0, 0.0, -1.0])
    ahead = turned[:, 2] - turned[:, 2] @ down * down
    if np.linalg.norm(ahead) < 1e-6:
        ahead = -turned[:, 1] + turned[:, 1] @ down * down
    ahead /= np.linalg.norm(ahead)
    level = np.stack([np.cross(down, ahead), down, ahead])  # rows: its axes in the world
    return np.asarray(level @ turned)


def upright_box(instance: Instance, level: _Array) -> UprightBox | None:
    """The smallest upright box about the object's own box, with the heading of its longest level edge.

    The object's own where it stands; more than that where it leans. None of an object without a box.
    """
    if instance.box_3d is None:
        return None
    corners = np.array(instance.box_3d.corners_m) @ level.T
    edges = np.stack([corners[1 << axis] - corners[0] for axis in range(3)])
    flat = edges[:, [0, 2]]
    longest = flat[int(np.linalg.norm(flat, axis=1).argmax())]
    rotation_y = float(np.arctan2(-longest[1], longest[0]))
    c, s = np.cos(rotation_y), np.sin(rotation_y)
    along = corners @ np.array([c, 0, -s])
    across = corners @ np.array([s, 0, c])
    height = corners[:, 1]
    a, b = ((v.max() + v.min()) / 2 for v in (along, across))
    bottom = (float(c * a + s * b), float(height.max()), float(-s * a + c * b))
    size = (float(np.ptp(height)), float(np.ptp(across)), float(np.ptp(along)))
    return UprightBox(size, bottom, _wrapped(rotation_y))


def label_line(instance: Instance, type_: str, level: _Array) -> str:
    """A line of ``label_2``. Boxes in the picture are by their edges, from 0 on; KITTI's kit takes widths likewise."""
    x, y, w, h = instance.bbox_xywh
    edges = f"{x:.2f} {y:.2f} {x + w:.2f} {y + h:.2f}"
    box = None if instance.ignore else upright_box(instance, level)
    if box is None:
        return f"DontCare -1 -1 -10 {edges} -1 -1 -1 -1000 -1000 -1000 -10\n"
    shown = instance.visible_fraction
    occluded = 0 if shown >= VISIBLE else 1 if shown >= HALF_HIDDEN else 2
    head = f"{type_} {instance.truncated_fraction:.2f} {occluded} {box.alpha:.4f} {edges}"
    numbers = (*box.size_hwl, *box.bottom, box.rotation_y)
    return f"{head} {' '.join(f'{v:.4f}' for v in numbers)}\n"


def calib_text(camera: CameraInfo, level: _Array) -> str:
    """The file of ``calib``; there is one camera, which is all four, and no lidar: its frame is the level camera's."""
    projection = np.column_stack([np.array(camera.k) @ level.T, np.zeros(3)])
    lines = [f"P{i}: {_numbers(projection)}" for i in range(4)]
    # Points of a lidar (x ahead, y left, z up) in the level camera's place.
    to_camera = np.array([[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    lines += [f"R0_rect: {_numbers(np.eye(3))}", f"Tr_velo_to_cam: {_numbers(to_camera)}"]
    return "\n".join([*lines, f"Tr_imu_to_velo: {_numbers(np.eye(4)[:3])}", "", ""])


def _numbers(matrix: _Array) -> str:
    return " ".join(f"{v:.12e}" for v in matrix.ravel())


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
