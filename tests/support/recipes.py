"""Recipes of CONTRIBUTING.md, followed in a copy of the code: each block goes where its first line says.

``# PATH``: a new module. ``# PATH, above NAME``: before a table. ``# PATH, into NAME``: rows at the end of a table, or
a field at the end of a class. Imports at the beginning of what goes into a file go to the imports of the file.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("assets", "scenes", "dataset", "render")
_HEAD = re.compile(r"# ([\w/]+\.py)(?:, (above|into) (\w+))?\n")
_IMPORTS = re.compile(r"(?:from \S+ import .*\n)+\n+")


@dataclass(frozen=True)
class Block:
    """Code of a recipe.

    Attributes:
        path: of the file that it goes to, below the repository.
        where: ``above`` or ``into`` something in it; empty for a new file.
        name: of that.
        imports: to be added to the file's.
        code: what goes there.
    """

    path: str
    where: str
    name: str
    imports: str
    code: str

    @classmethod
    def read(cls, text: str) -> Block:
        """Read a fenced block. Raises ValueError where its first line doesn't say where it goes."""
        head = _HEAD.match(text)
        if head is None:
            raise ValueError(f"a block that doesn't say where it goes: {text[:60]!r}")
        path, where, name = head.groups(default="")
        code = text[head.end() :]
        imports = found[0] if where and (found := _IMPORTS.match(code)) else ""
        return cls(path, where, name, imports.rstrip("\n") + "\n" * bool(imports), code.removeprefix(imports))


def read_recipes(page: Path) -> dict[str, list[Block]]:
    """The blocks of each recipe, by its heading, in lower case."""
    found = {}
    for section in re.split(r"^### ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        found[section.partition("\n")[0].lower()] = [Block.read(block) for block in blocks]
    return found


def copy_code(folder: Path) -> Path:
    """A copy of the code below ``folder``, to be found there as ``scanstage``; returns the package's folder."""
    package = folder / "scanstage"
    shutil.copytree(ROOT / "api", package, ignore=shutil.ignore_patterns("__pycache__"))
    for room in ROOMS:
        shutil.copytree(ROOT / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def follow(block: Block, package: Path) -> None:
    """Do with a copy of the code what a block says."""
    path = package / block.path
    if not block.where:
        assert not path.exists(), f"{block.path}: is there already"
        assert path.stem not in {p.stem for p in package.rglob("*.py")}, f"{block.path}: its name is taken"
        path.write_text(block.code, "utf-8")
        return
    text = path.read_text("utf-8")
    nodes = [n for n in ast.parse(text).body if _defines(n, block.name)]
    assert len(nodes) == 1, f"{block.path}: {len(nodes)} definitions of {block.name}"
    node, lines = nodes[0], text.splitlines(keepends=True)
    before, of_node = "".join(lines[: node.lineno - 1]), "".join(lines[node.lineno - 1 : node.end_lineno])
    after = "".join(lines[node.end_lineno :])
    if block.where == "above":
        of_node = f"{block.code.rstrip()}\n\n\n{of_node}"
    elif isinstance(node, ast.ClassDef):
        of_node += "".join(f"    {line}\n" for line in block.code.splitlines())
    else:
        rows = of_node.rstrip().removesuffix("}").rstrip().removesuffix(",")
        of_node = f"{rows},\n{block.code}}}\n"
    path.write_text(_with_imports(before + of_node + after, block.imports), "utf-8")


def _defines(node: ast.stmt, name: str) -> bool:
    match node:
        case ast.ClassDef(name=found) | ast.AnnAssign(target=ast.Name(id=found)):
            return found == name
    return False


def _with_imports(text: str, imports: str) -> str:
    last = [n for n in ast.parse(text).body if isinstance(n, ast.ImportFrom)][-1]
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: last.end_lineno], imports, *lines[last.end_lineno :]])


def ruff(*arguments: str | Path) -> str:
    """What ruff says, by this project's rules; empty where all is well."""
    command = [sys.executable, "-m", "ruff", arguments[0], "-q", "--config", ROOT / "pyproject.toml", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""
