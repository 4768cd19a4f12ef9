"""What the camera sees of a plan, known before anything is rendered: one ray through every pixel centre.

Every object is cast alone, in its own frame, through the pixels that its projection can reach; the nearest of all
hits wins a pixel. That gives modal and amodal masks in one pass, and the acceleration structure of a scan is built
once and reused for every picture that shows it, whatever its pose or scale.

A ray's direction has length 1 along the camera's z axis, so its parameter is the planar depth in metres and stays so
in any object's frame (affine maps keep ray parameters).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from assets.asset import MeshArrays
from scenes.geometry import apply
from scenes.plan import CameraPlan, FramePlan, ObjectPlan

Box = tuple[int, int, int, int]
MeshSource = Callable[[str], MeshArrays]

MISS = 1e30
CACHED_TRIANGLES = 20_000_000


@dataclass(frozen=True)
class Silhouette:
    """One object as it would look alone, and what of it is really seen.

    Attributes:
        instance_id: see :class:`scenes.plan.ObjectPlan`.
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

    For pictures in which the engine knows better (surfaces cut by alpha, which the cast takes for whole). Amodal shapes
    stay the cast's, with all that the engine shows of an object added within its window.

    Args:
        seen: of the cast.
        ids: (H, W) uint16, the engine's pass.
    """
    silhouettes = []
    for s in seen.silhouettes:
        x, y, w, h = s.window_xywh
        modal = ids[y : y + h, x : x + w] == s.instance_id
        silhouettes.append(replace(s, modal=modal, amodal=s.amodal | modal))
    kept = np.zeros_like(ids)
    for s in silhouettes:
        x, y, w, h = s.window_xywh
        kept[y : y + h, x : x + w][s.modal] = s.instance_id
    covered = {s.instance_id: _covering(s, kept) for s in silhouettes}
    return Visibility(kept, seen.nearest_m, tuple(silhouettes), covered)


class Caster:
    """Casts plans; keeps the acceleration structures of the scans that it has met.

    Args:
        meshes: gives the arrays of an asset id.
    """

    def __init__(self, meshes: MeshSource) -> None:
        self._meshes = meshes
        self._cache: OrderedDict[str, tuple[EmbreeScene, MeshArrays]] = OrderedDict()

    def cast(self, plan: FramePlan) -> Visibility:
        """Cast every object and the stage of ``plan``."""
        width, height = plan.camera.resolution_wh
        shots = [self._cast_alone(plan.camera, item) for item in plan.objects]
        depth = np.full((height, width), MISS, np.float32)
        ids = np.zeros((height, width), np.uint16)
        for item, shot in zip(plan.objects, shots, strict=True):
            x, y, w, h = shot.window
            part, id_part = depth[y : y + h, x : x + w], ids[y : y + h, x : x + w]
            nearer = shot.depth < part
            part[nearer] = shot.depth[nearer]
            id_part[nearer] = item.instance_id
        nearest = float(depth.min(initial=MISS))
        nearest = min(nearest, self._put_stage_in_front(plan, depth, ids))
        silhouettes = tuple(
            _silhouette(item.instance_id, shot, ids) for item, shot in zip(plan.objects, shots, strict=True)
        )
        covered = {s.instance_id: _covering(s, ids) for s in silhouettes}
        return Visibility(ids, nearest if nearest < MISS else float("inf"), silhouettes, covered)

    def _put_stage_in_front(
        self, plan: FramePlan, depth: npt.NDArray[np.float32], ids: npt.NDArray[np.uint16]
    ) -> float:
        """Clear ids where the stage is nearer than the objects; returns the stage's smallest depth there."""
        solid = [surface for surface in plan.surfaces if not surface.shadow_catcher]
        seen = np.flatnonzero(ids)
        if not solid or not len(seen):
            return MISS
        origin = np.array(plan.camera.camera_to_world)[:3, 3]
        scene = EmbreeScene()
        for surface in solid:
            mesh = self._meshes(surface.asset_id)
            # Relative to the camera: single precision is then finest where it matters.
            vertices = apply(np.array(surface.object_to_world), mesh.vertices) - origin
            TriangleMesh(scene, vertices.astype(np.float32), mesh.faces.astype(np.int32))
        width = plan.camera.resolution_wh[0]
        rays = _directions(plan.camera, seen % width, seen // width)
        rotation = np.array(plan.camera.camera_to_world)[:3, :3]
        t = _distances(scene, np.zeros(3), rays @ rotation.T, plan.camera.near_m)
        in_front = t < depth.flat[seen]
        ids.flat[seen[in_front]] = 0
        return float(t.min())

    def _cast_alone(self, camera: CameraPlan, item: ObjectPlan) -> _Shot:
        scene, mesh = self._scene(item.asset_id)
        object_to_world = np.array(item.object_to_world)
        window, reach = _window(camera, object_to_world, mesh)
        world_to_object = np.linalg.inv(object_to_world)
        camera_to_object = world_to_object @ np.array(camera.camera_to_world)

        def cast(box: Box, stride: int = 1) -> npt.NDArray[np.float32]:
            x, y, w, h = box
            columns, rows = np.meshgrid(np.arange(x, x + w, stride), np.arange(y, y + h, stride))
            rays = _directions(camera, columns.ravel(), rows.ravel()) @ camera_to_object[:3, :3].T
            t = _distances(scene, camera_to_object[:3, 3], rays, camera.near_m)
            return t.reshape(rows.shape)

        depth = cast(window)
        outside, box = _beyond_the_image(cast, window, reach, depth < MISS)
        return _Shot(window, depth, outside, box)

    def _scene(self, asset_id: str) -> tuple[EmbreeScene, MeshArrays]:
        if asset_id in self._cache:
            self._cache.move_to_end(asset_id)
            return self._cache[asset_id]
        mesh = self._meshes(asset_id)
        scene = EmbreeScene()
        TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
        # The structure is built at the first query, not when the mesh is added.
        scene.run(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))
        self._cache[asset_id] = (scene, mesh)
        while len(self._cache) > 1 and sum(len(m.faces) for _, m in self._cache.values()) > CACHED_TRIANGLES:
            self._cache.popitem(last=False)
        return scene, mesh


@dataclass(frozen=True)
class _Shot:
    window: Box
    depth: npt.NDArray[np.float32]
    outside_px: int
    amodal_box: Box | None


def pixel_box(mask: npt.NDArray[np.bool_], offset_xy: tuple[int, int] = (0, 0)) -> Box | None:
    """Tight half-open box (x, y, w, h) of a mask's True pixels; None where there are none."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    x, y = int(columns[0]), int(rows[0])
    return (x + offset_xy[0], y + offset_xy[1], int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


def project(camera: CameraPlan, points_world: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Project (N, 3) world points to (N, 3): x and y in pixels (pixel centres at +0.5), and depth z in metres.

    Points with z <= 0 are behind the camera; their x and y mean nothing.
    """
    p = apply(np.linalg.inv(np.array(camera.camera_to_world)), points_world)
    z = np.where(np.abs(p[:, 2]) < 1e-12, 1e-12, p[:, 2])
    return np.stack([camera.fx * p[:, 0] / z + camera.cx, camera.fy * p[:, 1] / z + camera.cy, p[:, 2]], axis=1)


def _directions(camera: CameraPlan, columns: npt.NDArray[Any], rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(N, 3) ray directions in the camera frame through pixel centres, z = 1."""
    x = (columns + 0.5 - camera.cx) / camera.fx
    y = (rows + 0.5 - camera.cy) / camera.fy
    return np.stack([x, y, np.ones(len(x))], axis=1)


def _distances(
    scene: EmbreeScene, origin: npt.NDArray[np.float64], rays: npt.NDArray[np.float64], near_m: float
) -> npt.NDArray[np.float32]:
    """Planar depth of the first hit beyond the near plane, MISS where there is none."""
    if not len(rays):
        return np.zeros(0, np.float32)
    starts = np.ascontiguousarray(origin + near_m * rays, np.float32)
    t = scene.run(starts, np.ascontiguousarray(rays, np.float32), query="DISTANCE")
    return np.where(t < MISS, t + np.float32(near_m), np.float32(MISS)).astype(np.float32)


def _window(camera: CameraPlan, object_to_world: npt.NDArray[np.float64], mesh: MeshArrays) -> tuple[Box, Box]:
    """Pixels that the projection can reach: inside the image, and in all (bounded by one frame beyond each border)."""
    width, height = camera.resolution_wh
    everywhere = (-width, -height, 3 * width, 3 * height)
    p = project(camera, apply(object_to_world, mesh.vertices))
    in_front = p[:, 2] > camera.near_m
    if not in_front.any():
        return (0, 0, 0, 0), (0, 0, 0, 0)
    if in_front.all():
        low, high = p[:, :2].min(axis=0), p[:, :2].max(axis=0)
        x, y = (int(v) for v in np.floor(np.clip(low, -1e8, 1e8)))
        right, bottom = (int(v) for v in np.ceil(np.clip(high, -1e8, 1e8)))
        reach = _intersect((x, y, right - x, bottom - y), everywhere)
    else:
        reach = everywhere
    return _intersect(reach, (0, 0, width, height)), reach


def _intersect(a: Box, b: Box) -> Box:
    x, y = max(a[0], b[0]), max(a[1], b[1])
    w, h = min(a[0] + a[2], b[0] + b[2]) - x, min(a[1] + a[3], b[1] + b[3]) - y
    return (x, y, w, h) if w > 0 and h > 0 else (0, 0, 0, 0)


def _beyond_the_image(
    cast: Callable[..., npt.NDArray[np.float32]], window: Box, reach: Box, inside: npt.NDArray[np.bool_]
) -> tuple[int, Box | None]:
    """Count amodal pixels outside the image and find the box of all amodal pixels."""
    inner = pixel_box(inside, window[:2])
    if reach == window:
        return 0, inner
    # Far outside counts need no exactness to the pixel: bound the work by a stride.
    stride = max(1, int(np.ceil(np.sqrt(reach[2] * reach[3] / 400_000))))
    outside, boxes = 0, [inner]
    for strip in _around(window, reach):
        hits = cast(strip, stride) < MISS
        outside += int(hits.sum()) * stride * stride
        if (box := pixel_box(hits)) is not None:
            x, y, w, h = (v * stride for v in box)
            boxes.append(_intersect((strip[0] + x, strip[1] + y, w, h), strip))
    return outside, _union(b for b in boxes if b is not None)


def _around(inner: Box, outer: Box) -> list[Box]:
    """The part of ``outer`` that is not in ``inner`` (inside it), as up to four boxes."""
    if not inner[2]:
        return [outer]
    (x, y, w, h), (ox, oy, ow, oh) = inner, outer
    strips = [
        (ox, oy, ow, y - oy),
        (ox, y + h, ow, oy + oh - y - h),
        (ox, y, x - ox, h),
        (x + w, y, ox + ow - x - w, h),
    ]
    return [s for s in strips if s[2] > 0 and s[3] > 0]


def _union(boxes: Iterable[Box]) -> Box | None:
    found = list(boxes)
    if not found:
        return None
    x, y = min(b[0] for b in found), min(b[1] for b in found)
    return (x, y, max(b[0] + b[2] for b in found) - x, max(b[1] + b[3] for b in found) - y)


def _silhouette(instance_id: int, shot: _Shot, ids: npt.NDArray[np.uint16]) -> Silhouette:
    x, y, w, h = shot.window
    modal = ids[y : y + h, x : x + w] == instance_id
    return Silhouette(instance_id, shot.window, shot.depth < MISS, modal, shot.outside_px, shot.amodal_box)


def _covering(silhouette: Silhouette, ids: npt.NDArray[np.uint16]) -> dict[int, int]:
    x, y, w, h = silhouette.window_xywh
    hidden = silhouette.amodal & ~silhouette.modal
    others, counts = np.unique(ids[y : y + h, x : x + w][hidden], return_counts=True)
    return {int(i): int(n) for i, n in zip(others, counts, strict=True)}
