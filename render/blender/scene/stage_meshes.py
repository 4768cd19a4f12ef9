"""The scene of the picture in hand, made of pooled objects: nothing is created where something can be set again."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Matrix

from ..exchange.plan_types import MatrixJson, PlanJson, ShiningLamp, SurfaceJson, SurfaceMaterialJson, WearJson
from .asset_cache import AssetCache, CachedAsset
from .blender_camera import apply_camera
from .blur import Blur
from .image_cache import ImageCache
from .mesh_data import build_mesh
from .nodes.wear_layers import wear_properties
from .properties import assign_known
from .scan_material import jitter_properties
from .standing import StandingUsers
from .textured_material import projected_uv, surface_properties
from .world import OF_THE_WORLD, WorldStage

_LAMP_TYPES = {"sun": "SUN", "area": "AREA", "point": "POINT", OF_THE_WORLD: "SUN"}
# Objects touch what they stand on, and don't shade themselves where they shouldn't.
_SHADOWS_OF_EEVEE = {
    # until 4.1
    "shadow_cascade_max_distance": 10.0,
    "use_contact_shadow": True,
    "contact_shadow_distance": 0.02,
    "contact_shadow_thickness": 0.01,
    "contact_shadow_bias": 0.001,
    "shadow_buffer_bias": 0.2,
    # from 4.2
    "use_shadow_jitter": True,
}
_SUNK = 1e-4
"""How deep glass is set into what it stands on, of its extent: a few hundredths of a pixel. Where both lie in one
plane, a ray that leaves the glass would already be past the ground, and find the dark below."""
STANDING_LAMPS = 8
"""Lamps of each kind that are in the scene always (Cycles)."""


class UnknownAsset(Exception):
    """A plan shows an asset whose folder wasn't given."""


class Stage:
    """Turns a ``FramePlan`` as JSON into the state of one Blender scene.

    Args:
        scene: the scene; its camera is made here.
        cache_bytes: bound of the asset cache.
        map_px: width of the HDRI's importance map; 0 is automatic.
        split_hdri: whether HDRIs light by lamps and small images.
        shadow_catchers: whether the engine has them; surfaces that only catch shadows stay away otherwise.
        albedo_apart: whether base colours have a pass of their own.
    """

    def __init__(
        self, scene: Any, cache_bytes: int, map_px: int, split_hdri: bool, shadow_catchers: bool, albedo_apart: bool
    ) -> None:
        self._scene = scene
        images = ImageCache()
        self._camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        standing = StandingUsers(self._camera)
        self._assets = AssetCache(images, cache_bytes, standing, albedo_apart)
        self._world = WorldStage(images, map_px, split_hdri)
        self._catchers = shadow_catchers
        self._unseen = False
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        self._blur = Blur(scene)
        self.shows_glass = False
        """Whether light gets through something in the picture in hand."""
        self._shown: list[Any] = []  # holders of the plan's objects
        self._laid_on: list[Any] = []  # meshes with UVs of their own, of the picture in hand
        self._meshes = _Pool(scene, _make_holder)
        self._standing_lamps = STANDING_LAMPS if shadow_catchers else 0
        self._lamps = {kind: _Pool(scene, _lamp_maker(kind, standing)) for kind in _LAMP_TYPES}

    def apply(self, plan: PlanJson, folders: dict[str, str]) -> dict[str, int]:
        """Set the scene for a picture, as a pinhole at the middle of the exposure sees it.

        Args:
            plan: the ``FramePlan``.
            folders: asset folders by asset id.

        Returns:
            Instance ids by the name of the object that carries each.

        Raises:
            UnknownAsset, MissingFile: something that the plan names isn't there.
            UnsupportedLens: the camera can't be rendered.
        """
        shown = [o["asset_id"] for o in (*plan["surfaces"], *plan["objects"])]
        if absent := sorted({a for a in shown if a not in folders}):
            raise UnknownAsset(f"no folder is known for {', '.join(absent)}")
        apply_camera(self._scene, self._camera, plan["camera"])
        in_view = plan["background"]["kind"] == "hdri"
        of_the_world = self._world.apply(self._scene, plan["world"], in_view)
        self._scene.render.film_transparent = not in_view
        self._set_lamps([*plan["lamps"], *of_the_world])
        # Choosing among lamps by what they give is dear: it pays where an HDRI's spots and a plan's lamps compete.
        assign_known(self._scene.cycles, {"use_light_tree": bool(plan["lamps"] and of_the_world)})  # from 3.5
        ids = self._set_meshes(plan, folders)
        self._assets.trim({folders[a] for a in shown})
        return ids

    def blur(self, plan: PlanJson) -> None:
        """Add depth of field and motion blur to the picture that was applied."""
        self._blur.put_on(self._camera, self._shown, plan)

    def unblur(self) -> None:
        """Take them off again, before the next picture."""
        self._blur.take_off(self._camera)

    def _set_meshes(self, plan: PlanJson, folders: dict[str, str]) -> dict[str, int]:
        surfaces = [s for s in plan["surfaces"] if self._catchers or not s["shadow_catcher"]]
        # In the light of a photo its floor isn't seen, and nothing is caught: its shadows are cast outside. It stands
        # there for the light that it gives to the objects and keeps from them.
        self._unseen = plan["world"]["horizon"] is not None
        holders = self._meshes.take(len(surfaces) + len(plan["objects"]))
        outdated = list(self._laid_on)  # until all holders show something else: removing a mesh removes its objects
        ids = self._fill(holders, surfaces, plan, folders)
        for mesh in outdated:
            self._laid_on.remove(mesh)
            bpy.data.meshes.remove(mesh)
        return ids

    def _fill(
        self, holders: list[Any], surfaces: list[SurfaceJson], plan: PlanJson, folders: dict[str, str]
    ) -> dict[str, int]:
        for holder, surface in zip(holders, surfaces, strict=False):  # the objects follow
            asset = self._assets.get(folders[surface["asset_id"]])
            self._set_mesh(holder, asset, surface["object_to_world"], surface["material"])
            holder.is_shadow_catcher = surface["shadow_catcher"] and not self._unseen
            holder.visible_camera = not (surface["shadow_catcher"] and self._unseen)
            holder.pass_index = 0
        ids = {}
        self._shown = holders[len(surfaces) :]
        self.shows_glass = False
        for holder, shown in zip(self._shown, plan["objects"], strict=True):
            asset = self._assets.get(folders[shown["asset_id"]])
            self._set_mesh(holder, asset, shown["object_to_world"], shown["surface"])
            if shown["surface"] is None:
                _set_properties(holder, jitter_properties(shown["jitter"]))
                if (wear := shown["jitter"]["wear"]) is not None:
                    self._wear(holder, folders[shown["asset_id"]], wear, shown["object_to_world"])
                self.shows_glass |= asset.glass
                if asset.glass:
                    holder.matrix_world.translation.z -= _SUNK * asset.extent_m
            holder.is_shadow_catcher = False
            holder.visible_camera = True
            holder.pass_index = shown["instance_id"]
            ids[holder.name] = shown["instance_id"]
        return ids

    def _set_mesh(
        self, holder: Any, asset: CachedAsset, matrix: MatrixJson, surface: SurfaceMaterialJson | None
    ) -> None:
        flat = asset.flat_arrays is not None
        mesh = asset.mesh
        if surface is not None and asset.flat_arrays is not None:
            mesh = self._lay_on(asset.flat_arrays, surface_properties(surface, matrix))
        if holder.data != mesh:
            holder.data = mesh
        holder.matrix_world = Matrix(matrix)
        material = None if surface is None else self._assets.surface_material(surface, flat)
        for slot in holder.material_slots:
            slot.link = "DATA" if material is None else "OBJECT"
            if material is not None:
                slot.material = material
        if surface is not None:
            _set_properties(holder, surface_properties(surface, matrix))
        holder.update_tag()  # setting custom properties alone doesn't tell the renderer

    def _wear(self, holder: Any, folder: str, wear: WearJson, matrix: MatrixJson) -> None:
        """Show a scan's worn materials in place of its own."""
        for slot, material in zip(holder.material_slots, self._assets.worn_materials(folder), strict=True):
            slot.link, slot.material = "OBJECT", material
        _set_properties(holder, wear_properties(wear, matrix))

    def _lay_on(self, arrays: dict[str, Any], properties: dict[str, list[float]]) -> Any:
        """A mesh with UVs for this picture alone: tiny, since only boxes and planes have one."""
        uv = projected_uv(arrays["vertices"], arrays["faces"], properties)
        mesh = build_mesh("laid_on", {**arrays, "corner_uv": uv})
        mesh.materials.append(None)
        self._laid_on.append(mesh)
        return mesh

    def _set_lamps(self, lamps: list[ShiningLamp]) -> None:
        for kind, pool in self._lamps.items():
            plans = [p for p in lamps if p["kind"] == kind]
            # Cycles samples lights in the order in which it has come to know them. Those of a session are all there
            # from its first picture on, dark where they aren't needed: else noise would depend on the pictures before.
            holders = pool.take(max(len(plans), self._standing_lamps))
            for holder in holders[len(plans) :]:
                if holder.data.energy:
                    holder.data.energy = 0.0
            for holder, plan in zip(holders, plans, strict=False):
                holder.matrix_world = Matrix(plan["lamp_to_world"])
                data = holder.data
                data.energy, data.color = plan["power"], plan["color"]
                if data.type == "SUN":
                    data.angle = plan["size"]
                elif kind == "area":
                    data.shape, data.size = "SQUARE", plan["size"]
                else:
                    data.shadow_soft_size = plan["size"]


class _Pool:
    """Objects of one kind, made when first needed, and out of the scene when not."""

    def __init__(self, scene: Any, make: Any) -> None:
        self._scene, self._make = scene, make
        self._objects: list[Any] = []
        self._taken = 0

    def take(self, count: int) -> list[Any]:
        """Exactly ``count`` objects in the scene, the same ones each time."""
        while len(self._objects) < count:
            made = self._make(f"item_{len(self._objects):04d}")
            made.rotation_mode = "QUATERNION"  # assigning a matrix then loses less than with angles
            self._objects.append(made)
        members = self._scene.collection.objects
        for spare in self._objects[count : self._taken]:
            members.unlink(spare)
            if spare.type == "MESH":
                _forget_asset(spare)
        for needed in self._objects[self._taken : count]:
            members.link(needed)
        self._taken = count
        return self._objects[:count]


def _forget_asset(holder: Any) -> None:
    """Let go of mesh and materials, so that the cache can free them."""
    for slot in holder.material_slots:
        slot.link = "OBJECT"
        slot.material = None
    holder.data = _placeholder_mesh()


def _make_holder(name: str) -> Any:
    holder = bpy.data.objects.new(name, _placeholder_mesh())
    # Else Cycles would look at every mesh and pose again for each step of a motion, also of what stands still.
    holder.cycles.use_motion_blur = holder.cycles.use_deform_motion = False
    return holder


def _placeholder_mesh() -> Any:
    return bpy.data.meshes.get("nothing") or bpy.data.meshes.new("nothing")


def _lamp_maker(kind: str, standing: StandingUsers) -> Any:
    def make(name: str) -> Any:
        lamp = bpy.data.objects.new(f"{kind}_{name}", bpy.data.lights.new(kind, _LAMP_TYPES[kind]))
        lamp.visible_camera = False  # a lamp isn't in the cast, so it must not be in the picture
        assign_known(lamp.data, _SHADOWS_OF_EEVEE)
        standing.add(lamp.data)
        return lamp

    return make


def _set_properties(holder: Any, properties: dict[str, list[float]]) -> None:
    for name, value in properties.items():
        holder[name] = value
