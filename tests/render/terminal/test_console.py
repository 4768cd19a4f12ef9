"""What is printed: no text from outside steers a terminal or fakes a line, and no encoding ends a command."""

from __future__ import annotations

import ast
import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trimesh
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from scanstage.assets.messages.errors import InputError, Lines
from scanstage.render.cli.app import entrypoint
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.terminal.console import (
    SIGNS,
    Console,
    one_line,
    outside,
    print_error,
    print_hint,
    print_json,
    print_note,
    quoting,
)

ROOT = Path(__file__).parents[3]
ROOMS = ("api", "assets", "scenes", "dataset", "render")
FAKED = "error: all is lost"
ATTACKS = {
    "color": "\x1b[31mred",
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "report": "\x1b[6n\x1bP$q\x1b\\",
    "c1": "\x9b31mred\x9d0;t\x9c",
    "bidi": "gpj.\u202egnp\u2066x\u2069\u061c",
    "unseen": "a\u200b\u2060\ufeff\U000e0041b",
    "return": "good\rbad ",
    "backspace": "bad\b\b\bok\x7f",
    "line": f"x\n{FAKED}",
    "other lines": f"x\u2028{FAKED}\u2029{FAKED}\x85{FAKED}\v\f",
    "tab": "a\t\t\tb",
    "halves": "caf\udce9",
    "markup": "[red]x[/] [/] [link=http://evil.example]y[/link] \\",
    "emoji": ":skull:",
}


def harmless(printed: str) -> bool:
    """Whether only lines of visible signs were printed, and none that somebody else has written."""
    lines = printed.split("\n")
    visible = all(c.isprintable() or unicodedata.category(c) == "Zs" for line in lines for c in line)
    return visible and not any(line.startswith(FAKED) for line in lines)


def shown(show: Callable[[Console], None], **options: Any) -> str:
    console = Console(file=io.StringIO(), width=100, **options)
    show(console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_text_from_outside_is_one_line_that_shows_all_of_it(attack: str) -> None:
    printed = shown(lambda console: console.print(f"[bold]{outside(attack)}[/]: refused", soft_wrap=True))
    assert harmless(printed)
    assert printed == f"{one_line(attack)}: refused\n"
    assert ast.literal_eval(f'"{one_line(attack)}"') == attack if "\\" not in attack else True


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_was_forgotten_to_be_taken_for_outside_is_harmless_all_the_same(attack: str) -> None:
    def show(console: Console) -> None:
        table = Table("head")
        table.add_row(attack.replace("[", "("))
        table.add_row(Text(attack))
        console.print(attack.replace("[", "("), Text(attack), table)
        progress = Progress(TextColumn("{task.description}", markup=False), console=console, disable=False)
        progress.add_task(attack)
        console.print(progress.get_renderable())

    allowed = shown(show).replace(f"\n{FAKED}", "").replace(f" {FAKED}", "")  # breaks are only told from ours outside
    assert harmless(allowed)


def test_own_styles_stay_where_codes_from_outside_go() -> None:
    printed = shown(lambda console: console.print(f"[red]{outside('a' + chr(27) + '[32mb')}[/]"), force_terminal=True)
    assert printed == "\x1b[31ma\\x1b[32mb\x1b[0m\n"


def test_columns_are_as_wide_as_what_is_shown() -> None:
    table = Table("name", show_edge=False)
    table.add_row("\x1b[2J")
    assert "\\x1b(2J" in shown(lambda console: console.print(Text("\x1b(2J")))
    assert "\\x1b[2J" in shown(lambda console: console.print(table))


@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if "\n" in a or "\u2028" in a])
def test_a_problem_is_one_line_and_so_is_a_mend(attack: str) -> None:
    def show(console: Console) -> None:
        print_error(console, f"{attack}: no such file")
        print_note(console, attack)
        print_hint(console, f"name another than {attack}")
        print_hint(console, Lines.of(["write:", f"  {attack}: 3", Lines.of(["  so", "  or so"])]))

    printed = shown(show)
    assert harmless(printed)
    assert printed.count("\n") == 7
    assert printed.endswith("\n  so\n  or so\n")


def test_a_message_quotes_blender_and_nothing_else_breaks_it() -> None:
    crashed = EngineCrashed("it ended", ["Blender quit", f"\x1b[31m{FAKED}", f"x\r{FAKED}"])
    printed = shown(lambda console: print_error(console, f"picture 3: {crashed}"))
    lines = printed.splitlines()
    assert harmless(printed)
    assert lines[:2] == ["error: picture 3: it ended", "  | Blender quit"]
    assert len(lines) == 4
    assert quoting(f"a\n{FAKED}\n  | b") == f"a\\n{FAKED}\n  | b"


# The commands themselves


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCANSTAGE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


NAMES = {
    "codes": "bad\x1b[31m\x1b]0;t\x07",
    "lines": f"x\n{FAKED}\r{FAKED}",
    "c1": "\x9b2J\u202e\u2028",
    "markup": "[red]a[/b] :skull:",
}
COMMANDS = {
    "plan": ["plan", "{}/c.yaml"],
    "preview": ["preview", "c.yaml", "--out", "{}"],
    "estimate": ["estimate", "{}"],
    "generate": ["generate", "c.yaml", "--out", "{}", "--blender", "{}"],
    "add": ["assets", "add", "{}/bad.ply", "{}/good.stl", "--class", "thing"],
    "add-class": ["assets", "add", "{}/good.stl", "--class", "{}"],
    "inspect": ["assets", "inspect", "{}"],
    "list": ["assets", "list", "--library", "{}"],
    "remove": ["assets", "remove", "{}"],
    "pull": ["assets", "pull", "{}"],
    "symmetries": ["assets", "symmetries", "{}", "--library", "{}"],
    "check": ["check", "{}"],
    "export": ["export", "{}", "--format", "{}"],
    "replay": ["replay", "{}", "--image", "3"],
    "merge": ["merge", "{}", "{}/part"],
    "option": ["plan", "--{}"],
    "value": ["generate", "c.yaml", "--images", "{}"],
    "command": ["{}"],
    "key": ["plan", "c.yaml", "--set", "{}=3"],
    "url": ["check", "s9://{}"],
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_prints_a_name_as_it_is(
    place: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str
) -> None:
    folder = place / name.replace("/", "_")
    folder.mkdir()
    trimesh.creation.box((0.1, 0.1, 0.1)).export(folder / "good.stl")
    (folder / "bad.ply").write_bytes(b"ply\n")
    (place / "c.yaml").write_text("name: a\nassets: {source: nowhere}\n")
    code = entrypoint([part.replace("{}", name.replace("/", "_")) for part in command])
    out, err = capsys.readouterr()
    assert harmless(out), out
    assert harmless(err), err
    assert code in (0, 1, 2)
    assert out + err


def test_what_a_config_holds_is_shown_escaped(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {
        "im\x1b[2Jages": 3,
        f"na\n{FAKED}": 1,
        "name": f"\u202e[/] \x9b\n{FAKED}",
        "variables": {"\x07": {"\r": 1}},
    }
    (place / "c.yaml").write_text(json.dumps(hostile))
    assert entrypoint(["plan", "c.yaml"]) == 2
    err = capsys.readouterr().err
    assert harmless(err), err
    for part in ("im\\x1b[2Jages: unknown key", f"na\\n{FAKED}: unknown key", "\\u202e[/]"):
        assert part in err


def test_json_is_ascii_and_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"".join(ATTACKS.values()): list(ATTACKS.values())}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out.isascii()
    assert out.replace("\n", "").isprintable()


# Encodings

LATIN = ["ascii", "cp1252", "latin-1"]


@pytest.mark.parametrize("encoding", LATIN)
def test_plain_signs_stand_for_what_an_encoding_lacks(encoding: str) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding), width=60)
    table = Table("class", "labels")
    table.add_row("чашка", "·")
    table.add_row("tasse à café", "–")
    console.print("[green]✓[/] done … 3 m²", Text("✗"), table)
    text = raw.getvalue().decode(encoding)
    assert text.startswith("ok done ")
    assert "\\u0447\\u0430\\u0448\\u043a\\u0430" in text, "a name is shown whole, not cut to its own width"
    assert ("tasse \\xe0 caf\\xe9" if encoding == "ascii" else "tasse à café") in text
    assert len({len(line) for line in text.splitlines() if line[:1] in "|+"}) == 1, "columns are in line"


def strings_of_source() -> Iterator[tuple[Path, str]]:
    for path in (p for room in ROOMS for p in (ROOT / room).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if hasattr(node, "body") and isinstance(node.body, list) and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                yield path, node.value


def test_every_sign_that_we_print_has_a_plain_one() -> None:
    used = {c for path, text in strings_of_source() for c in text if path.name != "console.py" and not c.isascii()}
    used -= {c for c in used if unicodedata.category(c) == "Co"}  # marks, which are replaced before anything is shown
    assert used - {"\ufeff"} <= SIGNS.keys()


PRINTS = """
import logging, sys, warnings
from rich.console import Console as Other
from scanstage.render.terminal.console import Console, guard_streams
guard_streams()
print("print ✓ \\x1b[31m \\x9b чашка")
sys.stdout.writelines(["lines …\\n"])
Other(force_terminal=True, width=90).print("[red]rich's own[/]")
print("after")
Console(stderr=True).print("✗ ours")
warnings.warn("warning \\x1b]0;t\\x07 \\u202e")
logging.getLogger("any").warning("logged \\x1b[2J ·")
raise ValueError("\\x1b[31m uncaught …")
"""


@pytest.mark.parametrize("encoding", [*LATIN, "utf-8", "C"])
def test_all_other_ways_to_the_terminal_are_guarded(tmp_path: Path, encoding: str) -> None:
    (script := tmp_path / "prints.py").write_text(PRINTS, "utf-8")
    own = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | (own if encoding == "C" else {"PYTHONIOENCODING": encoding})
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, check=False)
    codec = "ascii" if encoding == "C" else encoding
    out, err = done.stdout.decode(codec), done.stderr.decode(codec)
    plain = codec != "utf-8"
    lines = out.splitlines()
    assert lines[0] == f"print {'ok' if plain else '✓'} \\x1b[31m \\x9b " + (
        "\\u0447\\u0430\\u0448\\u043a\\u0430" if plain else "чашка"
    )
    assert lines[2:] == ["\x1b[31mrich's own\x1b[0m", "after"], "in order, and a console's codes as they were"
    assert harmless(err), err
    for part in ("ours", "warning \\x1b]0;t\\x07 \\u202e", "logged \\x1b[2J", "ValueError: \\x1b[31m uncaught"):
        assert part in err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_command_ends_well_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    scan = tmp_path / "чашка.stl"
    trimesh.creation.box((0.1, 0.1, 0.1)).export(scan)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    command = [
        sys.executable,
        "-m",
        "scanstage",
        "assets",
        "add",
        str(scan),
        "--class",
        "cup",
        "--library",
        str(tmp_path),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).startswith("ok cup/")


FILES = ("light: {hdri: {image: café.exr}}", "camera: {intrinsics: ☃.yaml}", "assets: {library: чашка}")


@pytest.mark.parametrize("line", FILES)
def test_a_file_name_that_a_locale_lacks_is_no_traceback(tmp_path: Path, toy_library: Path, line: str) -> None:
    scans = "" if "assets" in line else f"assets: {{library: {toy_library}}}"
    (tmp_path / "c.yaml").write_text(f"{scans}\n{line}\n", "utf-8")
    own = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "scanstage", "plan", "c.yaml"]
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"PYTHONUTF8=1" in done.stderr


ON_A_TERMINAL = """
import sys, time
from rich.progress import Progress
from scanstage.render.terminal.console import Console, guard_streams
guard_streams()
console = Console()
with Progress(console=console) as progress:
    task = progress.add_task("[green]working[/]", total=2)
    print("plain \\x1b]0;title\\x07")
    print("wrong \\x1b]0;title\\x07", file=sys.stderr)
    console.print("[red]styled[/] \\x1b]0;title\\x07")
    progress.update(task, advance=2)
"""


def test_a_progress_bar_on_a_terminal_keeps_its_codes_and_no_others() -> None:
    """Rich puts proxies before the streams meanwhile, before our own guards."""
    own, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    for name in ("NO_COLOR", "COLUMNS"):
        environment.pop(name, None)
    process = subprocess.Popen([sys.executable, "-c", ON_A_TERMINAL], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    printed = b""
    with io.FileIO(own) as terminal:
        try:
            while piece := terminal.read(4096):
                printed += piece
        except OSError:  # what a terminal says once nobody writes to it any more
            pass
    assert process.wait(20) == 0
    assert b"\x1b[31mstyled\x1b[0m" in printed
    assert b"\x1b[32mworking\x1b[0m" in printed
    assert b"\x1b]0;" not in printed
    assert b"\\x1b[31m" not in printed, "the bar's own codes were taken for somebody else's"


# Nobody goes around it

APART = {
    "render/terminal/console.py": "the place itself",
    "render/__main__.py": "runs inside a bare Blender, before scanstage is found",
}
"""What may print, import rich's console or write to a stream by itself. Blender's side prints to its own log."""
FROM_OUTSIDE = {"path", "folder", "name", "names", "reason", "text", "problem", "mend", "e", "error", "out", "dataset"}
FROM_OUTSIDE |= {
    "target",
    "source",
    "url",
    "file",
    "file_name",
    "root",
    "library",
    "config",
    "blender",
    "message",
    "key",
}


def ways_around(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("rich.console", "rich.markup", "rich"):
            yield from (f"imports {a.name} of rich" for a in node.names if a.name not in ("box",))
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "rich.print") or re.search(r"\b(echo|secho|out|print_exception)$", called):
                yield f"calls {called}"
            if re.fullmatch(r"sys\.(__)?std(out|err)(__)?\.(buffer\.)?write(lines)?", called):
                yield f"calls {called}"
            if called.endswith((".print", ".add_row", ".add_column")):
                yield from (f"prints {found} as it is" for a in node.args for found in bare(a))


def bare(argument: ast.expr) -> Iterator[str]:
    """Names that tell of outside, in f-strings or alone, with nothing around them."""
    values = [v.value for v in ast.walk(argument) if isinstance(v, ast.FormattedValue)] + [argument]
    for value in values:
        last = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
        if last in FROM_OUTSIDE:
            yield ast.unparse(value)


def test_nobody_prints_around_the_console() -> None:
    found = []
    for path in (p for room in ROOMS for p in (ROOT / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in APART and not name.startswith("render/blender/"):
            found += [f"{name}: {what}" for what in ways_around(ast.parse(path.read_text("utf-8")))]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "from rich.console import Console",
        "from rich.markup import escape",
        "from rich import print",
        "print(path)",
        "typer.echo(path)",
        "sys.stdout.write(text)",
        "console.print(f'no such file: {path}')",
        "console.print(f'no such file: {self.folder}')",
        "console.print(reason)",
        "table.add_row('a', asset.name)",
    ],
)
def test_ways_around_would_be_seen(line: str) -> None:
    assert list(ways_around(ast.parse(line)))


def test_an_input_error_keeps_its_lines_on_its_way() -> None:
    first = InputError("wrong", Lines.of(["write:", "  so"]))
    again = InputError(["here: wrong"], first.hint)
    assert isinstance(again.hint, Lines)
    assert shown(lambda console: print_hint(console, again.hint, "  ")) == "  write:\n    so\n"
