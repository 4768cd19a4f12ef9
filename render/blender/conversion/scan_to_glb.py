"""From a file of a format that only Blender reads to a GLB."""

from __future__ import annotations

import os
from array import array
from pathlib import Path

from .fbx_scene import leave_out_hidden, takes_of
from .refused import Refused
from .usd_scene import import_usd

_USD = (".usd", ".usda", ".usdc", ".usdz")


def convert(source: Path, target: Path, folder: Path) -> dict[str, list[str]]:
    """Import ``source`` into an empty scene and export its meshes, with materials, as GLB in metres, Y up.

    Returns names of what doesn't come in as the file has it: of USD see :func:`import_usd`; of FBX ``hidden`` objects
    and ``takes``.
    """
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    told: dict[str, list[str]] = {}
    if source.suffix.lower() in _USD:
        told = import_usd(source, target.parent)
    elif source.suffix.lower() in (".glb", ".gltf"):  # compressed in ways that only Blender's importer decodes
        bpy.ops.import_scene.gltf(filepath=str(source))
    else:
        bpy.ops.import_scene.fbx(filepath=str(source), use_anim=False, use_custom_props=False)
        told = {"hidden": leave_out_hidden(), "takes": takes_of(source.read_bytes())}
    meshes = [o for o in bpy.context.scene.objects if o.type == "MESH"]
    hidden = told.get("hidden")
    if hidden and not any(o.data.polygons for o in meshes):
        raise Refused("hidden", f"all that it holds is hidden: {', '.join(hidden[:4])}")
    if not meshes:
        raise Refused("no_mesh", "it holds no mesh")
    if outside := images_outside(folder.resolve()):
        raise Refused("outside", f"it takes images from outside its own folder: {', '.join(outside)}")
    apply_shape_keys()
    bpy.ops.export_scene.gltf(
        filepath=str(target),
        export_format="GLB",
        export_yup=True,
        export_apply=True,
        export_animations=False,
        export_current_frame=True,  # else it goes to frame 0
        export_cameras=False,
        export_lights=False,
        export_skins=False,
        export_morph=False,
    )
    return told


def apply_shape_keys() -> None:
    """Make meshes of their mixed shapes, which the exporter else leaves out with those that it could mix."""
    import bpy

    for thing in [o for o in bpy.context.scene.objects if o.type == "MESH" and o.data.shape_keys]:
        mixed = array("f", [0.0]) * (3 * len(thing.data.vertices))
        thing.shape_key_add(from_mix=True).data.foreach_get("co", mixed)
        thing.data = thing.data.copy()  # others of the same mesh may mix it otherwise
        thing.shape_key_clear()
        thing.data.vertices.foreach_set("co", mixed)


def images_outside(folder: Path) -> list[str]:
    """Image files that were read from anywhere but below ``folder``: a scan from elsewhere must not copy them out."""
    import bpy

    files = {Path(os.path.realpath(bpy.path.abspath(i.filepath))) for i in bpy.data.images if i.filepath}
    # What lies in a package within a package, Blender unpacks to a folder of its own.
    within = (folder, Path(os.path.realpath(bpy.app.tempdir)))
    return sorted(str(f) for f in files if f.is_file() and not any(f.is_relative_to(w) for w in within))
