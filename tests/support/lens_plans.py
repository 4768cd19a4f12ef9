"""Plans seen through lenses that no engine has."""

from __future__ import annotations

import numpy as np

from scanstage.scenes.optics.geometry import look_at, to_matrix4, transform
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, LensPlan, ObjectPlan, PostPlan, WorldPlan

POSE = to_matrix4(look_at(np.array([0.0, -0.6, 0.3]), np.zeros(3)))


LENSES = [
    (LensPlan("brown_conrady", (-0.3, 0.09, 0.002, -0.003, 0.0, 0.0, 0.0, 0.0)), 300.0),
    (LensPlan("brown_conrady", (0.15, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)), 400.0),
    (LensPlan("brown_conrady", (-0.25, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)), 110.0),  # too wide for a pinhole
    (LensPlan("fisheye", (0.02, -0.005, 0.0, 0.0)), 190.0),
]


def plan_of(lens: LensPlan | None, focal: float) -> FramePlan:
    cam = CameraPlan((320, 240), focal, focal, 158.0, 122.5, POSE, lens=lens)
    places = [(0.0, 0.0, -0.05), (-0.25, 0.1, 0.0), (0.2, -0.1, 0.0), (0.2, 0.3, 0.1), (-0.2, -0.15, -0.1)]
    objects = tuple(
        ObjectPlan(i + 1, "box/toy", "box", to_matrix4(transform(np.eye(3), np.array(p), 1.5)))
        for i, p in enumerate(places)
    )
    return FramePlan(0, 0, cam, (), WorldPlan(None, 0, 1), BackgroundPlan("hdri"), (), objects, PostPlan())
