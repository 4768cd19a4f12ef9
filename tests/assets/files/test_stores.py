"""Files on stores: an object store in memory, S3, and one that has folders as a file system does."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from scanstage.assets.files import stores
from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.locations import PROBE, locate, probe
from scanstage.assets.files.stores import (
    entry_names,
    file_sizes,
    is_file,
    make_folder,
    put,
    read_file,
    read_files,
    remove,
    remove_file,
)
from scanstage.assets.messages.errors import InputError


class FolderStore(MemoryFileSystem):
    """Writes only into folders that were made, and half of a file where it is told to fail."""

    protocol = "folders"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fails = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return MemoryFileSystem._strip_protocol(path.replace("folders://", "memory://"))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if not self.isdir(self._parent(path)):
            raise FileNotFoundError(path)
        super().pipe_file(path, value[:2] if self.fails else value, mode, **kwargs)
        if self.fails:
            raise ConnectionResetError("reset by peer")


fsspec.register_implementation("folders", FolderStore, clobber=True)


@pytest.fixture(params=["memory", "folders", pytest.param("s3", marks=pytest.mark.store)])
def folder(request: pytest.FixtureRequest) -> UPath:
    if request.param == "s3":
        url = request.getfixturevalue("s3_url")
    else:
        url = f"{request.param}://{uuid.uuid4().hex}/made/toys"
    place = locate(url, "--out")
    assert not isinstance(place, Path)
    make_folder(place)
    return place


def test_what_is_put_is_found(folder: UPath) -> None:
    assert entry_names(folder) == set()
    for name in ("images/000000.jpg", "images/000001.jpg", "records/000000.json", "imagesque/x"):
        make_folder((folder / name).parent)
        write_atomically(folder / name, name.encode())
    write_atomically(folder / "run.json", b"{}")
    write_atomically(folder / "run.json", b"{1}")
    assert entry_names(folder) == {"images", "records", "run.json", "imagesque"}
    assert entry_names(folder / "images") == {"000000.jpg", "000001.jpg"}
    assert read_file(folder / "run.json") == b"{1}"
    assert is_file(folder / "run.json")
    assert not is_file(folder / "run")
    assert not is_file(folder / "images")
    assert file_sizes(folder, ("images", "records", "depth", "run.json")) == {
        "images/000000.jpg": 17,
        "images/000001.jpg": 17,
        "records/000000.json": 19,
        "run.json": 3,
    }


def test_many_files_are_read_in_order_and_absent_ones_told(folder: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "READ_AT_ONCE", 3)
    make_folder(folder)
    for i in (0, 1, 2, 4, 6):
        put(folder / f"{i}.json", b"x" * (i + 1))
    put(folder / "7.json", b"")
    found = list(read_files(folder, (f"{i}.json" for i in range(8))))
    assert [None if c is None else len(c) for c in found] == [1, 2, 3, None, 5, None, 7, 0]


def test_no_more_is_read_than_a_file_can_have(folder: UPath, tmp_path: Path) -> None:
    """An object of a store may have terabytes."""
    for name, size in (("empty", 0), ("whole", 10), ("large", 11)):
        put(folder / name, b"x" * size)
        (tmp_path / name).write_bytes(b"x" * size)
    assert list(read_files(folder, ["whole", "large", "gone", "empty"], 10)) == [b"x" * 10, None, None, b""]
    for place in (folder, tmp_path):
        assert read_file(place / "whole", 10) == b"x" * 10
        assert read_file(place / "empty", 10) == b""
        with pytest.raises(OSError, match=r"more than 10 bytes|at most 10 bytes"):
            read_file(place / "large", 10)
        with pytest.raises(FileNotFoundError):
            read_file(place / "gone", 10)


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_folder_in_place_of_a_file_is_told_and_anything_else_written_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link"):
        write_atomically(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"
    with pytest.raises(IsADirectoryError, match="where a file is to be written"):
        write_atomically(tmp_path / "folder", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link", "pipe"]


def test_only_what_is_named_is_removed(folder: UPath) -> None:
    for name in ("images/0.jpg", "images/deep/1.jpg", "imagesque/x", "notes.txt", "run.json"):
        make_folder((folder / name).parent)
        put(folder / name, b"1")
    remove(folder, ("images", "run.json", "records"))
    assert file_sizes(folder, ("images", "imagesque", "notes.txt", "run.json")) == {"imagesque/x": 1, "notes.txt": 1}
    remove_file(folder / "notes.txt")
    remove_file(folder / "notes.txt")
    assert not is_file(folder / "notes.txt")


def test_what_is_not_there_is_an_os_error_with_its_place(folder: UPath) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        read_file(folder / "run.json")
    assert str(raised.value.filename) == str(folder / "run.json")
    assert raised.value.strerror


def test_a_probe_leaves_nothing(folder: UPath) -> None:
    probe(folder)
    assert not is_file(folder / PROBE)


def test_where_puts_are_not_atomic_nothing_half_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = locate(f"folders://{uuid.uuid4().hex}/d", "--out")
    assert not isinstance(folder, Path)
    make_folder(folder)
    put(folder / "a", b"before")
    monkeypatch.setattr(FolderStore, "fails", True)
    with pytest.raises(OSError, match="reset by peer"):
        put(folder / "a", b"after")
    monkeypatch.undo()
    assert read_file(folder / "a") == b"before"
    assert entry_names(folder) == {"a"}


def test_whatever_a_client_library_raises_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusal(Exception):
        """As botocore's and others'."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise Refusal("no  such\nluck")

    place = locate("memory://x/d", "--out")
    assert not isinstance(place, Path)
    for name in ("pipe_file", "cat_file", "info", "find", "ls", "rm_file"):
        monkeypatch.setattr(MemoryFileSystem, name, refuse)
    actions = (
        lambda: put(place, b""),
        lambda: read_file(place),
        lambda: list(read_files(place, ["a"])),
        lambda: is_file(place),
        lambda: file_sizes(place, ["a"]),
        lambda: entry_names(place),
        lambda: remove_file(place),
    )
    for action in actions:
        with pytest.raises(OSError, match="no such luck") as raised:
            action()
        assert str(raised.value.filename).startswith("memory://x/d")


def test_paths_stay_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("data", f"{tmp_path}/data", f"file://{tmp_path}/data", "a/../data"):
        found = locate(text, "--out")
        assert type(found) is type(tmp_path)
        assert found == tmp_path / "data"


def test_local_runs_need_not_load_the_stores_libraries() -> None:
    exports, finishes = "dataset.export.placing.in_place_export", "render.finish.finish_picture"
    modules = f"scanstage.render.cli.app, scanstage.{exports}, scanstage.{finishes}"
    code = f"import sys, {modules}; assert not {{'upath', 'fsspec'}} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("url", "problem", "hint"),
    [
        ("foo://bucket/x", "Protocol not known: foo", "s3://"),
        ("s3://", "names no bucket", "s3://BUCKET/PREFIX"),
        ("s3:///prefix", "names no bucket", "s3://BUCKET/PREFIX"),
        ("memory://a/[0-9]", "can't be used", "another"),
        ("simplecache::s3://a/b", "can't be used", "another"),
    ],
)
def test_urls_that_cannot_be_used(url: str, problem: str, hint: str) -> None:
    with pytest.raises(InputError) as refused:
        locate(url, "--out")
    assert problem in refused.value.problems[0]
    assert f"--out {url}" in refused.value.problems[0]
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize(
    ("url", "module", "hint"),
    [("s3://a/b", "s3fs", 'pip install "scanstage[s3]"'), ("gs://a/b", "gcsfs", "pip install gcsfs")],
)
def test_a_missing_package_is_named(url: str, module: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, url.partition(":")[0], raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError) as refused:
        locate(url, "--out")
    assert refused.value.hint == hint


def test_a_bucket_that_is_not_there(s3_url: str) -> None:
    place = locate("s3://no-such-bucket-here/x", "--out")
    assert not isinstance(place, Path)
    with pytest.raises(InputError, match="bucket does not exist") as refused:
        probe(place)
    assert "make the bucket" in str(refused.value.hint)


def test_no_credentials(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = locate(s3_url, "--out")
    assert not isinstance(place, Path)
    type(place.fs).clear_instance_cache()
    with pytest.raises(InputError, match="credentials") as refused:
        probe(locate(s3_url, "--out"))  # type: ignore[arg-type]
    assert "AWS_ACCESS_KEY_ID" in str(refused.value.hint)


def test_nobody_answers(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match="connect") as refused:
        probe(locate(s3_url, "--out"))  # type: ignore[arg-type]
    assert "AWS_ENDPOINT_URL" in str(refused.value.hint)
