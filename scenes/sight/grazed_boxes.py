"""Objects whose box a ray that grazes an edge decides: an engine may see one more pixel of them than the cast does.

Both cast single-precision rays through the pixel's centre, but along other transforms, so they differ where an edge
passes within a thousandth of a pixel. Mostly that moves an outline by a pixel. Where it lets a pixel of an object be
seen through a gap, far from all that is otherwise seen of it, its box is another one.

Looked at are pixels next to others of another id. What lies within one object, a crack in it that is thinner than a
pixel, isn't: that would take rays through all that is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.lens import is_equidistant
from scanstage.scenes.optics.pixel_window import grown, pixel_box
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.visibility import MISS, Caster, Silhouette, Visibility

GRAZE_PX = 0.002
"""How far beside a pixel's centre an engine may see what it shows there. Of 44 pixels in 48 pictures, 480 and 1440 px
wide, in which Cycles and the cast differed, half were within 0.0004 px, the farthest at 0.001 px; all of them are among
what eight rays see at twice that."""
_AROUND = GRAZE_PX * np.exp(2j * np.pi * np.arange(8) / 8)
"""Offsets from a pixel's centre at which it is looked for: x + i y, pixels."""


def has_grazed_box(plan: FramePlan, seen: Visibility, caster: Caster, instance_ids: Iterable[int]) -> bool:
    """Whether a ray next to the centre of a pixel sees an object of ``instance_ids`` more than 1 px beyond its box.

    What was seen through a lens that no engine has is never said to be: the engine renders an ideal camera then, whose
    cast isn't there before the plan is accepted, and would cost as much again.

    Args:
        plan, seen: a plan and its cast.
        caster: which made it.
        instance_ids: of the objects that are looked at.
    """
    camera = plan.camera
    if camera.lens is not None and not is_equidistant(camera):
        return False
    wanted = set(instance_ids)
    edges: npt.NDArray[np.bool_] | None = None
    for item, silhouette in zip(plan.objects, seen.silhouettes, strict=True):
        if item.instance_id not in wanted:
            continue
        beyond = _beyond_its_box(silhouette)
        if not beyond.any():
            continue
        edges = _edges(seen.instance_ids) if edges is None else edges
        x, y, w, h = silhouette.window_xywh
        rows, columns = np.nonzero(beyond & edges[y : y + h, x : x + w])
        if len(rows) and _is_seen_beside(plan, seen, caster, item, columns + x, rows + y):
            return True
    return False


def _beyond_its_box(silhouette: Silhouette) -> npt.NDArray[np.bool_]:
    """Pixels of the window that the object covers or touches, more than 1 px beyond the box of those that show it."""
    box, alone = pixel_box(silhouette.modal), pixel_box(silhouette.amodal)
    if box is None or box == alone:
        return np.zeros((0, 0), bool)
    x, y, w, h = box
    beyond = grown(silhouette.amodal)
    beyond[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1] = False
    return beyond


def _edges(ids: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Pixels with another id among the eight about them."""
    square = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(ids, square) != cv2.erode(ids, square))


def _is_seen_beside(
    plan: FramePlan,
    seen: Visibility,
    caster: Caster,
    item: ObjectPlan,
    columns: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> bool:
    """Whether ``item`` is nearest somewhere about the centres of (N,) pixels, which the cast gives to others."""
    u = (columns[:, None] + _AROUND.real).ravel()
    v = (rows[:, None] + _AROUND.imag).ravel()
    winners = np.repeat(seen.instance_ids[rows, columns], len(_AROUND))
    own = caster.object_depth(plan.camera, item, u, v)
    left = np.flatnonzero(own < MISS)

    def keep_nearer(other: ObjectPlan, asked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of the places ``asked`` where ``other`` isn't in front."""
        return asked[own[asked] < caster.object_depth(plan.camera, other, u[asked], v[asked])]

    others = [o for o in plan.objects if o is not item]
    # First what has the pixel: nearly always it is in front beside the centre, too.
    for other in others:
        theirs = winners[left] == other.instance_id
        if theirs.any():
            left = np.concatenate([left[~theirs], keep_nearer(other, left[theirs])])
    for other in others:
        if not len(left):
            return False
        left = keep_nearer(other, left)
    return bool((own[left] < caster.stage_depth(plan, u[left], v[left])).any())
