"""What may lie in place of a file that comes from outside, and what is said of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.strange_places import put_socket

from scanstage.assets.files import outside_files
from scanstage.assets.files.outside_files import (
    NO_FILE,
    is_file_below,
    open_outside,
    read_below,
    read_input,
    read_outside,
)
from scanstage.assets.messages.errors import InputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


STRANGE = {
    "pipe": (pipe, "pipe"),
    "socket": (put_socket, "socket"),
    "folder": (Path.mkdir, "folder"),
    "link to a device": (link_to("/dev/zero"), "device"),
    "link to a terminal": (link_to("/dev/tty"), "device"),
    "link to itself": (link_to("strange"), "symbolic links"),
}


@pytest.fixture(params=STRANGE)
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    make, told = STRANGE[request.param]
    path = tmp_path / "strange"
    make(path)
    return path, told


def test_what_is_no_file_is_refused_at_once_and_named(strange: tuple[Path, str]) -> None:
    path, told = strange
    with pytest.raises(OSError, match=told) as caught:
        read_outside(path, 100)
    assert caught.value.errno in NO_FILE
    assert caught.value.filename == str(path)
    with pytest.raises(InputError, match=told) as refused:
        read_input(path, 100)
    assert str(path) in refused.value.problems[0]


def test_what_is_no_file_is_refused_below_a_folder_too(strange: tuple[Path, str]) -> None:
    path, _ = strange
    with pytest.raises(OSError, match=r"pipe|socket|folder|link") as caught:
        read_below(path.parent, path.name, 100)
    assert caught.value.errno in NO_FILE
    assert not is_file_below(path.parent, path.name)


def test_never_more_is_read_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 100)
    assert read_outside(path, 100) == b"x" * 100
    with pytest.raises(OSError, match="100 bytes, at most 99 bytes") as caught:
        read_outside(path, 99)
    assert caught.value.errno == errno.EFBIG
    path.write_bytes(b"x" * 10_001)
    with pytest.raises(OSError, match="10,001 bytes, at most 10,000"):
        read_outside(path, 10_000)
    os.truncate(path, 1 << 40)  # a sparse file
    with pytest.raises(OSError, match="GB, at most 1 MB"):
        read_outside(path, 10**6)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_files_that_don_t_tell_their_size_are_read_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"python" in read_outside(Path("/proc/self/maps"), 1 << 24)
    monkeypatch.setattr(outside_files, "_PIECE", 64)
    with pytest.raises(OSError, match="no end, at most 1 kB"):
        read_outside(Path("/proc/self/maps"), 1000)


def test_a_file_that_grows_while_it_is_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10)
    with open_outside(path, 100) as file:
        with path.open("ab") as more:
            more.write(b"y" * 200)
        with pytest.raises(OSError, match="at most 100 bytes"):
            outside_files._bounded(file, path, 100)


def test_links_are_followed_where_a_person_named_them_and_not_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "own").write_bytes(b"own")
    (root / "file").symlink_to(tmp_path / "outside" / "secret")
    (root / "inside").symlink_to("deep/own")
    (root / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "alias").symlink_to(root)
    assert read_outside(root / "file", 100) == b"secret"
    assert read_below(tmp_path / "alias", "deep/own", 100) == b"own"
    for name in ("file", "inside", "folder/secret"):
        with pytest.raises(OSError, match="link") as caught:
            read_below(root, name, 100)
        assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)
        assert not is_file_below(root, name)


@pytest.mark.parametrize("name", ["../outside", "deep/../../outside", "/etc/passwd", "", ".", "..", "a\0b", "deep/.."])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (root := tmp_path / "root").mkdir()
    (root / "deep").mkdir()
    with pytest.raises(OSError, match="leads out") as caught:
        read_below(root, name, 100)
    assert caught.value.errno == errno.EXDEV


def test_systems_that_can_t_walk_look_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_files, "_WALKS", False)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"own")
    (tmp_path / "c").symlink_to("a")
    (tmp_path / "d").symlink_to("a/b")
    assert read_below(tmp_path, "a/b", 100) == b"own"
    (tmp_path / "a" / "a").symlink_to("..")
    (tmp_path / "e").symlink_to("a")
    (tmp_path / "a" / "e").write_bytes(b"behind a link of the same name")
    for name in ("c/b", "d", "a/b/e", "a/a/a/b", "e/e"):
        with pytest.raises(OSError, match="link"):
            read_below(tmp_path, name, 100)


def test_what_isn_t_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_outside(tmp_path / "none", 1)
    with pytest.raises(FileNotFoundError):
        read_below(tmp_path, "none/none", 1)
    with pytest.raises(InputError, match="no such file"):
        read_input(tmp_path / "none", 1)
    with pytest.raises(InputError, match="can't be read"):
        read_input(tmp_path / "no\0ne", 1)
