"""What the camera sees of a plan, known before anything is rendered: one ray through every pixel centre.

Every object is cast alone, in its own frame, through the pixels that its projection can reach; the nearest of all
hits wins a pixel. That gives modal and amodal masks in one pass, and the acceleration structure of a scan is built
once and reused for every picture that shows it, whatever its pose or scale.

A ray's parameter is the depth in metres (:mod:`lens` says along what) and stays so in any object's frame, since
affine maps keep ray parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.asset import MeshArrays
from scanstage.assets.library.openings import OpeningsSource, whole
from scanstage.scenes.optics.geometry import Float, apply
from scanstage.scenes.optics.lens import rays
from scanstage.scenes.optics.pixel_window import Box, beyond_the_image, object_window, pixel_box, union
from scanstage.scenes.plan import CameraPlan, FramePlan, ObjectPlan
from scanstage.scenes.sight.cut_scene import CutScene
from scanstage.scenes.sight.shapes import MeshSource, Shapes

MISS = 1e30
BAND_RAYS = 8192
"""So many rays are cast at once: their arrays stay in the processor's cache, and are too small for numpy's BLAS to wake
threads of its own, which would take a core from the renderer."""


@dataclass(frozen=True)
class Silhouette:
    """One object as it would look alone, and what of it is really seen.

    Attributes:
        instance_id: see :class:`plan.ObjectPlan`.
        window_xywh: part of the image that ``amodal`` and ``modal`` cover; may be empty.
        amodal: (h, w) bool, pixels of the window that the object alone would cover.
        modal: (h, w) bool, those of them where nothing is nearer.
        outside_px: pixels that it would cover outside the image. Counted up to one frame's width and height beyond
            each border.
        amodal_box_xywh: box of all amodal pixels, within that bound; x and y may be negative. None if there are none.
    """

    instance_id: int
    window_xywh: Box
    amodal: npt.NDArray[np.bool_]
    modal: npt.NDArray[np.bool_]
    outside_px: int
    amodal_box_xywh: Box | None

    @property
    def visible_px(self) -> int:
        """Number of visible pixels."""
        return int(self.modal.sum())

    @property
    def visible_fraction(self) -> float:
        """Visible pixels / amodal pixels inside the image; 0 where there are none."""
        inside = int(self.amodal.sum())
        return self.visible_px / inside if inside else 0.0

    @property
    def truncated_fraction(self) -> float:
        """Amodal pixels outside the image / all amodal pixels; 0 where there are none."""
        total = self.outside_px + int(self.amodal.sum())
        return self.outside_px / total if total else 0.0

    def in_image(self, part: npt.NDArray[np.bool_], shape_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """``amodal`` or ``modal`` as an (H, W) bool mask of the whole image."""
        mask = np.zeros(shape_hw, bool)
        x, y, w, h = self.window_xywh
        mask[y : y + h, x : x + w] = part
        return mask


@dataclass(frozen=True)
class Visibility:
    """The cast of one plan.

    Attributes:
        instance_ids: (H, W) uint16, 0 where no object is nearest.
        nearest_m: smallest planar depth of any surface or object that was cast; inf where nothing was hit.
        silhouettes: one an object, in the plan's order.
        covered_by: instance id to {covering instance id: pixels}; 0 stands for the stage.
    """

    instance_ids: npt.NDArray[np.uint16]
    nearest_m: float
    silhouettes: tuple[Silhouette, ...]
    covered_by: dict[int, dict[int, int]]


def with_engine_ids(seen: Visibility, ids: npt.NDArray[np.uint16]) -> Visibility:
    """What is seen according to an engine's instance pass instead of the cast.

    For pictures in which the engine knows better (surfaces of which something shines through). Amodal shapes stay the
    cast's, with all that the engine shows of an object added.

    Args:
        seen: of the cast.
        ids: (H, W) uint16, the engine's pass.
    """
    silhouettes = tuple(_as_shown(s, ids) for s in seen.silhouettes)
    kept = np.where(np.isin(ids, [s.instance_id for s in silhouettes]), ids, np.uint16(0))
    covered = {s.instance_id: _covering(s, kept) for s in silhouettes}
    return Visibility(kept, seen.nearest_m, silhouettes, covered)


def _as_shown(silhouette: Silhouette, ids: npt.NDArray[np.uint16]) -> Silhouette:
    shown = pixel_box(ids == silhouette.instance_id)
    window = union(b for b in (silhouette.window_xywh, shown) if b is not None and b[2])
    if window is None:
        return silhouette
    x, y, w, h = window
    modal = ids[y : y + h, x : x + w] == silhouette.instance_id
    amodal = modal.copy()
    left, top, width, height = silhouette.window_xywh
    if width:
        amodal[top - y :, left - x :][:height, :width] |= silhouette.amodal
    box = union(b for b in (silhouette.amodal_box_xywh, shown) if b is not None)
    return replace(silhouette, window_xywh=window, modal=modal, amodal=amodal, amodal_box_xywh=box)


class Caster:
    """Casts plans; keeps the acceleration structures of the scans that it has met.

    Args:
        meshes: gives the arrays of an asset id.
        openings: gives what is cut out of it by alpha.

    Attributes:
        shapes: the scans that it has met.
    """

    def __init__(self, meshes: MeshSource, openings: OpeningsSource = whole) -> None:
        self._meshes, self.shapes = meshes, Shapes(meshes, openings)

    def cast(self, plan: FramePlan) -> Visibility:
        """Cast every object and the stage of ``plan``."""
        shots = [self.cast_alone(plan.camera, item) for item in plan.objects]
        ids, nearest = self._nearest(plan, shots)
        silhouettes = tuple(
            _silhouette(item.instance_id, shot, ids) for item, shot in zip(plan.objects, shots, strict=True)
        )
        covered = {s.instance_id: _covering(s, ids) for s in silhouettes}
        return Visibility(ids, nearest if nearest < MISS else float("inf"), silhouettes, covered)

    def instance_ids(self, plan: FramePlan) -> npt.NDArray[np.uint16]:
        """As :attr:`Visibility.instance_ids`, without casting what lies outside the image."""
        return self._nearest(plan, [self.cast_alone(plan.camera, item, beyond=False) for item in plan.objects])[0]

    def depth(self, plan: FramePlan) -> npt.NDArray[np.float32]:
        """(H, W) distance of the nearest object or stage, metres, ``inf`` where nothing is.

        Along the camera's z axis; with a fisheye along the ray. What only catches shadows is not there.
        """
        width, height = plan.camera.resolution_wh
        depth = np.full((height, width), MISS, np.float32)
        for item in plan.objects:
            shot = self.cast_alone(plan.camera, item, beyond=False)
            x, y, w, h = shot.window
            part = depth[y : y + h, x : x + w]
            np.minimum(part, shot.depth, out=part)
        rows, columns = np.divmod(np.arange(width * height), width)
        np.minimum(depth, self.stage_depth(plan, columns, rows).reshape(height, width), out=depth)
        return np.where(depth < MISS, depth, np.float32(np.inf))

    def _nearest(self, plan: FramePlan, shots: list[CastAlone]) -> tuple[npt.NDArray[np.uint16], float]:
        """Which object is nearest in each pixel, and the smallest depth of all."""
        width, height = plan.camera.resolution_wh
        depth = np.full((height, width), MISS, np.float32)
        ids = np.zeros((height, width), np.uint16)
        for item, shot in zip(plan.objects, shots, strict=True):
            x, y, w, h = shot.window
            part, id_part = depth[y : y + h, x : x + w], ids[y : y + h, x : x + w]
            nearer = shot.depth < part
            part[nearer] = shot.depth[nearer]
            id_part[nearer] = item.instance_id
        nearest = float(depth.min(initial=MISS))
        return ids, min(nearest, self._put_stage_in_front(plan, depth, ids))

    def _put_stage_in_front(
        self, plan: FramePlan, depth: npt.NDArray[np.float32], ids: npt.NDArray[np.uint16]
    ) -> float:
        """Clear ids where the stage is nearer than the objects; returns the stage's smallest depth there."""
        seen = np.flatnonzero(ids)
        rows, columns = np.divmod(seen, plan.camera.resolution_wh[0])
        t = self.stage_depth(plan, columns, rows)
        in_front = t < depth.flat[seen]
        ids.flat[seen[in_front]] = 0
        return float(t.min(initial=MISS))

    def object_depth(
        self, camera: CameraPlan, item: ObjectPlan, columns: npt.NDArray[Any], rows: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Depth of an object, alone, at (N,) places of the image (see :func:`lens.rays`); MISS where it isn't."""
        to_object = np.linalg.inv(np.array(item.object_to_world)) @ np.array(camera.camera_to_world)
        directions = rays(camera, columns, rows) @ to_object[:3, :3].T
        return _distances(self.shapes[item.asset_id].scene, to_object[:3, 3], directions, camera.near_m)

    def stage_depth(
        self, plan: FramePlan, columns: npt.NDArray[Any], rows: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Depth of the stage at (N,) places of the image (see :func:`lens.rays`); MISS where it isn't."""
        solid = [surface for surface in plan.surfaces if not surface.shadow_catcher]
        if not solid or not len(columns):
            return np.full(len(columns), MISS, np.float32)
        pose = np.array(plan.camera.camera_to_world)
        scene = EmbreeScene()
        for surface in solid:
            mesh = self._meshes(surface.asset_id)
            # Relative to the camera: single precision is then finest where it matters.
            vertices = apply(np.array(surface.object_to_world), mesh.vertices) - pose[:3, 3]
            TriangleMesh(scene, vertices.astype(np.float32), mesh.faces.astype(np.int32))
        found = np.empty(len(columns), np.float32)
        for part in _parts(len(columns), BAND_RAYS):
            directions = rays(plan.camera, columns[part], rows[part]) @ pose[:3, :3].T
            found[part] = _distances(scene, np.zeros(3), directions, plan.camera.near_m)
        return found

    def cast_alone(self, camera: CameraPlan, item: ObjectPlan, beyond: bool = True) -> CastAlone:
        """An object as it would look alone. Without ``beyond``, what lies outside the image isn't counted."""
        shape = self.shapes[item.asset_id]
        object_to_world = np.array(item.object_to_world)
        window, reach = object_window(camera, object_to_world, shape.points())
        camera_to_object = np.linalg.inv(object_to_world) @ np.array(camera.camera_to_world)

        def cast(box: Box, stride: int = 1) -> npt.NDArray[np.float32]:
            return _over_box(_distances, np.float32, shape.scene, camera, camera_to_object, box, stride)

        depth = cast(window)
        if not beyond:
            return CastAlone(window, depth, 0, None)
        outside, box = beyond_the_image(lambda b, s: cast(b, s) < MISS, window, reach, depth < MISS)
        return CastAlone(window, depth, outside, box)

    def faces_alone(self, camera: CameraPlan, item: ObjectPlan, window: Box) -> npt.NDArray[np.int32]:
        """(h, w) the face of an object, alone, that each pixel of a window sees; -1 where none is.

        With the window of :meth:`cast_alone` the rays are the very same: a face is where the object is.
        """
        camera_to_object = np.linalg.inv(np.array(item.object_to_world)) @ np.array(camera.camera_to_world)
        return _over_box(_faces, np.int32, self.shapes[item.asset_id].scene, camera, camera_to_object, window)

    def scene(self, asset_id: str) -> tuple[EmbreeScene | CutScene, MeshArrays]:
        """The acceleration structure and the arrays of an asset, in its own frame; kept for later pictures."""
        shape = self.shapes[asset_id]
        return shape.scene, shape.mesh


@dataclass(frozen=True)
class CastAlone:
    """An object alone.

    Attributes:
        window: pixels of the image that it can reach.
        depth: (h, w) of it there, MISS where it isn't.
        outside_px, amodal_box: see :class:`Silhouette`; 0 and None where they weren't asked for.
    """

    window: Box
    depth: npt.NDArray[np.float32]
    outside_px: int
    amodal_box: Box | None


def _parts(length: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that make up ``length``."""
    return (slice(start, start + size) for start in range(0, length, size))


def _distances(
    scene: EmbreeScene | CutScene, origin: Float, directions: Float, near_m: float
) -> npt.NDArray[np.float32]:
    """Depth of the first hit beyond the near plane, MISS where there is none or where the lens has no ray."""
    found = np.full(len(directions), MISS, np.float32)
    there = ~np.isnan(directions[:, 0])
    if not there.all():
        found[there] = _distances(scene, origin, directions[there], near_m)
        return found
    if not len(directions):
        return found
    starts = np.ascontiguousarray(origin + near_m * directions, np.float32)
    t = scene.run(starts, np.ascontiguousarray(directions, np.float32), query="DISTANCE")
    return np.where(t < MISS, t + np.float32(near_m), found)


def _faces(scene: EmbreeScene | CutScene, origin: Float, directions: Float, near_m: float) -> npt.NDArray[np.int32]:
    """Number of the face that :func:`_distances` is to; -1 where there is none."""
    found = np.full(len(directions), -1, np.int32)
    there = ~np.isnan(directions[:, 0])
    if there.any():
        starts = np.ascontiguousarray(origin + near_m * directions[there], np.float32)
        found[there] = scene.run(starts, np.ascontiguousarray(directions[there], np.float32), query="INTERSECT")
    return found


def _over_box(
    query: Callable[[EmbreeScene | CutScene, Float, Float, float], npt.NDArray[Any]],
    kind: type[np.generic],
    scene: EmbreeScene | CutScene,
    camera: CameraPlan,
    camera_to_object: Float,
    box: Box,
    stride: int = 1,
) -> npt.NDArray[Any]:
    """(h, w) of a dtype: what rays through the pixels of a box find, of which each ``stride``-th is cast."""
    x, y, w, h = box
    columns, rows = np.arange(x, x + w, stride), np.arange(y, y + h, stride)
    found = np.empty((len(rows), len(columns)), kind)
    for part in _parts(len(rows), max(1, BAND_RAYS // max(1, len(columns)))):
        grid = np.meshgrid(columns, rows[part])
        directions = rays(camera, grid[0].ravel(), grid[1].ravel()) @ camera_to_object[:3, :3].T
        found[part] = query(scene, camera_to_object[:3, 3], directions, camera.near_m).reshape(grid[0].shape)
    return found


def _silhouette(instance_id: int, shot: CastAlone, ids: npt.NDArray[np.uint16]) -> Silhouette:
    x, y, w, h = shot.window
    modal = ids[y : y + h, x : x + w] == instance_id
    return Silhouette(instance_id, shot.window, shot.depth < MISS, modal, shot.outside_px, shot.amodal_box)


def _covering(silhouette: Silhouette, ids: npt.NDArray[np.uint16]) -> dict[int, int]:
    """How many pixels of an object each other hides, by its id in an (H, W) map of what is nearest; 0 is the stage."""
    x, y, w, h = silhouette.window_xywh
    return hidden_by(silhouette, ids[y : y + h, x : x + w])


def hidden_by(silhouette: Silhouette, ids: npt.NDArray[np.uint16]) -> dict[int, int]:
    """The same with an (h, w) map of the silhouette's window."""
    others, counts = np.unique(ids[silhouette.amodal & ~silhouette.modal], return_counts=True)
    return {int(i): int(n) for i, n in zip(others, counts, strict=True)}
