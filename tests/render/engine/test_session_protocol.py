"""Sessions with a worker that misbehaves: a small script in Blender's place."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_launch import missing_library_hint, worker_command
from scanstage.render.engine.blender_session import BlenderSession, cache_share
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError
from scanstage.scenes.config.sections.render_settings import RenderSettings
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, PostPlan, WorldPlan

# Speaks the protocol; what it does for picture n is said by the plan's index.
FAKE = """
import json, os, sys, time
import numpy as np, OpenEXR

def say(**answer):
    print(json.dumps(answer), flush=True)

def write(path, wh):
    w, h = wh
    one = np.ones((h, w), np.float32)
    channels = {f"ViewLayer.Combined.{c}": one for c in "RGBA"} | {"ViewLayer.IndexOB.X": one * 7}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as f:
        f.write(path)

mode = sys.argv[1]
print("Blender 9.9 chatter before the handshake", flush=True)
if mode == "dead":
    print("cannot start because of reasons", file=sys.stderr, flush=True)
    sys.exit(3)
for line in sys.stdin:
    request = json.loads(line)
    i = request["id"]
    if request["op"] == "hello":
        if mode == "mute":
            time.sleep(60)
        if mode.startswith("refuse:"):
            say(id=i, error={"kind": mode[7:], "message": "told to refuse"})
            break
        say(id=i, result=dict(blender="9.9", engine="FAKE", device="CPU", device_names=[], device_reason="", devices={},
                              denoiser=True, builtin_hdris=[], notes=[]))
    elif request["op"] == "quit":
        if mode == "stubborn":
            time.sleep(60)
        say(id=i, result={})
        break
    else:
        index = request["plan"]["index"]
        result = dict(names={}, blurred=False, light=False, albedo=False, sync_s=0.1, check_s=0.0, render_s=0.2,
                      rss_bytes=None, datablocks=3)
        if index == 1:
            print("about to crash", file=sys.stderr, flush=True)
            os.abort()
        elif index == 2:
            time.sleep(60)
        elif index == 3:
            print("Fra:1 | Sample 1/2 {", flush=True)
            print("[1, 2]", flush=True)
            sys.stdout.buffer.write(bytes([255, 254, 10]))
            say(id=i - 1, result={"stale": True})
        elif index == 4:
            say(id=i, error={"kind": "MissingFile", "message": "/no/such.exr"})
            continue
        elif index == 5:
            say(id=i, result=result)  # without a file
            continue
        elif index == 6:
            open(request["output"], "wb").write(b"v/1" + bytes(50))
            say(id=i, result=result)
            continue
        wh = request["plan"]["camera"]["resolution_wh"]
        write(request["output"], [5, 5] if index == 7 else wh)
        say(id=i, result=result)
"""


def plan(index: int) -> FramePlan:
    identity = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    camera = CameraPlan((12, 8), 10.0, 10.0, 6.0, 4.0, identity)
    return FramePlan(index, 0, camera, (), WorldPlan(None, 0, 1), BackgroundPlan("hdri"), (), (), PostPlan())


class Desk:
    """Opens sessions with the fake worker in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.scratch = folder, folder / "log", folder / "scratch #1"
        self.scratch.mkdir()
        (folder / "fake.py").write_text(FAKE)

    def open(self, mode: str, start_timeout_s: float = 30.0) -> BlenderSession:
        command = [sys.executable, str(self.folder / "fake.py"), mode]
        return BlenderSession(
            RenderSettings(), None, self.scratch, self.log, command=command, start_timeout_s=start_timeout_s
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def gone(pid: int) -> bool:
    """Whether the process has ended and been waited for: no zombie."""
    return not Path(f"/proc/{pid}").exists() if Path("/proc/self").exists() else True


def test_pictures_come_through_and_leave_nothing(desk: Desk) -> None:
    with desk.open("good") as session:
        pid = session.pid
        for _ in range(3):
            passes = session.render(plan(0), {}, 30)
            assert passes.instance_ids.shape == (8, 12)
            assert np.all(passes.instance_ids == 7)
            assert not list(desk.scratch.glob("*/*"))
        assert session.last is not None
        assert session.last.sync_s == 0.1
    assert gone(pid)
    assert not list(desk.scratch.iterdir())


def test_chatter_garbage_and_stale_answers_are_ignored(desk: Desk) -> None:
    with desk.open("good") as session:
        assert session.render(plan(3), {}, 30).alpha.min() == 1.0


@pytest.mark.parametrize(
    ("index", "message"), [(4, "/no/such.exr"), (5, "can't read"), (6, "can't read"), (7, "pixels")]
)
def test_a_failed_picture_leaves_the_session_alive(desk: Desk, index: int, message: str) -> None:
    with desk.open("good") as session:
        with pytest.raises(EngineError, match=message):
            session.render(plan(index), {}, 30)
        assert session.alive
        session.render(plan(0), {}, 30)


def test_a_crash_is_told_with_the_last_lines(desk: Desk) -> None:
    session = desk.open("good")
    pid = session.pid
    with pytest.raises(EngineCrashed, match="about to crash") as crash:
        session.render(plan(1), {}, 30)
    assert crash.value.log_tail[-1] == "about to crash"
    assert not session.alive
    with pytest.raises(EngineCrashed):
        session.render(plan(0), {}, 30)
    session.close()
    session.close()
    assert gone(pid)
    assert not list(desk.scratch.iterdir())


def test_a_hang_is_ended(desk: Desk) -> None:
    start = time.monotonic()
    session = desk.open("good")
    with pytest.raises(EngineCrashed, match="no answer"):
        session.render(plan(2), {}, 0.5)
    assert time.monotonic() - start < 15
    assert gone(session.pid)
    session.close()


def test_a_stubborn_worker_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanstage.render.engine.worker_process._QUIT_GRACE_S", 0.3)
    session = desk.open("stubborn")
    session.close()
    assert gone(session.pid)


@pytest.mark.parametrize("mode", ["dead", "mute"])
def test_a_worker_that_does_not_start_is_an_error(desk: Desk, mode: str) -> None:
    with pytest.raises(EngineCrashed) as crash:
        desk.open(mode, start_timeout_s=30.0 if mode == "dead" else 0.5)
    if mode == "dead":
        assert "cannot start because of reasons" in str(crash.value)
    assert not list(desk.scratch.iterdir())


@pytest.mark.parametrize(
    ("kind", "hint"),
    [("no_bpy", "`blender`"), ("too_old", "3.4"), ("no_numpy", "python3-numpy"), ("DeviceAbsent", "render.device")],
)
def test_what_the_user_can_mend_says_how(desk: Desk, kind: str, hint: str) -> None:
    with pytest.raises(InputError, match="told to refuse") as refusal:
        desk.open(f"refuse:{kind}")
    assert refusal.value.hint is not None
    assert hint in refusal.value.hint


def test_a_missing_library_is_named_by_its_package() -> None:
    hint = missing_library_hint("libXi.so.6: cannot open shared object file: No such file or directory")
    assert hint.endswith(" libxi6")
    assert "libgl1" in missing_library_hint("something else entirely")


@pytest.mark.parametrize(
    ("bpy", "problem", "hint"),
    [
        ("raise ImportError('libXi.so.6: cannot open shared object file')", "libXi.so.6", "libxi6"),
        ("raise ModuleNotFoundError(\"No module named 'bpy'\")", "has no bpy", "`blender`"),
        ("class app: version, version_string = (2, 93, 0), '2.93.0'", "2.93.0", "3.4"),
    ],
    ids=["missing-library", "no-wheel", "too-old"],
)
def test_the_real_worker_tells_what_bpy_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bpy: str, problem: str, hint: str
) -> None:
    (tmp_path / "bpy.py").write_text(bpy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InputError, match=problem) as refusal:
        BlenderSession(RenderSettings(), None, tmp_path, tmp_path / "log")
    assert refusal.value.hint is not None
    assert hint in refusal.value.hint


def test_eevee_without_graphics_is_an_input_error(desk: Desk) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('EGL Error (0x300C): EGL_BAD_PARAMETER')"]
    settings = RenderSettings(engine="eevee")
    with pytest.raises(InputError, match="graphics context"):
        BlenderSession(settings, None, desk.scratch, desk.log, command=command)


@pytest.mark.parametrize("what", ["missing", "folder", "not-executable"])
def test_an_unusable_blender_is_an_input_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "not-executable":
        path.write_text("#!/bin/sh\n")
    with pytest.raises(InputError, match=what):
        worker_command(path)


def test_a_program_that_is_not_blender_is_an_input_error(tmp_path: Path) -> None:
    impostor = tmp_path / "impostor"
    impostor.write_text("#!/bin/sh\necho no such option >&2\nexit 1\n")
    impostor.chmod(0o755)
    with pytest.raises(InputError, match="no such option"):
        BlenderSession(RenderSettings(), impostor, tmp_path, tmp_path / "log")


def test_a_log_that_can_t_be_written_is_not_blender_s_fault(desk: Desk) -> None:
    desk.log.mkdir()
    with pytest.raises(IsADirectoryError):
        desk.open("good")
    assert not list(desk.scratch.iterdir())


def test_a_worker_ends_when_its_coordinator_does() -> None:
    """The real worker script, without Blender: the end of its input ends it, even while it waits for a request."""
    script = Path(__file__).parents[3] / "render" / "blender" / "worker.py"
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0
    assert process.stdout is not None
    process.stdout.close()


def test_a_full_cache_fits_into_the_memory_of_a_worker() -> None:
    assert cache_share(None) == 2 << 30
    assert cache_share(100 << 30) == 2 << 30
    for gigabytes in (1.2, 1.9, 4.0):
        bound = round(gigabytes * 1e9)
        assert 600_000_000 + cache_share(bound) < 0.75 * bound
    assert cache_share(500_000_000) > 0
