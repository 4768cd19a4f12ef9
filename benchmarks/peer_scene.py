"""The scene of a plan in plain bpy, for :mod:`peer_loop`: the same meshes, textures, poses, camera and HDRI.

It shares no code with ``render/blender/``, so that neither side of the comparison gains by what the other one learns.
Scans are loaded once, all are in the scene, and those that a picture doesn't show are hidden. What varies from picture
to picture is set on the nodes of a scan's own material, as a script for the peer does it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

SENSOR_MM = 36.0
UV, COLORS = "plain_uv", "plain_colors"
SWING = 0.15
JOINT_BELOW = 0.75
"""How far the ground's roughness goes with its texture, and the grey where joints begin, as in plans' materials."""


class UnsupportedPlan(Exception):
    """The plan shows what this scene doesn't build: it knows scans, a ground and HDRIs, as the workload has them."""


class PlainScene:
    """One scene for the length of a session.

    Args:
        scene: an empty one.
        hdri_folder: where Blender keeps its own HDRIs.
    """

    def __init__(self, scene: Any, hdri_folder: Path) -> None:
        self._scene, self._hdri_folder = scene, hdri_folder
        self._camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        self._copies: dict[tuple[str, int], Any] = {}
        self._images: dict[str, Any] = {}
        self._plane: Any = None
        self._grounds: dict[tuple[str | None, float | None], Any] = {}
        scene.world = bpy.data.worlds.new("world")
        self._environment, self._mapping, self._background = _world_nodes(scene.world)

    def load(self, folders: dict[str, str]) -> None:
        """Load scans by asset id, one copy of each. Raises OSError."""
        for asset, folder in folders.items():
            self._copy(asset, 0, folder)

    def apply(self, plan: dict[str, Any], folders: dict[str, str]) -> dict[int, str]:
        """Set the scene for a ``FramePlan`` as JSON; returns class names by object index.

        Raises UnsupportedPlan.
        """
        if plan["lamps"] or plan["background"]["kind"] != "hdri" or len(plan["surfaces"]) > 1:
            raise UnsupportedPlan("only an HDRI and one surface")
        self._set_camera(plan["camera"])
        self._set_world(plan["world"])
        for copy in self._copies.values():
            copy.hide_render = True
            copy.pass_index = 0
        if self._plane is not None:
            self._plane.hide_render = not plan["surfaces"]
        for surface in plan["surfaces"]:
            self._set_ground(surface, folders)
        used: dict[str, int] = {}
        names = {}
        for shown in plan["objects"]:
            asset = shown["asset_id"]
            copy = self._copy(asset, used.setdefault(asset, 0), folders[asset])
            used[asset] += 1
            copy.hide_render = False
            copy.matrix_world = Matrix(shown["object_to_world"])
            copy.pass_index = shown["instance_id"]
            _vary(copy, shown["jitter"])
            names[shown["instance_id"]] = shown["class_name"]
        return names

    def _set_camera(self, plan: dict[str, Any]) -> None:
        """Square pixels and a centred principal point, as the workload has them."""
        width, height = plan["resolution_wh"]
        if plan["lens"] is not None or plan["fx"] != plan["fy"] or (plan["cx"], plan["cy"]) != (width / 2, height / 2):
            raise UnsupportedPlan("only a centred pinhole")
        render = self._scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
        data = self._camera.data
        data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_MM
        data.lens = plan["fx"] * SENSOR_MM / width
        data.clip_start, data.clip_end = plan["near_m"], plan["far_m"]
        # Blender's camera looks along -z, with y up.
        self._camera.matrix_world = Matrix(plan["camera_to_world"]) @ Matrix.Diagonal((1.0, -1.0, -1.0, 1.0))

    def _set_world(self, plan: dict[str, Any]) -> None:
        if plan["hdri"] is None:
            raise UnsupportedPlan("only an HDRI")
        path = plan["hdri"]
        if path.startswith("builtin:"):
            path = str(self._hdri_folder / f"{path.removeprefix('builtin:')}.exr")
        self._environment.image = self._image(path)
        self._mapping.inputs["Rotation"].default_value = (0.0, 0.0, -plan["rotation"])
        self._background.inputs["Strength"].default_value = plan["strength"]

    def _image(self, path: str, data: bool = False) -> Any:
        if path not in self._images:
            image = bpy.data.images.load(path)
            if data:
                image.colorspace_settings.name = "Non-Color"
            self._images[path] = image
        return self._images[path]

    def _copy(self, asset: str, number: int, folder: str) -> Any:
        if (asset, number) not in self._copies:
            mesh, arrays = _mesh(asset, folder)
            for description in json.loads(Path(folder, "asset.json").read_text("utf-8"))["materials"]:
                mesh.materials.append(self._scan_material(description, folder, arrays))
            copy = bpy.data.objects.new(f"{asset}_{number}", mesh)
            self._scene.collection.objects.link(copy)
            self._copies[asset, number] = copy
        return self._copies[asset, number]

    def _scan_material(self, description: dict[str, Any], folder: str, arrays: dict[str, Any]) -> Any:
        maps = ("metallic_roughness_texture", "normal_texture", "emissive_texture")
        clear = description["alpha_mode"] != "OPAQUE" or description.get("transmission", 0) > 0
        if clear or any(description[name] for name in maps):
            raise UnsupportedPlan(f"{folder}: only opaque scans with a colour texture or vertex colours")
        material, nodes, links, bsdf = _principled(description["name"])
        adjust = nodes.new("ShaderNodeHueSaturation")
        texture = description["base_color_texture"]
        adjust.inputs["Color"].default_value = description["base_color"]
        if texture is not None and "corner_uv" in arrays:
            node, uv = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeUVMap")
            node.image, uv.uv_map = self._image(str(Path(folder, texture))), UV
            links.new(uv.outputs[0], node.inputs["Vector"])
            links.new(node.outputs["Color"], adjust.inputs["Color"])
        elif description["vertex_colors"] and "vertex_color" in arrays:
            node = nodes.new("ShaderNodeVertexColor")
            node.layer_name = COLORS
            links.new(node.outputs["Color"], adjust.inputs["Color"])
        links.new(adjust.outputs[0], bsdf.inputs["Base Color"])
        material["roughness"], material["metallic"] = description["roughness"], description["metallic"]
        return material

    def _set_ground(self, surface: dict[str, Any], folders: dict[str, str]) -> None:
        look = surface["material"]
        if self._plane is None:
            mesh, self._plane_arrays = _mesh("ground", folders[surface["asset_id"]])
            if len(mesh.polygons) != 2:
                raise UnsupportedPlan("only a plane")
            mesh.materials.append(None)
            mesh.uv_layers.new(name=UV)
            self._plane = bpy.data.objects.new("ground", mesh)
            self._scene.collection.objects.link(self._plane)
        mesh = self._plane.data
        mesh.uv_layers[UV].data.foreach_set("uv", _ground_uv(self._plane_arrays, surface).ravel())
        mesh.materials[0] = self._ground_material(look)
        self._plane.matrix_world = Matrix(surface["object_to_world"])
        mesh.update()

    def _ground_material(self, look: dict[str, Any]) -> Any:
        if look["image"] is not None:
            raise UnsupportedPlan("only grey textures on the ground")
        path, joint = look["texture"], look["joint_roughness"]
        if (path, joint) not in self._grounds:
            image = None if path is None else self._image(path, data=True)
            self._grounds[path, joint] = _ground_nodes(image, joint)
        material = self._grounds[path, joint]
        nodes = material.node_tree.nodes
        bsdf = nodes["Principled BSDF"]
        bsdf.inputs["Metallic"].default_value = look["metallic"]
        bsdf.inputs["Specular IOR Level"].default_value = look["specular"]
        bsdf.inputs["Roughness"].default_value = look["roughness"]
        bsdf.inputs["Base Color"].default_value = (*look["color_a"], 1.0)
        if path is not None:
            nodes["mix"].inputs["Color1"].default_value = (*look["color_a"], 1.0)
            nodes["mix"].inputs["Color2"].default_value = (*look["color_b"], 1.0)
            nodes["rough"].inputs[1].default_value = -SWING
            nodes["rough"].inputs[2].default_value = look["roughness"] + SWING / 2
            nodes["bump"].inputs["Distance"].default_value = look["bump_m"]
            nodes["bump"].mute = look["bump_m"] == 0
        return material


def _vary(item: Any, jitter: dict[str, float]) -> None:
    for material in item.data.materials:
        nodes = material.node_tree.nodes
        adjust, bsdf = nodes["Hue/Saturation/Value"], nodes["Principled BSDF"]
        adjust.inputs["Hue"].default_value = 0.5 + jitter["hue"]
        adjust.inputs["Saturation"].default_value = jitter["saturation"]
        adjust.inputs["Value"].default_value = jitter["value"]
        for name in ("roughness", "metallic"):
            bsdf.inputs[name.title()].default_value = min(max(material[name] + jitter[name], 0.0), 1.0)
        bsdf.inputs["Specular IOR Level"].default_value = 0.5 * jitter["specular"]


def _principled(name: str) -> tuple[Any, Any, Any, Any]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    return material, nodes, links, nodes["Principled BSDF"]


def _ground_nodes(image: Any, joint: float | None) -> Any:
    """Grey levels mix two colours, sway the roughness, tell joints and give the relief."""
    material, nodes, links, bsdf = _principled("ground")
    if image is None:
        return material
    texture, uv = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeUVMap")
    texture.image, uv.uv_map = image, UV
    mix, rough, bump = (nodes.new(f"ShaderNode{kind}") for kind in ("MixRGB", "Math", "Bump"))
    mix.name, rough.name, bump.name = "mix", "rough", "bump"
    rough.operation, rough.use_clamp = "MULTIPLY_ADD", True
    links.new(uv.outputs[0], texture.inputs["Vector"])
    links.new(texture.outputs["Color"], mix.inputs["Fac"])
    links.new(mix.outputs["Color"], bsdf.inputs["Base Color"])
    links.new(texture.outputs["Color"], rough.inputs[0])
    links.new(
        (rough if joint is None else _jointed(material, texture, rough, joint)).outputs[0], bsdf.inputs["Roughness"]
    )
    links.new(texture.outputs["Color"], bump.inputs["Height"])
    links.new(bump.outputs[0], bsdf.inputs["Normal"])
    return material


def _jointed(material: Any, texture: Any, rough: Any, joint: float) -> Any:
    """Towards the roughness of joints where the texture is dark."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    dark, mix = nodes.new("ShaderNodeMapRange"), nodes.new("ShaderNodeMix")
    links.new(texture.outputs["Color"], dark.inputs["Value"])
    for name, value in (("From Max", JOINT_BELOW), ("To Min", 1.0), ("To Max", 0.0)):
        dark.inputs[name].default_value = value
    links.new(dark.outputs[0], mix.inputs["Factor"])
    links.new(rough.outputs[0], mix.inputs["A"])
    mix.inputs["B"].default_value = joint
    return mix


def _world_nodes(world: Any) -> tuple[Any, Any, Any]:
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    coordinates, mapping = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    environment, background = nodes.new("ShaderNodeTexEnvironment"), nodes["Background"]
    links.new(coordinates.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs[0], environment.inputs["Vector"])
    links.new(environment.outputs["Color"], background.inputs["Color"])
    return environment, mapping, background


def _mesh(name: str, folder: str) -> tuple[Any, dict[str, Any]]:
    with np.load(Path(folder, "mesh.npz"), allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    vertices, faces = arrays["vertices"], arrays["faces"]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(len(faces) * 3)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(faces) * 3, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh.polygons.foreach_set("material_index", arrays["face_material"].astype(np.int32))
    if "corner_uv" in arrays:
        mesh.uv_layers.new(name=UV, do_init=False).data.foreach_set("uv", arrays["corner_uv"].ravel())
    if "vertex_color" in arrays:
        layer = mesh.color_attributes.new(COLORS, "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", _linear(arrays["vertex_color"]).ravel())
    mesh.update(calc_edges=True)
    return mesh, arrays


def _linear(srgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(V, 4) sRGB bytes as linear light (IEC 61966-2-1); alpha is linear already."""
    share = srgb.astype(np.float32) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light[:, 3] = share[:, 3]
    return light.astype(np.float32)


def _ground_uv(arrays: dict[str, Any], surface: dict[str, Any]) -> npt.NDArray[np.float32]:
    """(F * 3, 2): a texture laid on a horizontal plane, of so many metres a repetition, turned and shifted."""
    look, matrix = surface["material"], np.array(surface["object_to_world"])
    metres = arrays["vertices"][arrays["faces"]].reshape(-1, 3)[:, :2] * np.linalg.norm(matrix[:3, :2], axis=0)
    c, s = math.cos(look["texture_rotation"]), math.sin(look["texture_rotation"])
    turned = metres @ np.array([[c, -s], [s, c]])
    return np.asarray(turned / look["texture_size_m"] + look["texture_offset"], np.float32)
