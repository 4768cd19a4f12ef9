"""What makes a plan unfit for use as a whole, whatever the keep policy says of single objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.optics.pixel_window import hangs_by_a_pixel
from scanstage.scenes.plan import FramePlan, Matrix4
from scanstage.scenes.sight.grazed_boxes import has_grazed_box
from scanstage.scenes.sight.label_rules import CHECKED_FROM_PX, Judgement
from scanstage.scenes.sight.visibility import Caster, Visibility

TOO_NEAR = 0.08
"""Nothing may stand nearer to the camera than this share of its distance to the centre of what it frames."""

FRAGILE_FROM_PX = 16
"""Objects of fewer pixels, where someone wants them labelled, always hang by some."""


def is_amid_objects(plan: FramePlan) -> bool:
    """Whether the camera was placed by one object or by the midst of all, so that objects may be anywhere."""
    return "framing" in plan.factors["camera"]


def find_flaw(
    plan: FramePlan,
    seen: Visibility,
    judged: Sequence[Judgement],
    bounds: Callable[[str], Float],
    caster: Caster,
) -> str | None:
    """Why a plan can't be used; None where it can.

    A picture that is to show no labelled object needs no label.

    Args:
        plan: of the picture, with its camera.
        seen, judged: its cast, and what becomes of its objects.
        bounds: gives an asset's lowest and highest corner, (2, 3), metres, asset frame.
        caster: which cast the plan.
    """
    if is_amid_objects(plan) and stands_in_an_object(plan, bounds):
        return "the camera stands in an object"
    if _stands_in(plan, [(part.asset_id, part.object_to_world) for part in plan.surfaces], bounds):
        return "the camera stands in a part of the stage"
    if seen.nearest_m < TOO_NEAR * plan.factors["camera"]["distance_m"]:
        return "something stands right in front of the camera"
    if any(o.class_name is not None for o in plan.objects) and not any(j.fate == "label" for j in judged):
        return "no object is visible enough for a label"
    if _has_fragile_box(plan, seen, judged, caster):
        return "the box of an object hangs by a single pixel"
    return None


def stands_in_an_object(plan: FramePlan, bounds: Callable[[str], Float]) -> bool:
    """Whether the camera stands within the box of an object, in that object's own frame."""
    return _stands_in(plan, [(item.asset_id, item.object_to_world) for item in plan.objects], bounds)


def _stands_in(plan: FramePlan, solids: Sequence[tuple[str, Matrix4]], bounds: Callable[[str], Float]) -> bool:
    """The same of any assets, each where its matrix puts it."""
    eye = np.array(plan.camera.camera_to_world)[:, 3]
    for asset_id, to_world in solids:
        low, high = bounds(asset_id)
        local = (np.linalg.inv(np.array(to_world)) @ eye)[:3]
        if ((local >= low) & (local <= high)).all():
            return True
    return False


def _has_fragile_box(plan: FramePlan, seen: Visibility, judged: Sequence[Judgement], caster: Caster) -> bool:
    """Whether a ray that grazes an object decides its box: an engine may see it otherwise, and fail the picture."""
    checked = [
        j for j in judged if j.silhouette.visible_px >= (FRAGILE_FROM_PX if j.fate == "label" else CHECKED_FROM_PX)
    ]
    if any(hangs_by_a_pixel(j.silhouette.modal) for j in checked):
        return True
    return has_grazed_box(plan, seen, caster, (j.item.instance_id for j in checked))
