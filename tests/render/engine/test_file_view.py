"""A process with a limited view opens what it may, and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scanstage.render.engine import file_view
from scanstage.render.engine.file_view import limited

pytestmark = pytest.mark.skipif(not file_view.available(), reason="this kernel can't limit what a process sees")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("read", "write", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "read" / "link").symlink_to(tmp_path / "secret" / "file")
    return tmp_path


def run(folders: Path, code: str, environment: dict[str, str] | None = None) -> str:
    """What the code prints, or the name of the exception that ends it."""
    text = f"try:\n    {code}\nexcept OSError as e:\n    print(type(e).__name__)"
    command = limited([sys.executable, "-c", text], [folders / "read"], [folders / "write"])
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=os.environ | (environment or {})
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("print(open('{0}/read/file').read())", "read"),
        ("print(open('{0}/write/file').read())", "write"),
        ("open('{0}/write/new', 'w').write('x'); print('written')", "written"),
        ("import json, ssl, sqlite3; print('imports')", "imports"),
        ("open('/dev/null', 'w').write('x'); print('thrown away')", "thrown away"),
        ("print(open('{0}/secret/file').read())", "PermissionError"),
        ("print(open('{0}/read/link').read())", "PermissionError"),
        ("print(open('{0}/read/../secret/file').read())", "PermissionError"),
        ("import os; print(os.listdir('{0}/secret'))", "PermissionError"),
        ("open('{0}/read/file', 'a').write('x')", "PermissionError"),
        ("open('{0}/secret/new', 'w').write('x')", "PermissionError"),
        ("import os; os.remove('{0}/read/file')", "PermissionError"),
        ("import os; os.link('{0}/secret/file', '{0}/write/link')", "PermissionError"),
        ("import os; os.system('cat {0}/secret/file')", ""),
        ("print(open('/proc/1/root{0}/secret/file').read())", "PermissionError"),
    ],
)
def test_files_are_opened_where_it_is_allowed(folders: Path, code: str, seen: str) -> None:
    got = run(folders, code.format(folders))
    assert got == seen or (seen == "PermissionError" and got == "OSError")  # a link across devices, before it is denied
    assert (folders / "read" / "file").read_text() == "read"


@pytest.mark.skipif(file_view.available() < 4, reason="connections can be denied from Linux 6.7 on")
def test_no_connections(folders: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port})); print('connected')"
        assert run(folders, code) == "PermissionError"


def test_more_may_be_read_where_the_user_says_so(folders: Path) -> None:
    code = f"print(open('{folders}/secret/file').read())"
    assert run(folders, code, {file_view.READABLE: str(folders / "secret")}) == "secret"


def test_other_systems_run_the_command_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert limited(["blender"], [], []) == ["blender"]
    assert not file_view.available()
