"""Colours of a mesh's corners, which glTF multiplies every material by, and USD those that ask for them."""

from __future__ import annotations

from array import array
from typing import Any

_READERS = {"ATTRIBUTE": "attribute_name", "VERTEX_COLOR": "layer_name"}  # a node, and what names its attribute


def keep_colors_to_what_shows_them() -> None:
    """Make colours white where a material doesn't show them that stands beside one which does."""
    import bpy

    for mesh in {o.data for o in bpy.context.scene.objects if o.type == "MESH"}:
        shown = [_names_shown(m) for m in mesh.materials]
        for name in [a.name for a in mesh.color_attributes]:
            if any(name in names for names in shown) and not all(name in names for names in shown):
                _whiten(mesh, name, {k for k, names in enumerate(shown) if name not in names})


def reads_other_values() -> list[str]:
    """Materials that take anything but their color from values of corners: glTF has no such."""
    import bpy

    found = set()
    for material in bpy.data.materials:
        for node in [n for n in material.node_tree.nodes if n.type in _READERS] if material.node_tree else ():
            if any(link.to_socket.name != "Base Color" for output in node.outputs for link in output.links):
                found.add(material.name)
    return sorted(found)


def _names_shown(material: Any) -> set[str]:
    nodes = material.node_tree.nodes if material and material.node_tree else ()
    return {getattr(node, _READERS[node.type]) for node in nodes if node.type in _READERS}


def _whiten(mesh: Any, name: str, materials: set[int]) -> None:
    """Make a colour of corners of it, which is white in faces of some of its materials."""
    given = mesh.color_attributes[name]
    by_vertex, values = given.domain == "POINT", array("f", [0.0]) * (4 * len(given.data))
    given.data.foreach_get("color", values)
    colors = array("f")
    for face in mesh.polygons:
        for corner in face.loop_indices:
            at = mesh.loops[corner].vertex_index if by_vertex else corner
            colors.extend((1, 1, 1, 1) if face.material_index in materials else values[4 * at : 4 * at + 4])
    mesh.color_attributes.remove(given)
    made = mesh.color_attributes.new(name=name, type="FLOAT_COLOR", domain="CORNER")
    made.data.foreach_set("color", colors)
    mesh.color_attributes.active_color = made
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(name)
