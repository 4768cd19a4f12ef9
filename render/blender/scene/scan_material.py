"""A scan's own PBR material as Blender nodes; per-picture jitter comes from properties of the object that is shaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy

from ..exchange.plan_types import JitterJson, ScanMaterialJson
from .image_cache import ImageCache
from .mesh_data import COLOR_NAME, UV_NAME
from .nodes.node_graph import NodeGraph
from .nodes.scan_layers import ScanLayers
from .nodes.wear_layers import WearLayers
from .properties import assign_known

# One material serves every picture and instance of an asset: what varies is read from these object properties.
HSV_PROPERTY = "scan_hsv"  # (hue as the node wants it: 0.5 is unchanged, saturation, value)
PBR_PROPERTY = "scan_pbr"  # (added roughness, added metallic, factor on specular)
_DARKEST = 1e-4  # share of light that what is called black glass lets through


def jitter_properties(jitter: JitterJson) -> dict[str, list[float]]:
    """The object properties that carry a ``MaterialJitter``, but for its wear."""
    return {
        HSV_PROPERTY: [0.5 + jitter["hue"], jitter["saturation"], jitter["value"]],
        PBR_PROPERTY: [jitter["roughness"], jitter["metallic"], jitter["specular"]],
    }


def is_glass(description: ScanMaterialJson) -> bool:
    """Whether a material lets light through; those of older assets don't know of it."""
    return description.get("transmission", 0.0) > 0


class ScanMaterialBuilder:
    """Builds the materials of one asset.

    Args:
        folder: the asset's folder, where its textures are.
        images: the cache that loads them.
        has_uv, has_color: what the asset's mesh carries; materials that want more go without.
        albedo_apart: see :meth:`NodeGraph.principled`.
        worn: whether the materials show wear (:mod:`wear_layers`), by the object's own properties.
    """

    def __init__(
        self,
        folder: str,
        images: ImageCache,
        has_uv: bool,
        has_color: bool,
        albedo_apart: bool = False,
        worn: bool = False,
    ) -> None:
        self._folder, self._images, self._worn = folder, images, worn
        self._has_uv, self._has_color, self._albedo_apart = has_uv, has_color, albedo_apart
        self.used_images: list[Any] = []

    def build(self, material: Any, description: ScanMaterialJson) -> None:
        """Make the nodes of ``material`` from an ``assets.asset.Material`` as JSON.

        Raises:
            MissingFile: a texture can't be read.
        """
        graph = NodeGraph(material)
        jitter_roughness, jitter_metallic, jitter_specular = graph.split(graph.object_property(PBR_PROPERTY))
        color, alpha = self._base_color(graph, description)
        roughness, metallic = self._roughness_metallic(graph, description)
        emissive = self._emissive(graph, description)
        color = self._jittered(graph, color)
        roughness = graph.math("ADD", roughness, jitter_roughness, clamp=True)
        metallic = graph.math("ADD", metallic, jitter_metallic, clamp=True)
        transmission = self._transmission(graph, description) if is_glass(description) else None
        if self._worn:
            worn = WearLayers(graph).lay_on(color, roughness, metallic)
            color, roughness, metallic = worn.color, worn.roughness, worn.metallic
            if transmission is not None:
                transmission = graph.math("MULTIPLY", transmission, worn.clear)
        glass = None
        if transmission is not None:
            glass = _Glass(graph, description, transmission, roughness, metallic)
        layers = ScanLayers(
            graph,
            description,
            lambda key, data, alpha: self._texture(graph, description, key, data, alpha),
            UV_NAME if self._has_uv else None,
        )
        surface = {
            "Base_Color": color if glass is None else glass.tint(color),
            "Roughness": roughness,
            "Metallic": metallic,
            "Specular_IOR_Level": layers.specular(graph.math("MULTIPLY", jitter_specular, 0.5)),
            "Emission_Color": emissive,
            "Emission_Strength": 0.0 if emissive is None else description.get("emissive_strength", 1.0),
            "Alpha": self._cut(graph, description, alpha),
            "Normal": self._normal(graph, description),
        }
        if glass is None and description.get("ior", 1.5) != 1.5:
            surface["IOR"] = description["ior"]
        surface |= layers.inputs() | ({} if glass is None else glass.inputs())
        graph.principled(albedo_apart=self._albedo_apart, **(_unlit(surface) if description.get("unlit") else surface))
        _set_transparency(material, description["alpha_mode"])
        if glass is not None:
            glass.complete(color)
            _set_refraction(material)

    def _texture(self, graph: NodeGraph, d: ScanMaterialJson, key: str, data: bool, alpha: str = "NONE") -> Any:
        name: Any = dict(d).get(key)
        if name is None or not self._has_uv:
            return None
        image = self._images.get(str(Path(self._folder, name)), data=data, alpha=alpha)
        self.used_images.append(image)
        uv = graph.node("UVMap", uv_map=UV_NAME).outputs[0]
        for transform in d.get("texture_transforms", ()):
            if transform["key"] == key:
                a, b, c, e, f, g = transform["matrix"]
                u = graph.math("ADD", graph.dot(uv, (a, b, 0.0)), c)
                uv = graph.join(u, graph.math("ADD", graph.dot(uv, (e, f, 0.0)), g))
        return graph.image(image, uv)

    def _base_color(self, graph: NodeGraph, d: ScanMaterialJson) -> tuple[Any, Any]:
        red, green, blue, alpha = d["base_color"]
        color: Any = graph.join(red, green, blue)
        opaque = d["alpha_mode"] == "OPAQUE"
        if texture := self._texture(graph, d, "base_color_texture", False, "NONE" if opaque else "CHANNEL_PACKED"):
            color = graph.vector("MULTIPLY", color, texture.outputs["Color"])
            if not opaque:
                alpha = graph.math("MULTIPLY", alpha, texture.outputs["Alpha"])
        if d["vertex_colors"] and self._has_color:
            attribute = graph.node("Attribute", attribute_name=COLOR_NAME)
            color = graph.vector("MULTIPLY", color, attribute.outputs["Color"])
            if not opaque:
                alpha = graph.math("MULTIPLY", alpha, attribute.outputs["Alpha"])
        return color, alpha

    def _jittered(self, graph: NodeGraph, color: Any) -> Any:
        hue, saturation, value = graph.split(graph.object_property(HSV_PROPERTY))
        node = graph.node("HueSaturation")
        for name, socket in (("Hue", hue), ("Saturation", saturation), ("Value", value), ("Color", color)):
            graph.feed(node.inputs[name], socket)
        return node.outputs[0]

    def _roughness_metallic(self, graph: NodeGraph, d: ScanMaterialJson) -> tuple[Any, Any]:
        texture = self._texture(graph, d, "metallic_roughness_texture", True)
        if texture is None:
            return d["roughness"], d["metallic"]
        _, green, blue = graph.split(texture.outputs["Color"])  # glTF 2.0: roughness in G, metallic in B
        return graph.math("MULTIPLY", green, d["roughness"]), graph.math("MULTIPLY", blue, d["metallic"])

    def _transmission(self, graph: NodeGraph, d: ScanMaterialJson) -> Any:
        texture = self._texture(graph, d, "transmission_texture", True)
        if texture is None:
            return d["transmission"]
        red, _, _ = graph.split(texture.outputs["Color"])  # KHR_materials_transmission
        return graph.math("MULTIPLY", red, d["transmission"])

    def _emissive(self, graph: NodeGraph, d: ScanMaterialJson) -> Any:
        if not any(d["emissive"]):
            return None
        color: Any = graph.join(*d["emissive"])
        if texture := self._texture(graph, d, "emissive_texture", False):
            color = graph.vector("MULTIPLY", color, texture.outputs["Color"])
        return color

    def _normal(self, graph: NodeGraph, d: ScanMaterialJson) -> Any:
        texture = self._texture(graph, d, "normal_texture", True)
        if texture is None:
            return None
        node = graph.node("NormalMap", uv_map=UV_NAME)
        node.inputs["Strength"].default_value = d.get("normal_scale", 1.0)
        graph.feed(node.inputs["Color"], texture.outputs["Color"])
        return node.outputs[0]

    @staticmethod
    def _cut(graph: NodeGraph, d: ScanMaterialJson, alpha: Any) -> Any:
        if d["alpha_mode"] == "OPAQUE":
            return 1.0
        if d["alpha_mode"] == "BLEND":
            return alpha
        return graph.math("SUBTRACT", 1.0, graph.math("LESS_THAN", alpha, d["alpha_cutoff"]))  # >= is opaque


def _unlit(surface: dict[str, Any]) -> dict[str, Any]:
    """A surface that reflects nothing and shines with its colour (KHR_materials_unlit)."""
    dark = {"Base_Color": (0.0, 0.0, 0.0, 1.0), "Roughness": 1.0, "Metallic": 0.0, "Specular_IOR_Level": 0.0}
    shining = {"Emission_Color": surface["Base_Color"], "Emission_Strength": 1.0}
    return dark | shining | {"Alpha": surface["Alpha"]}


def _set_transparency(material: Any, alpha_mode: str) -> None:
    """EEVEE wants to be told; Cycles looks at the shader alone."""
    if alpha_mode == "OPAQUE":
        return
    if hasattr(material, "surface_render_method"):  # 4.2 and later
        material.surface_render_method = "DITHERED"
    else:
        material.blend_method = "CLIP" if alpha_mode == "MASK" else "HASHED"
        material.shadow_method = "HASHED"


def _set_refraction(material: Any) -> None:
    """EEVEE again: trace rays through the surface, and let some of the light pass in its shadow."""
    _set_transparency(material, "BLEND")
    assign_known(material, {"use_raytrace_refraction": True, "use_screen_refraction": True})  # from 4.2, until 4.1


class _Glass:
    """What a material needs so that light gets through it.

    Args:
        graph: the material's.
        description: the material.
        transmission, roughness, metallic: sockets or constants, as they are in the picture.
    """

    def __init__(
        self, graph: NodeGraph, description: ScanMaterialJson, transmission: Any, roughness: Any, metallic: Any
    ) -> None:
        self._graph, self._description = graph, description
        self._transmission, self._roughness = transmission, roughness
        self._dielectric = graph.math("SUBTRACT", 1.0, metallic)
        self._thin = description["thickness_m"] == 0

    def tint(self, color: Any) -> Any:
        """The base colour by which light gets this one on its way through a body, or a single wall.

        From 4.0 on, the Principled BSDF takes its root at each surface; before, all of it.
        """
        if bpy.app.version < (4, 0, 0) or not self._description["single_wall"]:
            return color
        share = self._graph.join(*[self._transmission] * 3)
        return self._graph.vector("MULTIPLY", color, self._graph.mix((1.0, 1.0, 1.0), color, share))

    def inputs(self) -> dict[str, Any]:
        """Inputs of the Principled BSDF.

        Light goes straight through a thin wall, as at an index of 1; a coat reflects in its place.
        """
        ior = self._description["ior"]
        if not self._thin:
            return {"Transmission_Weight": self._transmission, "IOR": ior}
        coat = {"Coat_Weight": self._dielectric, "Coat_Roughness": self._roughness, "Coat_IOR": ior}
        return {"Transmission_Weight": self._transmission, "IOR": 1.0, **coat}

    def complete(self, color: Any) -> None:
        """Add what the Principled BSDF doesn't do, once it is wired. ``color``: the base colour."""
        graph = self._graph
        clear = graph.math("MULTIPLY", self._transmission, self._dielectric)
        if self._thin:  # whose roughness doesn't spread light, as the index is 1
            spread = graph.math("MULTIPLY", clear, graph.math("MULTIPLY", self._roughness, self._roughness))
            translucent = graph.node("BsdfTranslucent")
            graph.feed(translucent.inputs["Color"], color)
            graph.cover(spread, translucent)
        elif self._description["attenuation_m"] is not None:
            graph.fill(self._absorbing(self._description["attenuation_m"]))
        # Refracted light of lamps and of what is lit isn't looked for (caustics): without this, shadows were black.
        path = graph.node("LightPath")
        indirect = graph.math("MAXIMUM", path.outputs["Is Shadow Ray"], path.outputs["Is Diffuse Ray"])
        fresnel = graph.node("Fresnel")  # at a back, it takes the inverse: but this light comes in unbent
        back = graph.math("MULTIPLY", 2.0, graph.node("NewGeometry").outputs["Backfacing"])
        index = graph.math("POWER", self._description["ior"], graph.math("SUBTRACT", 1.0, back))
        graph.feed(fresnel.inputs["IOR"], index)
        passed = graph.math("MULTIPLY", clear, graph.math("SUBTRACT", 1.0, fresnel.outputs[0]))
        transparent = graph.node("BsdfTransparent")
        graph.feed(transparent.inputs["Color"], color)
        graph.cover(graph.math("MULTIPLY", indirect, passed), transparent)

    def _absorbing(self, distance_m: float) -> Any:
        """A volume that lets the attenuation colour through on its distance (Beer and Lambert)."""
        sigma = [-math.log(max(share, _DARKEST)) / distance_m for share in self._description["attenuation_color"]]
        density = max(sigma)
        node = self._graph.node("VolumeAbsorption")  # which absorbs density * (1 - colour) a metre
        if density > 0:
            self._graph.feed(node.inputs["Color"], (*(1.0 - s / density for s in sigma), 1.0))
        self._graph.feed(node.inputs["Density"], density)
        return node
