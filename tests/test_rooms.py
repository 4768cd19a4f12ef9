"""The house rules that a program can check: who may import whom, how rooms are made, where randomness comes from."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from support.wheel import build_wheel

ROOT = Path(__file__).parent.parent
ARROW = ("assets", "scenes", "dataset", "render", "api")
"""Each may import itself and what stands left of it."""
SOURCES = sorted(p for room in ARROW for p in (ROOT / room).rglob("*.py"))
FOLDERS = sorted({p.parent for p in SOURCES})
MOST_ENTRIES = 13
BLENDERS_OWN = {"pxr", "bpy", "mathutils", "bmesh", "_cycles", "addon_utils", "gpu"}


def name_of(path: Path) -> str:
    """What a module is imported by."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "api":
        del parts[0]
    return ".".join(["scanstage", *(parts if parts[-1:] != ["__init__"] else parts[:-1])])


MODULES = {name_of(p): p for p in SOURCES}


def imported(path: Path) -> Iterator[str]:
    """Whole names of modules and of what is taken out of them, wherever in the file; relative ones resolved."""
    package = name_of(path).split(".") if path.name == "__init__.py" else name_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{a.name}" for a in node.names)


def used(path: Path) -> set[Path]:
    """Files of the project that a file imports."""
    return {MODULES[name] for name in imported(path) if name in MODULES}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrow(path: Path) -> None:
    names = set(imported(path))
    room = path.relative_to(ROOT).parts[0]
    rooms = {p.relative_to(ROOT).parts[0] for p in used(path) if p != ROOT / "api/__init__.py"}
    assert not {r for r in rooms if ARROW.index(r) > ARROW.index(room)}
    tops = {name.split(".")[0] for name in names}
    assert not tops & set(ARROW), "rooms are imported as scanstage.<room>"
    if "blender" not in path.relative_to(ROOT).parts:
        assert not tops & BLENDERS_OWN
    assert "random" not in tops, "draws are keyed: use scanstage.scenes.values.seeding"


def test_folders_import_each_other_in_no_circle() -> None:
    """A folder is one node here, its subfolders are others."""
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        here = str(path.parent.relative_to(ROOT))
        graph.setdefault(here, set()).update(
            str(p.parent.relative_to(ROOT)) for p in used(path) if p.name != "__init__.py"
        )
        graph[here].discard(here)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as e:
        pytest.fail(" <- ".join(e.args[1]))
    assert len(order) > 40


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_is_small_and_says_what_it_is_for(folder: Path) -> None:
    entries = {p.name for p in folder.iterdir()} - {"__init__.py", "__pycache__", "py.typed"}
    assert len(entries) <= MOST_ENTRIES
    init = ast.parse((folder / "__init__.py").read_text("utf-8"))
    assert re.fullmatch(r"[A-Z0-9][^\n]{20,}[.]", (ast.get_docstring(init) or "").partition("\n")[0])
    if folder.name != "api":
        assert len(init.body) == 1, "a folder's own file says what the folder is for and does nothing"


def test_nothing_has_the_name_of_something_else() -> None:
    stems = Counter(p.stem for p in SOURCES if not p.stem.startswith("__"))
    stems.update(p.name for p in FOLDERS)
    assert [name for name, count in stems.items() if count > 1] == []
    classes = Counter(
        node.name for p in SOURCES for node in ast.parse(p.read_text("utf-8")).body if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in classes.items() if count > 1] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_draws_from_global_state(path: Path) -> None:
    allowed = {"Generator", "SeedSequence", "PCG64", "default_rng", "BitGenerator"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            assert node.attr in allowed, f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
            assert node.args, f"line {node.lineno}: a generator without a seed"


def test_the_worker_needs_nothing_but_blender() -> None:
    """render/blender runs in any Blender: standard library, numpy and bpy alone, and itself, by relative imports."""
    for path in (ROOT / "render" / "blender").rglob("*.py"):
        tops = {name.split(".")[0] for name in imported(path) if not name.startswith("scanstage.render.blender")}
        assert tops <= {
            *sys.stdlib_module_names,
            *BLENDERS_OWN,
            "numpy",
            "scanstage_blender",
            "scanstage_conversion",
        }, path.name


def test_tests_mirror_the_rooms() -> None:
    apart = {"support", "faults", "fresh_machine"}
    for path in (ROOT / "tests").rglob("test_*.py"):
        parent = path.parent.relative_to(ROOT / "tests")
        if parent.parts and parent.parts[0] not in apart:
            assert (ROOT / parent).is_dir(), f"{path}: there is no folder {parent}"


def test_the_wheel_brings_one_name(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path / "built")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"scanstage"}
    expected = {f"{name_of(p).replace('.', '/')}" for p in SOURCES if p.name != "__init__.py"}
    assert expected | {"scanstage/py.typed"} <= {name.removesuffix(".py") for name in names} | {
        "scanstage/py.typed"
    } & set(names)
