"""From an ideal camera's passes to those of a lens with distortion: every pass goes through the same map."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.render.engine.passes import Passes
from scanstage.render.engine.soft_masks import resample_soft_masks
from scanstage.scenes.optics.ideal_camera import lens_map
from scanstage.scenes.optics.lens import image_rays
from scanstage.scenes.plan import CameraPlan

Float32Array = npt.NDArray[np.float32]

SMALLEST = 1e-6


def through_lens(passes: Passes, source: CameraPlan, camera: CameraPlan) -> Passes:
    """Resample passes of ``source`` to the pixels of ``camera``, which stands at the same place.

    Radiance, coverage and soft masks are interpolated. Ids are those of the nearest pixel. Depth and normals are
    interpolated within one object, and the nearest pixel's along outlines. Where the lens sees nothing the picture is
    black.

    Args:
        passes: as the engine rendered them.
        source: the camera that it rendered (:func:`ideal_camera.engine_camera`).
        camera: that of the picture.
    """
    if source is camera or source == camera:
        return passes
    assert camera.lens is not None
    # Where a fisheye stood in for a lens whose depth is planar, the engine's distances are along rays.
    along_rays = passes.depth_m is not None and source.lens is not None and camera.lens.model != "fisheye"
    rendered, wanted = _optics(source), _optics(camera)
    grid, ray_lengths = _geometry(rendered, wanted, along_rays)
    dark = np.isnan(grid[..., 0])
    # cv2.remap counts from the centre of the first pixel.
    where = np.where(dark[..., None], np.float32(-1e4), grid - np.float32(0.5)).astype(np.float32)
    column, row = (np.clip(np.nan_to_num(np.floor(grid[..., i])), 0, passes.alpha.shape[1 - i] - 1) for i in (0, 1))
    nearest = (row.astype(np.intp), column.astype(np.intp))
    ids = np.where(dark, np.uint16(0), passes.instance_ids[nearest])
    alpha = np.clip(cv2.remap(passes.alpha, where, None, cv2.INTER_LINEAR), 0.0, 1.0)
    inner = _inside_one_object(passes.instance_ids, nearest)
    depth, normals = passes.depth_m, passes.normals
    if depth is not None:
        depth = _within_objects(depth, where, nearest, inner)
        depth = depth if ray_lengths is None else np.asarray(depth / ray_lengths, np.float32)
        depth = np.where(dark, np.float32(np.inf), depth)
    if normals is not None:
        normals = np.where(dark[..., None], np.float32(0), _within_objects(normals, where, nearest, inner))
    return replace(
        passes,
        radiance=_radiance(passes.radiance, where),
        alpha=np.where(dark, np.float32(1), alpha),
        instance_ids=ids,
        depth_m=depth,
        normals=normals,
        soft_masks=passes.soft_masks and resample_soft_masks(passes.soft_masks, where),
    )


def _radiance(radiance: Float32Array, where: Float32Array) -> Float32Array:
    """Bicubic, in a compressed domain ``x / (x + bright)`` in which lamps do not ring into their surroundings.

    ``bright`` is what a thousandth of the lit values exceed: what is no lamp is interpolated nearly as it is.
    """
    positive = np.maximum(radiance, 0.0)
    lit = positive[positive > SMALLEST]
    bright = np.float32(np.percentile(lit, 99.9) if lit.size else 1.0)
    compressed = cv2.remap(positive / (positive + bright), where, None, cv2.INTER_CUBIC)
    compressed = np.clip(compressed, 0.0, 0.99999)
    return np.asarray(bright * compressed / (1.0 - compressed), np.float32)


def _inside_one_object(
    ids: npt.NDArray[np.uint16], nearest: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
) -> npt.NDArray[np.bool_]:
    """Where all pixels about the nearest one show the same object."""
    kernel = np.ones((3, 3), np.uint8)
    alike = cv2.dilate(ids, kernel) == cv2.erode(ids, kernel)
    return np.asarray(alike[nearest])


def _within_objects(
    values: Float32Array,
    where: Float32Array,
    nearest: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    inner: npt.NDArray[np.bool_],
) -> Float32Array:
    smooth = cv2.remap(np.where(np.isfinite(values), values, np.float32(1e30)), where, None, cv2.INTER_LINEAR)
    exact = values[nearest]
    # Depth jumps within an object as well, where a handle passes before a mug: nothing between is true there. Where
    # nothing is (infinity), everything would be close.
    close = np.isfinite(exact) & (np.abs(smooth - exact) <= 0.02 * np.abs(exact) + SMALLEST)
    if values.ndim == 3:
        return np.where(inner[..., None], smooth, exact)
    return np.where(inner & close, smooth, exact)


_NOWHERE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def _optics(camera: CameraPlan) -> CameraPlan:
    """The camera without its place, which the map does not depend on."""
    return replace(
        camera, camera_to_world=_NOWHERE, near_m=0.01, far_m=1000.0, aperture_m=0.0, focus_m=1.0, motion=None
    )


@lru_cache(maxsize=2)
def _geometry(source: CameraPlan, camera: CameraPlan, with_rays: bool) -> tuple[Float32Array, Float32Array | None]:
    """Where in ``source`` each pixel of ``camera`` lies, (H, W, 2); and if asked for, (H, W), how long a ray of planar
    depth 1 is there."""
    grid = lens_map(camera, source)
    if not with_rays:
        return grid, None
    lengths = np.linalg.norm(image_rays(camera), axis=-1)
    return grid, np.nan_to_num(lengths, nan=1.0).astype(np.float32)
