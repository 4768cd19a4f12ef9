from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanstage.render.engine import scratch
from scanstage.render.engine.scratch import PREFIX, passes_bytes, remove_abandoned, scratch_folder
from scanstage.scenes.config.sections.render_settings import RenderSettings

HOLD = """
import sys, time
from scanstage.render.engine.scratch import scratch_folder
with scratch_folder(1000) as path:
    (path / "passes").mkdir()
    (path / "passes" / "0.exr").write_bytes(b"x" * 1000)
    print(path, flush=True)
    time.sleep(60)
"""


def holder() -> tuple[subprocess.Popen[str], Path]:
    root = Path(__file__).parents[3]
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_run_left_is_removed_and_what_lives_is_not() -> None:
    alive, kept = holder()
    dead, left = holder()
    try:
        os.kill(dead.pid, signal.SIGKILL)
        dead.wait()
        assert (left / "passes" / "0.exr").exists()
        with scratch_folder(1000) as own:
            assert not left.exists()
            assert (kept / "passes" / "0.exr").exists()
            assert own.is_dir()
        assert not own.exists()
    finally:
        alive.terminate()
        alive.kill()
        alive.wait()
    remove_abandoned(kept.parent)
    assert not kept.exists()


def test_others_files_stay(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{PREFIX}file").write_text("")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "precious")
    (tmp_path / f"{PREFIX}dead").mkdir()
    assert remove_abandoned(tmp_path) == [tmp_path / f"{PREFIX}dead"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["precious", f"{PREFIX}file", f"{PREFIX}link"]


def test_another_user_s_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{PREFIX}theirs").mkdir()
    monkeypatch.setattr(scratch.os, "getuid", lambda: os.geteuid() + 1)
    assert remove_abandoned(tmp_path) == []


def test_a_folder_removed_before_it_was_held_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run may take a new folder for an abandoned one in the moment before its owner holds it."""
    made: list[Path] = []
    make = scratch.tempfile.mkdtemp

    def made_and_swept(**options: object) -> str:
        path = make(prefix=PREFIX, dir=tmp_path)
        made.append(Path(path))
        if len(made) == 1:
            remove_abandoned(tmp_path)
        return path

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", made_and_swept)
    with scratch_folder(1000) as path:
        assert path.is_dir()
        assert path == made[1]


def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    monkeypatch.setattr(scratch, "MEMORY", memory)
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(disk))
    free = scratch.shutil.disk_usage(memory).free
    with scratch_folder(free // 2) as path:
        assert path.parent == memory
    with scratch_folder(free * 2) as path:
        assert path.parent == disk
    memory.rmdir()
    with scratch_folder(0) as path:
        assert path.parent == disk


def test_room_for_passes_is_an_upper_bound() -> None:
    plain, all_of_them = RenderSettings(), RenderSettings(passes=("depth", "normals", "soft_masks"))
    pixels = 640 * 480
    assert passes_bytes(plain, (640, 480)) >= pixels * 5 * 4
    assert passes_bytes(all_of_them, (640, 480)) >= pixels * 21 * 4 * 2


def test_a_file_system_without_locks_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = scratch.tempfile.mkdtemp

    def made_once(**options: object) -> str:
        made.append(make(prefix=PREFIX, dir=tmp_path))
        assert len(made) == 1, "goes round without end"
        return made[0]

    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", made_once)
    monkeypatch.setattr(scratch.fcntl, "flock", refuse)
    with scratch_folder(1000) as path:
        assert remove_abandoned(tmp_path) == [], "somebody else takes it for abandoned"
        assert path.is_dir()
    assert not path.exists()


def test_a_new_folder_that_the_server_gives_to_nobody_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS maps root to another user, whose the folders that it makes are."""
    make = scratch.tempfile.mkdtemp
    made: list[str] = []

    def made_once(**options: object) -> str:
        made.append(make(prefix=PREFIX, dir=tmp_path))
        assert len(made) == 1, "goes round without end"
        return made[0]

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", made_once)
    monkeypatch.setattr(scratch.os, "getuid", lambda: os.geteuid() + 1)
    with scratch_folder(1000) as path:
        assert str(path) == made[0]
