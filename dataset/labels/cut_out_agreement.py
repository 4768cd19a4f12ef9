"""The check of pictures that show scans with clear surfaces (BLEND): the engine's pass is the label, but not blindly.

Engines that draw such surfaces as noise show less of them. So the engine may show less of such a scan and more of what
stands behind it, and nothing else may differ: no object reaches beyond its amodal shape, and what the cast sees of a
scan without alpha is there. A scene that was set up wrongly is found by that as it is in other pictures.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.pixel_window import grown
from scanstage.scenes.sight.label_rules import CHECKED_FROM_PX
from scanstage.scenes.sight.visibility import Visibility

MOST_BESIDE = 0.02
"""Share of an object's pixels; those within one pixel of where they should be don't count."""


def cut_out_disagreements(seen: Visibility, engine_ids: npt.NDArray[np.uint16], cut_out: Collection[int]) -> list[str]:
    """One sentence for each object that the engine shows where it can't be, or not where it must be.

    Args:
        seen: the cast of the picture's camera.
        engine_ids: (H, W) uint16, the engine's pass, through the lens.
        cut_out: instance ids of the scans that something shines through.
    """
    problems = []
    height, width = engine_ids.shape
    for s in seen.silhouettes:
        at, shown = f"instance {s.instance_id}", engine_ids == s.instance_id
        px, least = int(shown.sum()), s.visible_px
        beside = int((shown & ~grown(s.in_image(s.amodal, (height, width)))).sum())
        lost = 0 if s.instance_id in cut_out else int((s.in_image(s.modal, (height, width)) & ~grown(shown)).sum())
        if px >= CHECKED_FROM_PX and beside > MOST_BESIDE * px:
            problems.append(f"{at}: {beside} of the {px} px that the engine shows can't be there")
        elif least >= CHECKED_FROM_PX and lost > MOST_BESIDE * least:
            problems.append(f"{at}: {lost} of the {least} px that nothing hides are missing in the engine's pass")
    return problems
