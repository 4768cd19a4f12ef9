"""Small vocabulary for building shader node trees that read the same in every Blender."""

from __future__ import annotations

from typing import Any

import bpy

# Sockets of the Principled BSDF that Blender 4.0 renamed: (new name, old name).
_RENAMED = {
    "Specular IOR Level": "Specular",
    "Emission Color": "Emission",
    "Transmission Weight": "Transmission",
    "Coat Weight": "Clearcoat",
    "Coat Roughness": "Clearcoat Roughness",
    "Coat Normal": "Clearcoat Normal",
    "Sheen Weight": "Sheen",
}
_NEW = {"Coat IOR"}
"""Those that it lacked before: it had one fixed value."""


ALBEDO_PASS = "albedo"
"""A pass of the surfaces' base colours (an AOV)."""
ALBEDO_ONLY = "albedo_only"
"""A property of the scene: while it is 1, surfaces have that pass and no light. Cycles puts its value into the shaders
before it compiles them, so that neither kind of render pays for the other."""


class NodeGraph:
    """A shader node tree under construction. Values given to nodes are sockets to link or constants to set."""

    def __init__(self, owner: Any) -> None:
        """Empty the node tree of ``owner``, a material or world."""
        if bpy.app.version < (5, 0, 0):  # from 5.0 on every material and world has nodes
            owner.use_nodes = True
        self.owner = owner
        self.tree = owner.node_tree
        self.tree.nodes.clear()

    def node(self, kind: str, **properties: Any) -> Any:
        """Add ``ShaderNode<kind>`` with properties set."""
        node = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in properties.items():
            setattr(node, key, value)
        return node

    def feed(self, socket: Any, value: Any) -> None:
        """Link a socket to ``value`` where that is one, set it as the default otherwise; None leaves it.

        A number given to a vector's socket is all of its components, as where a scalar's socket is linked to it.
        """
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif isinstance(value, int | float) and socket.type in ("VECTOR", "RGBA"):
            socket.default_value = (value,) * len(socket.default_value)
        elif value is not None:
            socket.default_value = value

    def math(self, operation: str, *inputs: Any, clamp: bool = False) -> Any:
        """Scalar math; returns the output socket."""
        node = self.node("Math", operation=operation, use_clamp=clamp)
        for socket, value in zip(node.inputs, inputs, strict=False):  # nodes have spare inputs
            self.feed(socket, value)
        return node.outputs[0]

    def vector(self, operation: str, *inputs: Any) -> Any:
        """Vector math on vectors, colours or scalars; returns the vector output."""
        node = self.node("VectorMath", operation=operation)
        for socket, value in zip(node.inputs, inputs, strict=False):  # nodes have spare inputs
            self.feed(socket, value)
        return node.outputs[0]

    def dot(self, a: Any, b: Any) -> Any:
        """The scalar product of two vectors."""
        node = self.node("VectorMath", operation="DOT_PRODUCT")
        self.feed(node.inputs[0], a)
        self.feed(node.inputs[1], b)
        return node.outputs["Value"]

    def ramp(self, value: Any, low: Any, high: Any) -> Any:
        """0 up to ``low``, 1 from ``high`` on, smooth between (a cubic); ``low`` is less than ``high``."""
        node = self.node("MapRange", interpolation_type="SMOOTHSTEP")
        for name, given in (("Value", value), ("From Min", low), ("From Max", high)):
            self.feed(node.inputs[name], given)
        return node.outputs[0]

    def mix(self, a: Any, b: Any, t: Any) -> Any:
        """``a + (b - a) * t`` on vectors or colours."""
        return self.vector("MULTIPLY_ADD", self.vector("SUBTRACT", b, a), t, a)

    def split(self, vector: Any) -> tuple[Any, Any, Any]:
        """The three components of a vector or colour."""
        node = self.node("SeparateXYZ")
        self.feed(node.inputs[0], vector)
        return node.outputs[0], node.outputs[1], node.outputs[2]

    def join(self, x: Any, y: Any, z: Any = 0.0) -> Any:
        """A vector of three scalars."""
        node = self.node("CombineXYZ")
        for socket, value in zip(node.inputs, (x, y, z), strict=True):
            self.feed(socket, value)
        return node.outputs[0]

    def object_property(self, name: str) -> Any:
        """A custom property of the object that is shaded, as a vector."""
        node = self.node("Attribute", attribute_type="OBJECT", attribute_name=name)
        return node.outputs["Vector"]

    def image(self, image: Any, coordinates: Any, interpolation: str = "Linear") -> Any:
        """An image lookup; returns the node (outputs ``Color`` and ``Alpha``)."""
        node = self.node("TexImage", image=image, interpolation=interpolation)
        self.feed(node.inputs["Vector"], coordinates)
        return node

    def principled(self, albedo_apart: bool = False, **inputs: Any) -> Any:
        """A Principled BSDF by today's socket names (spaces as ``_``), wired to the material's output.

        With ``albedo_apart``, base colours have a pass of their own, and can be rendered alone.
        """
        bsdf = self.node("BsdfPrincipled")
        for key, value in inputs.items():
            name = key.replace("_", " ")
            if name in _NEW and name not in bsdf.inputs:
                continue
            self.feed(bsdf.inputs[name if name in bsdf.inputs else _RENAMED[name]], value)
        # Without anisotropy the tangent is of no account, but where none is given Cycles works it out at every hit.
        if "Tangent" not in inputs:
            self.feed(bsdf.inputs["Tangent"], self.node("NewGeometry").outputs["Normal"])
        surface = self._albedo_apart(bsdf, inputs) if albedo_apart else bsdf.outputs[0]
        self.feed(self.node("OutputMaterial").inputs["Surface"], surface)
        return bsdf

    def _albedo_apart(self, bsdf: Any, inputs: dict[str, Any]) -> Any:
        """The pass, and a surface that is without light where that is all that is wanted."""
        color, alpha = inputs["Base_Color"], inputs.get("Alpha", 1.0)
        opaque = not isinstance(alpha, bpy.types.NodeSocket) and alpha == 1.0
        aov = self.node("OutputAOV")
        setattr(aov, "aov_name" if hasattr(aov, "aov_name") else "name", ALBEDO_PASS)  # until 4.1
        # What is cut away has no colour: it would be added to that of what one sees through it.
        self.feed(aov.inputs["Color"], color if opaque else self.vector("MULTIPLY", color, alpha))
        # Something that shines: a shader that has no surface at all is seen through where it was compiled just now.
        unlit = self.node("Emission")
        if not inputs.get("Emission_Strength"):
            self._never_a_lamp()
        self.feed(unlit.inputs["Color"], color)
        if not opaque:
            unlit = self._mixed(alpha, self.node("BsdfTransparent").outputs[0], unlit.outputs[0])
        wanted = self.node("Attribute", attribute_type="VIEW_LAYER", attribute_name=ALBEDO_ONLY)
        return self._mixed(wanted.outputs["Fac"], bsdf.outputs[0], unlit.outputs[0]).outputs[0]

    def _never_a_lamp(self) -> None:
        """Else the renderer would look for light where there is none."""
        settings = self.owner.cycles
        if hasattr(settings, "emission_sampling"):
            settings.emission_sampling = "NONE"
        else:
            settings.sample_as_light = False  # until 3.4

    def _mixed(self, part: Any, first: Any, second: Any) -> Any:
        mix = self.node("MixShader")
        for socket, value in zip(mix.inputs, (part, first, second), strict=True):
            self.feed(socket, value)
        return mix

    def cover(self, share: Any, shader: Any) -> None:
        """Show another shader in place of the material's own surface, by a share of 0 to 1."""
        output = self._output()
        mix = self.node("MixShader")
        beneath = output.inputs["Surface"].links[0].from_socket
        for socket, value in zip(mix.inputs, (share, beneath, shader.outputs[0]), strict=True):
            self.feed(socket, value)
        self.feed(output.inputs["Surface"], mix.outputs[0])

    def fill(self, shader: Any) -> None:
        """Give the material's inside a shader of volumes."""
        self.feed(self._output().inputs["Volume"], shader.outputs[0])

    def _output(self) -> Any:
        return next(node for node in self.tree.nodes if node.type == "OUTPUT_MATERIAL")
