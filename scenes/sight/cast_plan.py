"""A picture as it is planned: its plan, and what its camera sees of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.sight.part_sight import NO_PARTS, SeenParts
from scanstage.scenes.sight.seen_keypoints import KeypointLabel
from scanstage.scenes.sight.visibility import Visibility


@dataclass(frozen=True)
class Planned:
    """A plan and what its camera sees.

    Attributes:
        engine_plan: what an engine renders: the plan, with an ideal camera where no engine has its lens.
        engine_ids: (h, w) uint16, the cast of ``engine_plan``, which the engine's instance pass is compared with.
        bounds: asset id to the lowest and highest corner of its mesh, (2, 3), metres, asset frame; labelled scans.
        keypoints: instance id to its named points, where its asset has any.
        refused: attempts before this one, by why they were refused.
        parts: of its objects; none where they aren't to be labelled.
    """

    plan: FramePlan
    seen: Visibility
    engine_plan: FramePlan
    engine_ids: npt.NDArray[np.uint16]
    bounds: dict[str, Float]
    keypoints: dict[int, tuple[KeypointLabel, ...]]
    refused: dict[str, int] = field(default_factory=dict)
    parts: SeenParts = NO_PARTS


@dataclass(frozen=True)
class CastPlan:
    """A plan that nothing speaks against, cast, and what its camera sees.

    Attributes:
        refused: attempts before this one, by why they were refused.
    """

    plan: FramePlan
    seen: Visibility
    refused: dict[str, int] = field(default_factory=dict)
