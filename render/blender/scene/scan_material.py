"""A scan's own PBR material as Blender nodes; per-picture jitter comes from properties of the object that is shaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..exchange.plan_types import JitterJson, ScanMaterialJson
from .image_cache import ImageCache
from .mesh_data import COLOR_NAME, UV_NAME
from .node_graph import NodeGraph

# One material serves every picture and instance of an asset: what varies is read from these object properties.
HSV_PROPERTY = "scan_hsv"  # (hue as the node wants it: 0.5 is unchanged, saturation, value)
PBR_PROPERTY = "scan_pbr"  # (added roughness, added metallic, factor on specular)


def jitter_properties(jitter: JitterJson) -> dict[str, list[float]]:
    """The object properties that carry a ``MaterialJitter``."""
    return {
        HSV_PROPERTY: [0.5 + jitter["hue"], jitter["saturation"], jitter["value"]],
        PBR_PROPERTY: [jitter["roughness"], jitter["metallic"], jitter["specular"]],
    }


class ScanMaterialBuilder:
    """Builds the materials of one asset.

    Args:
        folder: the asset's folder, where its textures are.
        images: the cache that loads them.
        has_uv, has_color: what the asset's mesh carries; materials that want more go without.
        albedo_apart: see :meth:`NodeGraph.principled`.
    """

    def __init__(
        self, folder: str, images: ImageCache, has_uv: bool, has_color: bool, albedo_apart: bool = False
    ) -> None:
        self._folder, self._images = folder, images
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
        graph.principled(
            albedo_apart=self._albedo_apart,
            Base_Color=self._jittered(graph, color),
            Roughness=graph.math("ADD", roughness, jitter_roughness, clamp=True),
            Metallic=graph.math("ADD", metallic, jitter_metallic, clamp=True),
            Specular_IOR_Level=graph.math("MULTIPLY", jitter_specular, 0.5),
            Emission_Color=emissive,
            Emission_Strength=0.0 if emissive is None else 1.0,
            Alpha=self._cut(graph, description, alpha),
            Normal=self._normal(graph, description),
        )
        _set_transparency(material, description["alpha_mode"])

    def _texture(self, graph: NodeGraph, name: str | None, data: bool, alpha: str = "NONE") -> Any:
        if name is None or not self._has_uv:
            return None
        image = self._images.get(str(Path(self._folder, name)), data=data, alpha=alpha)
        self.used_images.append(image)
        uv = graph.node("UVMap", uv_map=UV_NAME)
        return graph.image(image, uv.outputs[0])

    def _base_color(self, graph: NodeGraph, d: ScanMaterialJson) -> tuple[Any, Any]:
        red, green, blue, alpha = d["base_color"]
        color: Any = graph.join(red, green, blue)
        opaque = d["alpha_mode"] == "OPAQUE"
        if texture := self._texture(graph, d["base_color_texture"], False, "NONE" if opaque else "CHANNEL_PACKED"):
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
        texture = self._texture(graph, d["metallic_roughness_texture"], True)
        if texture is None:
            return d["roughness"], d["metallic"]
        _, green, blue = graph.split(texture.outputs["Color"])  # glTF 2.0: roughness in G, metallic in B
        return graph.math("MULTIPLY", green, d["roughness"]), graph.math("MULTIPLY", blue, d["metallic"])

    def _emissive(self, graph: NodeGraph, d: ScanMaterialJson) -> Any:
        if not any(d["emissive"]):
            return None
        color: Any = graph.join(*d["emissive"])
        if texture := self._texture(graph, d["emissive_texture"], False):
            color = graph.vector("MULTIPLY", color, texture.outputs["Color"])
        return color

    def _normal(self, graph: NodeGraph, d: ScanMaterialJson) -> Any:
        texture = self._texture(graph, d["normal_texture"], True)
        if texture is None:
            return None
        node = graph.node("NormalMap", uv_map=UV_NAME)
        graph.feed(node.inputs["Color"], texture.outputs["Color"])
        return node.outputs[0]

    @staticmethod
    def _cut(graph: NodeGraph, d: ScanMaterialJson, alpha: Any) -> Any:
        if d["alpha_mode"] == "OPAQUE":
            return 1.0
        if d["alpha_mode"] == "BLEND":
            return alpha
        return graph.math("SUBTRACT", 1.0, graph.math("LESS_THAN", alpha, d["alpha_cutoff"]))  # >= is opaque


def _set_transparency(material: Any, alpha_mode: str) -> None:
    """EEVEE wants to be told; Cycles looks at the shader alone."""
    if alpha_mode == "OPAQUE":
        return
    if hasattr(material, "surface_render_method"):  # 4.2 and later
        material.surface_render_method = "DITHERED"
    else:
        material.blend_method = "CLIP" if alpha_mode == "MASK" else "HASHED"
        material.shadow_method = "HASHED"
