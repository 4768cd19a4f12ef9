"""What the camera sees of the parts of objects: which face a ray meets first says which part a pixel is of.

Parts of an object share its pixels out: each is of one part, or of none and so of the whole alone. How much of a part
is visible is told by its faces, cast alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetPart, MeshArrays
from scanstage.assets.library.openings import Openings
from scanstage.assets.library.part_meshes import faces_alone, part_of_faces
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.optics.pixel_window import Box, pixel_box, union
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.cut_scene import CutScene
from scanstage.scenes.sight.visibility import MISS, CastAlone, Caster, Silhouette, Visibility

PartsSource = Callable[[str], tuple[AssetPart, ...]]
"""Of an asset's id."""
Ids = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]
MOST_IDS = 65535
_MARK = "#"  # no asset's id has it


@dataclass(frozen=True)
class PartSight:
    """A part of an object of which the camera could see something if the object were alone.

    Attributes:
        instance_id: unique in the picture; no engine knows it.
        part_of: the object's.
        name, class_name: of the part, see :class:`asset.AssetPart`.
        bounds: (2, 3) lowest and highest corner of its mesh, metres, asset frame.
        window_xywh: part of the image that the masks cover.
        front: (h, w) bool, pixels where it is the nearest of the object alone.
        amodal: (h, w) bool, pixels that the part alone would cover.
        outside_px, amodal_box_xywh: see :class:`visibility.Silhouette`, of the part alone.
    """

    instance_id: int
    part_of: int
    name: str
    class_name: str
    bounds: Float
    window_xywh: Box
    front: Mask
    amodal: Mask
    outside_px: int
    amodal_box_xywh: Box | None

    def silhouette(self, ids: Ids) -> Silhouette:
        """The part as it is seen, where ``ids`` is the (H, W) map of the nearest objects."""
        x, y, w, h = self.window_xywh
        modal = self.front & (ids[y : y + h, x : x + w] == self.part_of)
        return Silhouette(self.instance_id, self.window_xywh, self.amodal, modal, self.outside_px, self.amodal_box_xywh)


@dataclass(frozen=True)
class SeenParts:
    """Parts of the labelled objects of a picture.

    Attributes:
        parts: of each object in the plan's order.
        wholes: instance ids of the objects that have any, seen or not.
    """

    parts: tuple[PartSight, ...] = ()
    wholes: frozenset[int] = frozenset()

    def ids(self, ids: Ids) -> Ids:
        """(H, W) a map of the nearest objects, with the ids of parts where these are."""
        found = ids.copy()
        for part in self.parts:
            x, y, w, h = part.window_xywh
            found[y : y + h, x : x + w][part.silhouette(ids).modal] = part.instance_id
        return found


NO_PARTS = SeenParts()


class PartCaster:
    """Casts the parts of objects.

    Args:
        caster: of the objects.
        parts: gives those of an asset.
    """

    def __init__(self, caster: Caster, parts: PartsSource) -> None:
        self._caster, self._parts = caster, parts
        self._alone = Caster(self._mesh, self._openings)

    def see(self, plan: FramePlan, seen: Visibility) -> SeenParts:
        """The parts of a plan's labelled objects. Raises InputError where there are too many.

        Args:
            plan: of the picture.
            seen: its cast.
        """
        found: list[PartSight] = []
        wholes: set[int] = set()
        first = max((o.instance_id for o in plan.objects), default=0) + 1
        for item, silhouette in zip(plan.objects, seen.silhouettes, strict=True):
            parts = self._parts(item.asset_id) if item.class_name is not None else ()
            if not parts:
                continue
            wholes.add(item.instance_id)
            found += self._of_object(plan, item, silhouette.window_xywh, parts, first)
            first += len(parts)
            if first > MOST_IDS + 1:
                what = f"picture {plan.index}: its objects have more than {MOST_IDS:,} parts"
                raise InputError(what, "show fewer objects (objects.count), or leave parts out (labels.parts: none)")
        return SeenParts(tuple(found), frozenset(wholes))

    def _of_object(
        self, plan: FramePlan, item: ObjectPlan, window: Box, parts: tuple[AssetPart, ...], first: int
    ) -> list[PartSight]:
        face = self._caster.faces_alone(plan.camera, item, window)
        of_pixel = np.append(self._part_of(item.asset_id), -1)[face]  # the last for what is no face, -1
        found = []
        for number in np.unique(of_pixel[of_pixel >= 0]).tolist():
            key, part = f"{item.asset_id}{_MARK}{number}", parts[number]
            shot = self._alone.cast_alone(plan.camera, replace(item, asset_id=key))
            vertices = self._alone.shapes[key].mesh.vertices
            bounds = np.stack([vertices.min(axis=0), vertices.max(axis=0)]).astype(np.float64)
            seen_as = (first + number, item.instance_id, part.name, part.class_name, bounds)
            found.append(PartSight(*seen_as, *_masks(of_pixel == number, window, shot)))
        return found

    def _part_of(self, asset_id: str) -> npt.NDArray[np.int32]:
        return part_of_faces(self._caster.shapes[asset_id].mesh, self._parts(asset_id))

    def _mesh(self, key: str) -> MeshArrays:
        asset_id, _, number = key.rpartition(_MARK)
        return faces_alone(self._caster.shapes[asset_id].mesh, self._part_of(asset_id) == int(number))

    def _openings(self, key: str, mesh: MeshArrays) -> Openings | None:
        scene = self._caster.shapes[key.rpartition(_MARK)[0]].scene
        return replace(scene.openings[0], mesh=mesh) if isinstance(scene, CutScene) else None


def _masks(front: Mask, window: Box, shot: CastAlone) -> tuple[Box, Mask, Mask, int, Box | None]:
    """The last five fields of a :class:`PartSight`.

    Where the object shows the part, the part alone is there too, even if the last bit of a ray at its rim says else.
    """
    whole = union(b for b in (window, shot.window) if b[2])
    assert whole is not None
    x, y, w, h = whole
    masks = []
    for mask, (left, top, width, height) in ((front, window), (shot.depth < MISS, shot.window)):
        placed = np.zeros((h, w), bool)
        placed[top - y : top - y + height, left - x : left - x + width] = mask
        masks.append(placed)
    amodal = masks[0] | masks[1]
    box = union(b for b in (shot.amodal_box, pixel_box(masks[0], (x, y))) if b is not None)
    return whole, masks[0], amodal, shot.outside_px, box
