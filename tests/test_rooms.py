"""The house rules that a program can check: who may import whom, and where randomness comes from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARROW = {
    "assets": {"assets"},
    "scenes": {"assets", "scenes"},
    "dataset": {"assets", "scenes", "dataset"},
    "render": {"assets", "scenes", "dataset", "render"},
}
SOURCES = sorted(p for room in ARROW for p in (ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrow(path: Path) -> None:
    names = imported(ast.parse(path.read_text()))
    room = path.relative_to(ROOT).parts[0]
    assert not (names & set(ARROW)) - ARROW[room]
    if "blender" not in path.relative_to(ROOT).parts:
        assert not names & {"bpy", "mathutils", "bmesh"}
    assert "random" not in names, "draws are keyed: use scenes.seeding"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_draws_from_global_state(path: Path) -> None:
    allowed = {"Generator", "SeedSequence", "PCG64", "default_rng", "BitGenerator"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            assert node.attr in allowed, f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
            assert node.args, f"line {node.lineno}: a generator without a seed"


def test_the_worker_needs_nothing_but_blender() -> None:
    """render/blender runs in any Blender: standard library, numpy and bpy alone."""
    import sys

    for path in (ROOT / "render" / "blender").glob("*.py"):
        others = imported(ast.parse(path.read_text())) - set(sys.stdlib_module_names)
        assert others <= {"bpy", "mathutils", "numpy", "_cycles", "addon_utils", "gpu", "scanstage_blender", ""}, (
            path.name
        )
