"""What the docs tell readers to type: commands and configs, each with the page and line where it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = {"", "bash", "sh", "console", "shell"}
_ENDS = {"&&", "||", ";", "|", "&", ")", "`", "do", "then"}
_FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*([\w.+-]*)(.*)$")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: relative to the checkout.
        line: of its first line.
        language: of a fence; empty where it has none, or is indented.
        title: the file that it is, where its fence says ``title="…"``.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command line of ours."""

    page: Path
    line: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def blocks(page: Path) -> list[Block]:
    """The blocks of a page, fenced and indented."""
    found: list[Block] = []
    fence, start, info = "", 0, ("", "")
    inside: list[str] = []
    plain: list[tuple[int, str]] = []
    before = ""
    for number, line in enumerate([*page.read_text("utf-8").splitlines(), ""], 1):
        match = _FENCE.match(line)
        if fence:
            if match and match[2] == fence and not match[3]:
                title = re.search(r'title="([^"]+)"', info[1])
                text = "\n".join(inside)
                found.append(Block(page.relative_to(ROOT), start, info[0], title[1] if title else "", text))
                fence = ""
                inside.clear()
            else:
                inside.append(line)
            continue
        if line.startswith("    ") and (plain or not before.strip()):
            plain.append((number, line[4:]))
        elif plain and line.strip():
            # What is indented below an item of a list is text of the item.
            found.append(Block(page.relative_to(ROOT), plain[0][0], "", "", "\n".join(t for _, t in plain)))
            plain = []
        if match:
            fence, start, info = match[2], number + 1, (match[3], match[4])
        before = line
    if plain:
        found.append(Block(page.relative_to(ROOT), plain[0][0], "", "", "\n".join(t for _, t in plain)))
    return found


def commands(block: Block) -> Iterator[Command]:
    """The commands of ours in a block of a shell's."""
    if block.language not in SHELL:
        return
    text = block.text.replace("\\\n", " \0")
    for number, line in enumerate(text.split("\n")):
        # Lines that were joined still count.
        at = block.line + number + text[: text.find(line)].count("\0")
        line = line.replace("\0", "").removeprefix("$ ")
        if "scanstage" not in line:
            continue
        for words in _simple_commands(_words(line)):
            if words[:3] == ["python", "-m", "scanstage"]:
                words = words[2:]
            if words[0] == "scanstage":
                yield Command(block.page, at, tuple(words))


def without_comment(line: str) -> str:
    """A line without its comment, which may hold apostrophes."""
    quote = ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c == "#" and (i == 0 or line[i - 1].isspace()):
            return line[:i]
    return line


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(without_comment(line), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _simple_commands(words: list[str]) -> Iterator[list[str]]:
    """What stands between operators, without redirections and assignments before it."""
    current: list[str] = []
    skip = False
    for word in [*words, ";"]:
        if skip:
            skip = False
        elif word in (">", ">>", "<", "2>"):
            skip = True
        elif word in _ENDS or set(word) <= set(";&|()"):
            if current:
                yield current
            current = []
        elif word in ("until", "while", "if", "time", "srun", "exec", "!") or (not current and re.match(r"\w+=", word)):
            continue
        else:
            current.append(word)
    if current:
        yield current
