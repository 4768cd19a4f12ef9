"""What an FBX hides, and what it moves."""

from __future__ import annotations

import re

_TAKE = re.compile(rb"S[\x01-\xff]\0\0\0([^\0]{1,80})\0\x01AnimStack", re.DOTALL)  # a name, as FBX writes a text


def leave_out_hidden() -> list[str]:
    """Take the faces of meshes that an FBX hides by themselves or with what holds them; their names.

    A hidden skeleton hides no skin: it is in the way of those who animate it.
    """
    import bpy

    hidden = []
    for mesh in [o for o in bpy.context.scene.objects if o.type == "MESH"]:
        above, hides = mesh, mesh.hide_viewport
        while above := above.parent:
            hides = hides or (above.hide_viewport and above.type != "ARMATURE")
        if hides:
            hidden.append(mesh.name)
            mesh.data = bpy.data.meshes.new(mesh.name)
    return hidden


def takes_of(fbx: bytes) -> list[str]:
    """Names of a binary FBX's animations; exporters also write such without a curve, in which nothing moves."""
    names = [m[1].decode("utf-8", "replace") for m in _TAKE.finditer(fbx)] if b"\0\1AnimCurve" in fbx else []
    return list(dict.fromkeys(names))
