"""A quick look at a plan without a render engine: the cast, shaded. Shows shapes and what hides what, not light."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.library.surface_look import Pixels, base_color, shading_normals
from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.scenes.backplates.shown_photo import shown_photo
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.inputs.image_files import read_photo
from scanstage.scenes.optics.geometry import Float, apply
from scanstage.scenes.optics.lens import image_rays
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.cut_scene import CutScene
from scanstage.scenes.sight.ground_shadows import ground_shadows
from scanstage.scenes.sight.visibility import Caster

TEXTURE_PX = 512
"""Textures are reduced to this size or somewhat more: sharper than a preview can show."""
CACHED_TEXTURES = 64
STAGE_GREYS = (0.36, 0.46, 0.30, 0.40)
SKY = ((0.36, 0.40, 0.46), (0.62, 0.65, 0.68))
"""Linear colours of what lies behind everything, at the zenith and at the horizon."""
TO_LIGHT = np.array([-0.55, -0.85, -0.75]) / np.linalg.norm([0.55, 0.85, 0.75])
"""Towards the key light, in the camera's frame: from behind the viewer's left shoulder."""
AMBIENT, KEY, SKYLIGHT = 0.34, 0.72, 0.22
SHADOW_STRIDE = 2
SHADOW_DEPTH, SHADOW_REACH = 0.55, 5.0
"""How dark a shadow is near the object, and after how many of its radii it is gone: it says what stands where."""


@dataclass
class _Canvas:
    """What the rays of a picture hit; flat arrays with one row a pixel, world axes about the camera's position.

    Attributes:
        directions: (N, 3); NaN where the lens sees nothing.
        distance: (N,) ray parameter of the hit, inf without.
        normal, albedo: (N, 3) of the hit; linear colour.
    """

    directions: Float
    distance: Float
    normal: Float
    albedo: Float

    @classmethod
    def empty(cls, directions: Float) -> _Canvas:
        """Nothing hit yet."""
        n = len(directions)
        return cls(directions, np.full(n, np.inf), np.zeros((n, 3)), np.zeros((n, 3)))

    @property
    def hit(self) -> npt.NDArray[np.bool_]:
        """(N,) where there is a surface."""
        return np.isfinite(self.distance)


class Shader:
    """Draws plans; keeps textures that it has read.

    Args:
        catalogue: the assets of the run.
        caster: whose acceleration structures are used.
    """

    def __init__(self, catalogue: Catalogue, caster: Caster) -> None:
        self._catalogue, self._caster = catalogue, caster
        self._textures: OrderedDict[str, dict[str, Pixels]] = OrderedDict()

    def shade(self, planned: Planned) -> Pixels:
        """(H, W, 3) uint8 sRGB: objects in their own colours, the stage in greys, a key light with shadows."""
        plan = planned.plan
        width, height = plan.camera.resolution_wh
        camera_to_world = np.array(plan.camera.camera_to_world)
        directions = image_rays(plan.camera).reshape(-1, 3) @ camera_to_world[:3, :3].T
        canvas = _Canvas.empty(directions)
        ids = planned.seen.instance_ids.ravel()
        for item in plan.objects:
            self._draw_object(canvas, plan, item, np.flatnonzero(ids == item.instance_id))
        self._draw_stage(canvas, plan, np.flatnonzero((ids == 0) & ~np.isnan(directions[:, 0])))
        lit = self._light(canvas, plan, camera_to_world)
        image = srgb_bytes(lit.reshape(height, width, 3))
        if plan.background.kind == "backplate" and plan.background.image is not None:
            bare = ~canvas.hit.reshape(height, width)
            image[bare] = self._photo(plan)[bare]
        image[np.isnan(directions[:, 0]).reshape(height, width)] = 0
        return image

    def _photo(self, plan: FramePlan) -> Pixels:
        """(H, W, 3) uint8 sRGB: the backplate, with shadows where it gives the light."""
        assert plan.background.image is not None
        width, height = plan.camera.resolution_wh
        photo = shown_photo(plan.background.image, height, width)
        if plan.world.horizon is None:
            return photo
        free = 1 - ground_shadows(plan, self._caster)
        return srgb_bytes(linear_from_srgb(photo) * free[..., None])

    def _draw_object(self, canvas: _Canvas, plan: FramePlan, item: ObjectPlan, pixels: npt.NDArray[np.int64]) -> None:
        if not len(pixels):
            return
        scene, mesh = self._caster.scene(item.asset_id)
        object_to_world = np.array(item.object_to_world)
        world_to_object = np.linalg.inv(object_to_world)
        eye = apply(world_to_object, np.array(plan.camera.camera_to_world)[None, :3, 3])
        directions = canvas.directions[pixels] @ world_to_object[:3, :3].T
        found = _intersect(scene, eye + plan.camera.near_m * directions, directions)
        on = found["primID"].astype(np.int64) >= 0
        if not on.any():
            return
        face = found["primID"][on].astype(np.int64)
        u, v = found["u"][on].astype(np.float64), found["v"][on].astype(np.float64)
        weights = np.stack([1 - u - v, u, v], axis=1)
        normal = shading_normals(mesh, face, weights, directions[on]) @ world_to_object[:3, :3]
        at = pixels[on]
        canvas.distance[at] = found["tfar"][on] + plan.camera.near_m
        canvas.normal[at] = normal / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
        if item.surface is not None:
            canvas.albedo[at] = (np.array(item.surface.color_a) + np.array(item.surface.color_b)) / 2
        else:
            materials = self._catalogue.asset(item.asset_id).meta.materials
            canvas.albedo[at] = base_color(mesh, materials, self._pixels(item.asset_id), face, weights)

    def _draw_stage(self, canvas: _Canvas, plan: FramePlan, pixels: npt.NDArray[np.int64]) -> None:
        solid = [s for s in plan.surfaces if not s.shadow_catcher]
        if not solid or not len(pixels):
            return
        eye = np.array(plan.camera.camera_to_world)[:3, 3]
        scene = EmbreeScene()
        for surface in solid:
            mesh = self._catalogue.mesh(surface.asset_id)
            vertices = apply(np.array(surface.object_to_world), mesh.vertices) - eye
            TriangleMesh(scene, vertices.astype(np.float32), mesh.faces.astype(np.int32))
        directions = canvas.directions[pixels]
        found = _intersect(scene, plan.camera.near_m * directions, directions)
        on = found["primID"].astype(np.int64) >= 0
        at = pixels[on]
        normal = found["Ng"][on].astype(np.float64)
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
        away = np.einsum("ij,ij->i", normal, directions[on]) > 0
        canvas.distance[at] = found["tfar"][on] + plan.camera.near_m
        canvas.normal[at] = np.where(away[:, None], -normal, normal)
        greys = np.array([STAGE_GREYS[i % len(STAGE_GREYS)] for i in range(len(solid))])
        canvas.albedo[at] = greys[found["geomID"][on].astype(np.int64)][:, None]

    def _light(self, canvas: _Canvas, plan: FramePlan, camera_to_world: Float) -> Float:
        """(N, 3) linear colour of every pixel."""
        up = np.nan_to_num(canvas.directions[:, 2] / np.linalg.norm(canvas.directions, axis=1))
        height = np.clip(up * 1.5, 0, 1)[:, None]
        sky = (1 - height) * np.array(SKY[1]) + height * np.array(SKY[0])
        hit = canvas.hit
        to_light = camera_to_world[:3, :3] @ TO_LIGHT
        free = self._shadows(canvas, plan, camera_to_world[:3, 3], to_light)
        normal = canvas.normal[hit]
        key = np.clip(normal @ to_light, 0, None) * free[hit]
        light = AMBIENT + KEY * key + SKYLIGHT * (0.5 + 0.5 * normal[:, 2]) * (0.6 + 0.4 * free[hit])
        # Far surfaces fade into the sky, so that depth reads.
        far = 6.0 * float(plan.factors["camera"]["distance_m"])
        reach = canvas.distance[hit] * np.linalg.norm(canvas.directions[hit], axis=1)
        haze = 1 - np.exp(-np.maximum(reach / far - 0.2, 0.0))
        sky[hit] = (1 - haze)[:, None] * canvas.albedo[hit] * light[:, None] + haze[:, None] * sky[hit]
        return sky

    def _shadows(self, canvas: _Canvas, plan: FramePlan, eye: Float, to_light: Float) -> Float:
        """(N,) how much of the key light reaches each pixel: that of every second one, smoothed."""
        width, height = plan.camera.resolution_wh
        grid = np.arange(width * height).reshape(height, width)[::SHADOW_STRIDE, ::SHADOW_STRIDE]
        free = np.ones(grid.shape, np.float32)
        at = grid.ravel()
        on = at[canvas.hit[at]]
        if len(on):
            distance = canvas.distance[on][:, None]
            reach = np.linalg.norm(canvas.directions[on], axis=1)[:, None] * distance
            points = eye + distance * canvas.directions[on] + 2e-3 * reach * canvas.normal[on]
            dark = np.zeros(len(on))
            for item in plan.objects:
                self._add_shadow(dark, item, points, to_light)
            values = np.ones(len(at), np.float32)
            values[canvas.hit[at]] = 1 - SHADOW_DEPTH * dark
            free = cv2.GaussianBlur(values.reshape(grid.shape), (0, 0), 1.2)
        return cv2.resize(free, (width, height), interpolation=cv2.INTER_LINEAR).ravel().astype(np.float64)

    def _add_shadow(self, dark: Float, item: ObjectPlan, points: Float, to_light: Float) -> None:
        """Darken (0..1) the points from which an object hides the light, less where it is farther off."""
        scene, mesh = self._caster.scene(item.asset_id)
        object_to_world = np.array(item.object_to_world)
        low, high = mesh.vertices.min(axis=0).astype(np.float64), mesh.vertices.max(axis=0).astype(np.float64)
        middle = apply(object_to_world, ((low + high) / 2)[None])[0]
        radius = float(np.linalg.norm(object_to_world[:3, :3] @ np.diag(high - low) / 2))
        towards = middle - points
        along = towards @ to_light
        beside = np.einsum("ij,ij->i", towards, towards) - along**2
        strength = np.clip(1 - along / (SHADOW_REACH * radius), 0.0, 1.0)
        near = np.flatnonzero((beside < radius**2) & (along > -radius) & (strength > dark))
        if len(near):
            world_to_object = np.linalg.inv(object_to_world)
            origins = apply(world_to_object, points[near]).astype(np.float32)
            aim = np.broadcast_to(world_to_object[:3, :3] @ to_light, origins.shape).astype(np.float32)
            hidden = near[scene.run(origins, np.ascontiguousarray(aim)) >= 0]
            dark[hidden] = strength[hidden]

    def _pixels(self, asset_id: str) -> dict[str, Pixels]:
        """Base-colour textures of an asset, reduced."""
        if asset_id in self._textures:
            self._textures.move_to_end(asset_id)
            return self._textures[asset_id]
        asset = self._catalogue.asset(asset_id)
        names = {m.base_color_texture for m in asset.meta.materials if m.base_color_texture}
        found = {name: _reduced(asset.folder / name) for name in sorted(names)}
        self._textures[asset_id] = found
        while len(self._textures) > CACHED_TEXTURES:
            self._textures.popitem(last=False)
        return found


def _reduced(path: Path) -> Pixels:
    """A texture, (h, w, 3) uint8 sRGB, at a size that a decoder gives cheaply. Raises InputError where it is broken."""
    return np.ascontiguousarray(read_photo(path, TEXTURE_PX, "take the scan in again")[..., ::-1])


def _intersect(scene: EmbreeScene | CutScene, origins: Float, directions: Float) -> dict[str, npt.NDArray[np.float64]]:
    starts, aims = np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32)
    found: dict[str, npt.NDArray[np.float64]] = scene.run(starts, aims, query="INTERSECT", output=True)
    return found
