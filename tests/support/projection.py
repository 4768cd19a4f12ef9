"""Where the camera of a plan sees points of the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float, apply
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import CameraPlan


def project(camera: CameraPlan, points_world: npt.NDArray[Any]) -> Float:
    """(N, 3) world points as :func:`lens.project_local` gives them: x and y in pixels, and depth in metres."""
    return project_local(camera, apply(np.linalg.inv(np.array(camera.camera_to_world)), points_world))
