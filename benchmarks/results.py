"""The file of results, of which each benchmark owns a section: rewriting one keeps the others as they are."""

from __future__ import annotations

import datetime
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.machine.processors import usable_cores

RESULTS = Path(__file__).with_name("RESULTS.md")
_FENCE = "```"


def write_section(title: str, markdown: str, path: Path = RESULTS) -> None:
    """Replace the section headed ``## <title>``, or append it where there is none; the rest stays byte for byte.

    Args:
        title: of the heading, without ``##``.
        markdown: what stands below the heading; it must hold no heading of the first or second level itself.
        path: the file; made where it is missing.

    Raises:
        ValueError: the title isn't one line, or the text holds such a heading.
    """
    if not title.strip() or "\n" in title:
        raise ValueError(f"not a heading: {title!r}")
    if _headings(markdown):
        raise ValueError(f"the text of section {title!r} holds a heading: {_headings(markdown)[0][1]!r}")
    text = path.read_text("utf-8") if path.exists() else "# Results\n"
    lines = text.splitlines(keepends=True)
    headings = _headings(text)
    begin = next((at for at, line in headings if line == f"## {title.strip()}"), len(lines))
    end = next((at for at, _ in headings if at > begin), len(lines))
    section = f"## {title.strip()}\n\n{markdown.strip()}\n"
    before, after = "".join(lines[:begin]).rstrip(), "".join(lines[end:])
    parts = [f"{before}\n\n" if before else "", section, f"\n{after}" if after else ""]
    write_atomically(path, "".join(parts).encode("utf-8"))


def _headings(text: str) -> list[tuple[int, str]]:
    """Line number and text of the headings of the first two levels, outside of fenced code."""
    found, fenced = [], False
    for at, line in enumerate(text.splitlines()):
        if line.startswith(_FENCE):
            fenced = not fenced
        elif not fenced and re.match(r"##? ", line):
            found.append((at, line.rstrip()))
    return found


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells as text."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def made_on() -> str:
    """A line of date, machine and versions, and the command that runs now, for the head of a section."""
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    memory = psutil.virtual_memory().total / 2**30
    packages = []
    for name in ("bpy", "numpy", "mujoco"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    machine = f"{usable_cores()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()}"
    python = f"Python {platform.python_version()}"
    return f"{datetime.date.today().isoformat()}, {machine}, {', '.join([python, *packages])}:\n\n    {command}"
