"""What lies on a scan's surface: a coat, sheen, brushing, a reflection of its own; as inputs of the Principled BSDF."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bpy

from ...exchange.plan_types import ScanMaterialJson
from .node_graph import NodeGraph

Lookup = Callable[[str, bool, str], Any]
"""The node that looks a texture up, by its key, whether it is data, and its alpha mode; None where there is none."""


class ScanLayers:
    """Of one material; those of older assets know of none.

    Args:
        graph: the material's.
        description: the material.
        lookup: of its textures.
        uv_map: name of the mesh's UVs; None where it has none.
    """

    def __init__(self, graph: NodeGraph, description: ScanMaterialJson, lookup: Lookup, uv_map: str | None) -> None:
        self._graph, self._lookup, self._uv_map = graph, lookup, uv_map
        self._d: dict[str, Any] = dict(description)

    def inputs(self) -> dict[str, Any]:
        """Those that the material needs."""
        return {**self._coat(), **self._sheen(), **self._tint(), **self._brushed()}

    def specular(self, level: Any) -> Any:
        """A level of reflection, by the material's share of it (KHR_materials_specular: times A)."""
        factor = self._d.get("specular", 1.0)
        texture = self._texture("specular_texture", alpha="CHANNEL_PACKED")
        if texture is not None:
            level = self._graph.math("MULTIPLY", level, texture.outputs["Alpha"])
        return level if factor == 1.0 else self._graph.math("MULTIPLY", level, factor)

    def _texture(self, key: str, data: bool = True, alpha: str = "NONE") -> Any:
        return self._lookup(key, data, alpha) if self._d.get(key) else None

    def _coat(self) -> dict[str, Any]:
        """KHR_materials_clearcoat: factor times R, roughness times G, an index of 1.5."""
        weight, graph = self._d.get("coat", 0.0), self._graph
        if not weight:
            return {}
        roughness: Any = self._d["coat_roughness"]
        if texture := self._texture("coat_texture"):
            weight = graph.math("MULTIPLY", graph.split(texture.outputs["Color"])[0], weight)
        if texture := self._texture("coat_roughness_texture"):
            roughness = graph.math("MULTIPLY", graph.split(texture.outputs["Color"])[1], roughness)
        normal = None
        if texture := self._texture("coat_normal_texture"):
            node = graph.node("NormalMap", uv_map=self._uv_map)
            graph.feed(node.inputs["Color"], texture.outputs["Color"])
            normal = node.outputs[0]
        return {"Coat_Weight": weight, "Coat_Roughness": roughness, "Coat_Normal": normal}

    def _sheen(self) -> dict[str, Any]:
        """KHR_materials_sheen: colour times RGB, roughness times A. Until 3.x it is white, without roughness."""
        graph, color = self._graph, self._d.get("sheen_color", (0.0, 0.0, 0.0))
        if not any(color):
            return {}
        tint: Any = (*color, 1.0)
        if texture := self._texture("sheen_color_texture", data=False):
            tint = graph.vector("MULTIPLY", graph.join(*color), texture.outputs["Color"])
        if bpy.app.version < (4, 0, 0):
            if isinstance(tint, tuple):
                return {"Sheen_Weight": max(color)}
            red, green, blue = graph.split(tint)
            return {"Sheen_Weight": graph.math("MAXIMUM", graph.math("MAXIMUM", red, green), blue)}
        roughness: Any = self._d["sheen_roughness"]
        if texture := self._texture("sheen_roughness_texture", alpha="CHANNEL_PACKED"):
            roughness = graph.math("MULTIPLY", texture.outputs["Alpha"], roughness)
        return {"Sheen_Weight": 1.0, "Sheen_Tint": tint, "Sheen_Roughness": roughness}

    def _tint(self) -> dict[str, Any]:
        """The colour of KHR_materials_specular, times RGB. Until 3.x reflections can't be tinted."""
        color = self._d.get("specular_color", (1.0, 1.0, 1.0))
        texture = self._texture("specular_color_texture", data=False)
        if bpy.app.version < (4, 0, 0) or (texture is None and all(c == 1.0 for c in color)):
            return {}
        if texture is None:
            return {"Specular_Tint": (*color, 1.0)}
        return {"Specular_Tint": self._graph.vector("MULTIPLY", self._graph.join(*color), texture.outputs["Color"])}

    def _brushed(self) -> dict[str, Any]:
        """KHR_materials_anisotropy: R and G are a direction from -1 to 1, B a factor on the strength."""
        strength, graph = self._d.get("anisotropy", 0.0), self._graph
        if not strength or self._uv_map is None:
            return {}
        turns: Any = (self._d["anisotropy_rad"] / math.tau) % 1.0
        if texture := self._texture("anisotropy_texture"):
            red, green, blue = graph.split(texture.outputs["Color"])
            x, y = (graph.math("MULTIPLY_ADD", channel, 2.0, -1.0) for channel in (red, green))
            angle = graph.math("DIVIDE", graph.math("ARCTAN2", y, x), math.tau)
            turns = graph.math("FRACT", graph.math("ADD", angle, turns + 1.0))
            strength = graph.math("MULTIPLY", blue, strength)
        tangent = graph.node("Tangent", direction_type="UV_MAP", uv_map=self._uv_map)
        return {"Anisotropic": strength, "Anisotropic_Rotation": turns, "Tangent": tangent.outputs[0]}
