"""Convert a USD, FBX or compressed glTF file to GLB: ``import_scan.py SOURCE TARGET FOLDER``, in a process of its own.

Images may come from below FOLDER.

Prints one line of JSON after a marker, ``{"told": {kind: [name, …]}}`` or ``{"error": kind, "message": …}``; Blender
prints around it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path

MARKER = "SCANSTAGE-IMPORT "
PACKAGE = "scanstage_conversion"


def load_package() -> None:
    """Make this folder importable as a package of its own name: Blender runs this file by its path."""
    folder = Path(__file__).resolve().parent
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != folder]  # our names must shadow nobody's modules
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, init, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{init} is missing")
    sys.modules[PACKAGE] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _last_line(error: BaseException) -> str:
    """What went wrong without the traceback that Blender's operators put into their errors."""
    lines = [line.strip() for line in str(error).split("Location:")[0].splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def main() -> None:
    """Convert, report and leave."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    source, target, folder = (Path(a) for a in arguments)
    report: dict[str, object]
    try:
        load_package()
        from scanstage_conversion.refused import Refused
        from scanstage_conversion.scan_to_glb import convert

        try:
            report = {"told": convert(source, target, folder)}
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
