"""What an engine renders for a camera whose lens no engine has: an ideal camera that sees at least as much.

The picture is made from its render by resampling (:mod:`lens_resample`). The ideal camera is a pinhole, or, for
views too wide for one, an equidistant fisheye.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float, to_matrix4
from scanstage.scenes.optics.lens import image_rays, is_equidistant, project_local, rays
from scanstage.scenes.plan import CameraPlan, LensPlan

MARGIN_PX = 3
"""Rendered beyond the outermost ray, for interpolation."""
MOST_PIXELS = 3.0
"""A pinhole that needs more pixels than this multiple of the picture's gives way to a fisheye; none renders more."""
SAMPLED = 48
EQUIDISTANT = LensPlan("fisheye", (0.0, 0.0, 0.0, 0.0))


def engine_camera(camera: CameraPlan) -> CameraPlan:
    """The camera that an engine renders: ``camera`` itself where an engine has its lens.

    Its resolution is such that hardly any part of the picture is magnified when it is resampled.
    """
    if camera.lens is None or is_equidistant(camera):
        return camera
    ideal = _ideal(camera.resolution_wh, camera.fx, camera.fy, camera.cx, camera.cy, camera.lens)
    return replace(
        camera,
        resolution_wh=ideal.resolution_wh,
        fx=ideal.fx,
        fy=ideal.fy,
        cx=ideal.cx,
        cy=ideal.cy,
        lens=ideal.lens,
    )


@lru_cache(maxsize=4)
def _ideal(resolution_wh: tuple[int, int], fx: float, fy: float, cx: float, cy: float, lens: LensPlan) -> CameraPlan:
    """The engine's camera, at the origin: the same for every picture of a calibrated camera."""
    camera = CameraPlan(resolution_wh, fx, fy, cx, cy, to_matrix4(np.eye(4)), lens=lens)
    width, height = resolution_wh
    found = image_rays(camera).reshape(-1, 3)
    found = found[np.isfinite(found[:, 0])]
    most = MOST_PIXELS * width * height
    if lens.model == "brown_conrady":
        pinhole = _pinhole(camera, found)
        if pinhole.resolution_wh[0] * pinhole.resolution_wh[1] <= most:
            return pinhole
    return _fisheye(camera, found, most)


def lens_map(camera: CameraPlan, source: CameraPlan) -> npt.NDArray[np.float32]:
    """(H, W, 2) float32: where in the image of ``source`` each pixel's centre of ``camera`` lies, in its pixels.

    Pixel coordinates are continuous, as everywhere; NaN where the lens sees nothing.
    """
    width, height = camera.resolution_wh
    return project_local(source, image_rays(camera).reshape(-1, 3))[:, :2].reshape(height, width, 2).astype(np.float32)


def _pinhole(camera: CameraPlan, found: Float) -> CameraPlan:
    scale = 1.0 / _least_magnification(camera, replace(camera, lens=None))
    fx, fy = camera.fx * scale, camera.fy * scale
    x, y = found[:, 0] * fx, found[:, 1] * fy
    left, top = x.min() - 0.5 - MARGIN_PX, y.min() - 0.5 - MARGIN_PX
    size = (math.ceil(x.max() + 0.5 + MARGIN_PX - left), math.ceil(y.max() + 0.5 + MARGIN_PX - top))
    return replace(camera, resolution_wh=size, fx=fx, fy=fy, cx=float(-left), cy=float(-top), lens=None)


def _fisheye(camera: CameraPlan, found: Float, most: float) -> CameraPlan:
    focal = max(camera.fx, camera.fy)
    unit = replace(camera, fx=focal, fy=focal, lens=EQUIDISTANT)
    focal = focal / _least_magnification(camera, unit)
    plane = np.abs(project_local(replace(unit, fx=1.0, fy=1.0, cx=0.0, cy=0.0), found)[:, :2]).max(axis=0)
    focal *= min(1.0, math.sqrt(most / (4 * plane[0] * plane[1])) / focal)
    width, height = (2 * math.ceil(focal * reach + 0.5 + MARGIN_PX) for reach in plane)
    return replace(
        camera,
        resolution_wh=(width, height),
        fx=focal,
        fy=focal,
        cx=width / 2,
        cy=height / 2,
        lens=EQUIDISTANT,
    )


def _least_magnification(camera: CameraPlan, source: CameraPlan) -> float:
    """The 5th percentile, over the image, of how many pixels of ``source`` lie in one pixel of ``camera`` where that is
    least: the smaller singular value of the map's Jacobian, by central differences."""
    width, height = camera.resolution_wh
    columns, rows = (
        g.ravel() for g in np.meshgrid(np.linspace(1, width - 2, SAMPLED), np.linspace(1, height - 2, SAMPLED))
    )

    def at(dx: float, dy: float) -> Float:
        # Half a pixel beside whole ones: computed, not looked up.
        return project_local(source, rays(camera, columns + dx - 0.25, rows + dy - 0.25))[:, :2]

    jacobian = np.stack([at(0.5, 0) - at(-0.5, 0), at(0, 0.5) - at(0, -0.5)], axis=-1)
    jacobian = jacobian[np.isfinite(jacobian).all(axis=(1, 2))]
    if not len(jacobian):
        return 1.0
    return max(float(np.percentile(np.linalg.svd(jacobian, compute_uv=False)[:, 1], 5)), 0.05)
