"""A lens that blurs what is far away as much as the panorama behind it is soft by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from scanstage.scenes.config.sections.camera_settings import DepthOfField
from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.plan import CameraPlan
from scanstage.scenes.values.draws import Draws

SOFTNESS_PX = 2.6
"""Diameter of the disc that blurs as an enlarged panorama's own pixels do, in these: a pixel's box has a variance of
1/12, the cubic B-spline between them 1/3, a disc of diameter d d²/16."""
MOST_AT_OBJECTS = 0.005
"""The middle of no object is blurred over more than this share of the picture's width: they are what it is about."""


def match_background(
    config: DepthOfField | None, camera: CameraPlan, objects: Iterable[Float], panorama_px: int | None, draws: Draws
) -> CameraPlan:
    """The camera with its pupil opened as far as the background's own softness asks for.

    A panorama of 1,024 pixels is enlarged fivefold behind a table. Sharp up to its edge and soft from there on, no lens
    shows things so; one that is open enough blurs the table's far end as well. The disc of a point at depth z has a
    diameter of fx * aperture * abs(1/z - 1/focus) pixels.

    Args:
        config: the configured part.
        camera: focused, with the pupil of its f-number, which is never made smaller.
        objects: (3,) middles of the labelled objects, metres, world frame.
        panorama_px: width of the panorama that is seen behind all, or None.
        draws: of the picture.
    """
    if config is None or panorama_px is None:
        return camera
    share = draws.number(config.match_background, "camera.depth_of_field.match_background")
    if share == 0:
        return camera
    # One of its pixels spans 2 pi / width, so fx times that in the picture; at infinity, fx cancels out.
    asked = share * SOFTNESS_PX * 2 * np.pi / panorama_px * camera.focus_m
    pose = np.array(camera.camera_to_world)
    depths = np.array([(o - pose[:3, 3]) @ pose[:3, 2] for o in objects])
    depths = depths[depths > camera.near_m]
    defocus = float(np.abs(1 / depths - 1 / camera.focus_m).max(initial=0.0)) * camera.fx
    most = MOST_AT_OBJECTS * camera.resolution_wh[0] / max(defocus, 1e-9)
    return replace(camera, aperture_m=max(camera.aperture_m, min(asked, most)))
