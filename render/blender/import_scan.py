"""Convert a USD, FBX or compressed glTF file to GLB: ``import_scan.py SOURCE TARGET``, in a Blender process of its own.

Prints one line of JSON after a marker, ``{"ok": true}`` or ``{"error": kind, "message": …}``; Blender prints around it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

MARKER = "SCANSTAGE-IMPORT "
_USD = (".usd", ".usda", ".usdc", ".usdz")


class Refused(Exception):
    """This file can't be converted here; ``kind`` is for the caller."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def convert(source: Path, target: Path) -> None:
    """Import ``source`` into an empty scene and export its meshes, with materials, as GLB in metres, Y up."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    if source.suffix.lower() in _USD:
        # The operator is registered even in builds without USD: only the build's options tell.
        if not bpy.app.build_options.usd:
            raise Refused("no_usd", f"Blender {bpy.app.version_string} can't read USD")
        known = bpy.ops.wm.usd_import.get_rna_type().properties.keys()
        if "apply_unit_conversion_scale" not in known:
            raise Refused("no_usd", f"Blender {bpy.app.version_string} doesn't look at the unit of a USD file")
        options = {"import_cameras": False, "import_lights": False, "apply_unit_conversion_scale": True}
        if "merge_parent_xform" in known:  # which drops the name that people gave, "wheel", and keeps "Mesh_012"
            options["merge_parent_xform"] = False
        bpy.ops.wm.usd_import(filepath=str(source), **options)
        name_meshes_as_above()
    elif source.suffix.lower() in (".glb", ".gltf"):  # compressed in ways that only Blender's importer decodes
        bpy.ops.import_scene.gltf(filepath=str(source))
    else:
        bpy.ops.import_scene.fbx(filepath=str(source), use_anim=False, use_custom_props=False)
    if not any(o.type == "MESH" for o in bpy.context.scene.objects):
        raise Refused("no_mesh", "it holds no mesh")
    if outside := images_outside(source.resolve().parent):
        raise Refused("outside", f"it takes images from outside its own folder: {', '.join(outside)}")
    bpy.ops.export_scene.gltf(
        filepath=str(target),
        export_format="GLB",
        export_yup=True,
        export_apply=True,
        export_animations=False,
        export_cameras=False,
        export_lights=False,
        export_skins=False,
        export_morph=False,
    )


def name_meshes_as_above() -> None:
    """Swap the names of a mesh and of a node that holds it alone: USD names things there, and meshes anyhow."""
    import bpy

    for mesh in [o for o in bpy.context.scene.objects if o.type == "MESH" and o.parent and not o.children]:
        above = mesh.parent
        if above.type == "EMPTY" and len(above.children) == 1:
            names = mesh.name, above.name
            above.name = ""  # Blender numbers what has another's name
            mesh.name = names[1]
            above.name = names[0]


def images_outside(folder: Path) -> list[str]:
    """Image files that were read from anywhere but below ``folder``: a scan from elsewhere must not copy them out."""
    import bpy

    files = {Path(os.path.realpath(bpy.path.abspath(i.filepath))) for i in bpy.data.images if i.filepath}
    return sorted(str(f) for f in files if f.is_file() and not f.is_relative_to(folder))


def _last_line(error: BaseException) -> str:
    """What went wrong without the traceback that Blender's operators put into their errors."""
    lines = [line.strip() for line in str(error).split("Location:")[0].splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def main() -> None:
    """Convert, report and leave."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    source, target = (Path(a) for a in arguments)
    try:
        convert(source, target)
        report: dict[str, object] = {"ok": True}
    except Refused as e:
        report = {"error": e.kind, "message": str(e)}
    except ModuleNotFoundError as e:
        report = {"error": "no_bpy" if e.name == "bpy" else "failed", "message": str(e)}
    except ImportError as e:
        report = {"error": "bpy_broken", "message": str(e)}
    except BaseException as e:
        traceback.print_exc()
        report = {"error": "failed", "message": _last_line(e)}
    sys.stdout.flush()
    print(f"\n{MARKER}{json.dumps(report)}", flush=True)
    sys.stderr.flush()
    os._exit(0)  # the interpreter's own exit can hang once bpy is imported


if __name__ == "__main__":
    main()
