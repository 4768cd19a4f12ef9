"""``python -m render ARGS`` in a checkout, and ``blender -b --python render/__main__.py -- ARGS``.

Inside Blender only the standard library is at hand: this file then looks for a Python that has what scanstage needs and
runs the command line there, with this very Blender as the engine. The code that runs is that beside this file, whether
or not it is installed there, or another one is.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys

HERE = os.path.abspath(__file__)  # noqa: PTH100 - bare Blender's Python
ROOT = os.path.dirname(os.path.dirname(HERE))  # noqa: PTH120
PROBE = "import runpy, sys; runpy.run_path(sys.argv[1])['make_importable'](); "
PROBE += "import scanstage.render.commands.generate, scanstage.render.cli.app"
FROM_BLENDER = ("generate", "doctor")


def inside_blender() -> bool:
    """Whether a Blender executable runs this file (the bpy wheel, imported as a module, is no such thing)."""
    bpy = sys.modules.get("bpy")
    return bpy is not None and bool(getattr(bpy.app, "binary_path", ""))


def candidates() -> list[str]:
    """Pythons that may have scanstage, best first."""
    found = [os.environ.get("SCANSTAGE_PYTHON", "")]
    if venv := os.environ.get("VIRTUAL_ENV"):
        found.append(os.path.join(venv, "Scripts" if os.name == "nt" else "bin", "python"))  # noqa: PTH118
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found += [os.path.join(folder, name) for name in ("python3", "python", "python3.11", "python3.13")]  # noqa: PTH118
    return list(dict.fromkeys(p for p in found if p and os.access(p, os.X_OK)))


def child_environment() -> dict[str, str]:
    """The environment without what Blender sets for its own Python."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONNOUSERSITE")}


def find_python() -> str:
    """The first Python that can run the command line. Exits with code 2 and the hint where there is none."""
    if (named := os.environ.get("SCANSTAGE_PYTHON")) and not os.access(named, os.X_OK):
        print(f"error: SCANSTAGE_PYTHON={named} is not an executable", file=sys.stderr)
        leave(2)
    tried = candidates()
    for python in tried:
        try:
            probe = subprocess.run(
                [python, "-P", "-c", PROBE, HERE],
                env=child_environment(),
                capture_output=True,
                timeout=120,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if probe.returncode == 0:
            return python
    print("error: no Python with scanstage was found. Tried:", file=sys.stderr)
    for python in tried or ["nothing: PATH names no Python"]:
        print(f"  {python}", file=sys.stderr)
    print(
        f"Install it: python3 -m venv .venv && . .venv/bin/activate && pip install -e {ROOT}\n"
        "or name one: SCANSTAGE_PYTHON=/path/to/python",
        file=sys.stderr,
    )
    leave(2)
    raise AssertionError


def leave(code: int) -> None:
    """End this process at once: Blender itself would go on to its own exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_from_blender() -> None:
    """Run the command line in the Python that has scanstage, with this Blender as its engine; never returns."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if arguments and arguments[0] in FROM_BLENDER and not any(a.split("=")[0] == "--blender" for a in arguments):
        arguments = [*arguments, "--blender", sys.modules["bpy"].app.binary_path]
    command = [find_python(), "-P", HERE, *arguments]
    child = subprocess.Popen(command, env=child_environment())
    while True:
        try:
            leave(child.wait())
        except KeyboardInterrupt:
            continue  # the terminal sent it to the child as well, which stops by itself


def make_importable() -> None:
    """Let ``scanstage`` be the code beside this file, also where it isn't installed, or another copy is."""
    if "scanstage" in sys.modules:  # python -m scanstage.render
        return
    front = os.path.join(ROOT, "api")  # noqa: PTH118
    paths = [front, ROOT] if os.path.isdir(front) else [ROOT]  # noqa: PTH112 - in a checkout; where it is installed
    init = os.path.join(paths[0], "__init__.py")  # noqa: PTH118
    spec = importlib.util.spec_from_file_location("scanstage", init, submodule_search_locations=paths)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["scanstage"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["scanstage"])


def run() -> None:
    """Run the command line, in this process or, inside Blender, in another one."""
    if inside_blender():
        run_from_blender()
    if getattr(globals().get("__spec__"), "name", "") == "render.__main__":
        # Further processes that plan or check run this file again by its path, but not by a name that ends so: then
        # they find the code, too.
        runpy.run_path(HERE, run_name="__main__")
        return
    make_importable()
    from scanstage.render.cli.app import main

    main()


if __name__ == "__main__":
    run()
elif __name__ == "__mp_main__":  # in such a process
    make_importable()
