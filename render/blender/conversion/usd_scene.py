"""A USD file as objects of Blender's scene, named and placed as its prims are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .refused import Refused
from .shown_colors import keep_colors_to_what_shows_them, reads_other_values
from .usd_stage import mended_stage

_SHEARED = 1e-4
_MIX = ("Factor_Float", "A_Color", "B_Color")  # sockets of a node that has several of each name


def import_usd(source: Path, scratch: Path) -> dict[str, list[str]]:
    """Import a USD file as it is at its first frame, with an object for each instance, named after its prim.

    Args:
        source: the file.
        scratch: folder for a layer over it.

    Returns names of what doesn't come in as the file has it, see :func:`mended_stage`; and ``moving`` objects,
    materials that are ``unread``, whose textures lose how they are ``scaled``, or that read more than colors
    ``by_corner``.
    """
    import bpy

    # The operator is registered even in builds without USD: only the build's options tell.
    if not bpy.app.build_options.usd:
        raise Refused("no_usd", f"Blender {bpy.app.version_string} can't read USD")
    known = bpy.ops.wm.usd_import.get_rna_type().properties.keys()
    if "apply_unit_conversion_scale" not in known:
        raise Refused("no_usd", f"Blender {bpy.app.version_string} doesn't look at the unit of a USD file")
    # Not given where this Blender has no such option. Merged, the name is dropped that people gave, "wheel", and
    # "Mesh_012" kept; instances of a scene would share their prototype's names, and it would come in too, unscaled.
    wanted = {"merge_parent_xform": False, "support_scene_instancing": False}
    options = {"import_cameras": False, "import_lights": False, "apply_unit_conversion_scale": True}
    options |= {option: value for option, value in wanted.items() if option in known}
    mended, told = mended_stage(source, scratch)
    bpy.ops.wm.usd_import(filepath=str(mended), **options)
    moving = take_first_frame()
    put_skins_on_bones()
    name_meshes_as_above()
    make_points_objects()
    join_materials_of_instances()
    keep_colors_to_what_shows_them()
    moving = [] if "still" in told else moving
    told |= {"moving": moving, "unread": unread_materials(), "scaled": plain_scales()}
    return told | {"by_corner": reads_other_values()}


def put_skins_on_bones() -> None:
    """Put skinned meshes of USD where their skeleton is: nodes above one don't move it, by USD; in Blender they do.

    Such a mesh stands to what holds it as ``geomBindTransform`` says, which is its place to the skeleton.
    https://openusd.org/release/api/_usd_skel__schemas.html
    """
    import bpy

    for mesh in [o for o in bpy.context.scene.objects if o.type == "MESH" and o.parent]:
        for bones in [m.object for m in mesh.modifiers if m.type == "ARMATURE" and m.object]:
            mesh.matrix_world = bones.matrix_world @ mesh.matrix_local


def make_points_objects() -> None:
    """Make objects of what a PointInstancer shows: Blender has points with nodes, and prototypes that are hidden."""
    import bpy
    from mathutils import Matrix

    scene, made = bpy.context.scene, []
    for shown in bpy.context.evaluated_depsgraph_get().object_instances:
        if shown.is_instance and shown.object.type == "MESH" and shown.parent:
            parent = shown.parent.original
            made.append((shown.object.original, parent, parent.matrix_world.inverted_safe() @ shown.matrix_world))
    for prototype, parent, place in made:
        instance = prototype.copy()
        instance.parent, instance.matrix_parent_inverse, instance.matrix_basis = parent, Matrix(), place
        got = instance.matrix_basis
        if any((a - b).length > _SHEARED * max(1e-9, a.length) for a, b in zip(place, got, strict=True)):
            instance.data, instance.matrix_basis = prototype.data.copy(), Matrix()  # no object can stand like that
            instance.data.transform(place)
            if place.determinant() < 0:
                instance.data.flip_normals()
        scene.collection.objects.link(instance)
    for points in {parent for _, parent, _ in made}:
        points.modifiers.clear()
        points.instance_type = "NONE"  # that of scenes' instances in a Blender which makes collections of them
    for collection in [c for c in scene.collection.children if c.hide_viewport]:
        scene.collection.children.unlink(collection)


def join_materials_of_instances() -> None:
    """One material in place of those that only differ in Blender's numbers: it makes one for each instance."""
    import bpy

    first: dict[object, object] = {}
    for material in sorted(bpy.data.materials, key=lambda m: m.name):
        told: list[object] = [re.sub(r"\.\d{3,}$", "", material.name), *_settings(material)]
        for node in material.node_tree.nodes if material.node_tree else ():
            told += [node.name, getattr(node, "image", None), *_settings(node)]
            told += [_plain(i.default_value) for i in node.inputs if hasattr(i, "default_value")]
            for link in (link for i in node.inputs for link in i.links):
                told += [link.from_node.name, link.from_socket.identifier, link.to_socket.identifier]
        if (same := first.setdefault(tuple(told), material)) is not material:
            material.user_remap(same)
            bpy.data.materials.remove(material)


def _settings(thing: Any) -> list[str]:
    """Switches, numbers and texts of a material or a node, but for its name."""
    kinds = ("BOOLEAN", "ENUM", "FLOAT", "INT", "STRING")
    told = (p.identifier for p in thing.bl_rna.properties if p.type in kinds and not p.is_readonly)
    return [_plain(getattr(thing, name)) for name in told if name != "name"]


def _plain(value: Any) -> str:
    return repr(list(value)) if hasattr(value, "__len__") and not isinstance(value, str) else repr(value)


def take_first_frame() -> list[str]:
    """Go to the first frame of what moves in a USD, whatever Blender begins with; names of what does."""
    import bpy

    moving = []
    for thing in bpy.context.scene.objects:
        cached = {c.type for c in thing.constraints} | {m.type for m in thing.modifiers}
        keys = getattr(thing.data, "shape_keys", None)
        acts = any(t and t.animation_data and t.animation_data.action for t in (thing, keys))
        if acts or cached & {"TRANSFORM_CACHE", "MESH_SEQUENCE_CACHE"}:
            moving.append(thing.name)
    if moving:
        bpy.context.scene.frame_set(bpy.context.scene.frame_start)
    return sorted(moving)


def unread_materials() -> list[str]:
    """Materials of meshes that came in without any node: of USD, Blender reads a UsdPreviewSurface, not MDL.

    Blender 5 has nodes always switched on; before, they are off in such a material.
    """
    import bpy

    meshes = [o for o in bpy.context.scene.objects if o.type == "MESH"]
    used = {slot.material for mesh in meshes for slot in mesh.material_slots if slot.material}
    read = {m for m in used if m.node_tree and m.node_tree.nodes and getattr(m, "use_nodes", True)}
    return sorted(m.name for m in used - read)


def plain_scales() -> list[str]:
    """Make a factor, which glTF has, of what a texture of colours is multiplied by; materials where that can't be."""
    import bpy

    lost = set()
    for material in bpy.data.materials:
        tree = material.node_tree
        for node in [n for n in tree.nodes if n.type == "VECT_MATH"] if tree else []:
            texture, scale, bias = (node.inputs[k] for k in range(3))
            ends = [link.to_socket for link in node.outputs[0].links]
            is_factor = node.operation == "MULTIPLY_ADD" and not any(bias.default_value) and texture.is_linked
            if is_factor and all(0 <= x <= 1 for x in scale.default_value) and [e.name for e in ends] == ["Base Color"]:
                mix = tree.nodes.new("ShaderNodeMix")
                mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
                factor, a, b = (next(i for i in mix.inputs if i.identifier == name) for name in _MIX)
                factor.default_value, b.default_value = 1.0, (*scale.default_value, 1.0)
                tree.links.new(texture.links[0].from_socket, a)
                tree.links.new(next(o for o in mix.outputs if o.identifier == "Result_Color"), ends[0])
                tree.nodes.remove(node)
            elif ends:
                lost.add(material.name)
    return sorted(lost)


def name_meshes_as_above() -> None:
    """Swap the names of a mesh and of a node that holds it alone: USD names things there, and meshes anyhow.

    Before that, a mesh takes its name back from a node: which of two that are called alike gets a number depends on
    Blender's version. No name of USD has a dot.
    """
    import bpy

    objects = bpy.data.objects
    for mesh in [o for o in objects if o.type == "MESH"]:
        alike = objects.get(re.sub(r"\.\d{3,}$", "", mesh.name))
        if alike and alike.type == "EMPTY":
            _swap_names(mesh, alike)
    for mesh in [o for o in objects if o.type == "MESH" and o.parent and not o.children]:
        if mesh.parent.type == "EMPTY" and len(mesh.parent.children) == 1:
            _swap_names(mesh, mesh.parent)


def _swap_names(mesh: Any, other: Any) -> None:
    names = mesh.name, other.name
    other.name = ""  # Blender numbers what has another's name
    mesh.name = names[1]
    other.name = names[0]
