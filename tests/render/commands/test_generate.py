"""The whole job without Blender: an analytic engine stands in for it."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from support import analytic
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import CONFIG, DATA, command, digest, run, toy_config

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.record import Record
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError
from scanstage.render.engine.scratch import PREFIX
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.refusals import PlanningError


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return toy_config(CONFIG, toy_library, monkeypatch, tmp_path)


def test_a_dataset_is_complete(config: Path, tmp_path: Path) -> None:
    summary = run(config)
    out = tmp_path / "output" / "toys"
    assert summary.folder.root == out
    assert (summary.done, summary.failed) == (6, [])
    assert sorted(p.name for p in (out / "images").iterdir()) == [f"{i:06d}.jpg" for i in range(6)]
    assert sorted(p.name for p in (out / "records").iterdir()) == [f"{i:06d}.json" for i in range(6)]
    assert (out / "__overview__/preview.png").stat().st_size > 10_000
    coco = json.loads((out / "annotations" / "instances.json").read_text())
    assert len(coco["images"]) == 6
    assert sum(summary.labels.values()) == len(coco["annotations"]) > 0
    recorded = json.loads((out / "run.json").read_text())
    assert recorded["config"]["camera"]["resolution"] == [160, 120]
    assert recorded["config"]["images"] == 6
    assert recorded["engine"]["device_reason"] == "a test"
    assert [s["pictures"] for s in recorded["sessions"]] == [6]
    assert {"plan", "finish", "total"} <= set(recorded["seconds"])
    for path in (out / "records").iterdir():
        record = Record.from_json(path.read_text())
        image = out / "images" / record.image.file_name
        assert hashlib.sha256(image.read_bytes()).hexdigest() == record.image.sha256
        assert all(a.iou > 0.9 for a in record.agreement if a.cast_px > 100)


def test_interrupted_and_resumed_equals_uninterrupted(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "whole")
    run(config, out=tmp_path / "parts", frames=(2, 3))
    (tmp_path / "parts/images/000002.jpg").unlink()
    (tmp_path / "parts/records/000003.json").write_text("{")
    summary = run(config, out=tmp_path / "parts")
    assert (summary.done, summary.kept) == (6, 0)
    assert digest(tmp_path / "whole", *DATA) == digest(tmp_path / "parts", *DATA)
    assert run(config, out=tmp_path / "parts").kept == 6


def test_workers_do_not_matter(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "one")
    run(config, out=tmp_path / "three", workers=3)
    assert digest(tmp_path / "one", *DATA) == digest(tmp_path / "three", *DATA)


def test_more_pictures_leave_the_first_alone(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d", images=3)
    before = digest(tmp_path / "d", "images", "records")
    with pytest.raises(InputError, match="images was 3, is 5") as refused:
        run(config, out=tmp_path / "d", images=5)
    assert "`extend`" in str(refused.value.hint)
    summary = run(config, out=tmp_path / "d", images=5, extend=True)
    assert (summary.kept, summary.done) == (3, 2)
    assert before.items() <= digest(tmp_path / "d", "images", "records").items()
    run(config, out=tmp_path / "whole", images=5)
    assert digest(tmp_path / "d", "records") == digest(tmp_path / "whole", "records")
    assert run(config, out=tmp_path / "d", images=5).kept == 5


def test_extending_only_adds(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d", images=3)
    with pytest.raises(InputError, match="dataset of 3 pictures, and 2 are asked for"):
        run(config, out=tmp_path / "d", images=2, extend=True)
    with pytest.raises(InputError, match=r"seed was 0, is 5[\s\S]*images was 3, is 4"):
        run(config, out=tmp_path / "d", images=4, seed=5, extend=True)


def test_what_only_concerns_workers_may_change(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d", images=1)
    changed = ("workers.picture_timeout_s=60", "workers.memory_gb=7", "workers.count=2")
    assert run(config, out=tmp_path / "d", images=1, overrides=changed).kept == 1


def test_another_config_is_refused_with_the_difference(config: Path, tmp_path: Path) -> None:
    run(config, images=1)
    with pytest.raises(InputError, match="seed was 0, is 5"):
        run(config, images=1, seed=5)
    assert run(config, images=1, seed=5, fresh=True).done == 1


@pytest.mark.parametrize("run_file", [None, "{}", '{"identity": 3}', "no json"])
def test_a_foreign_folder_is_never_touched(config: Path, tmp_path: Path, run_file: str | None) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    if run_file is not None:
        (tmp_path / "mine" / "run.json").write_text(run_file)
    for fresh in (False, True):
        with pytest.raises(InputError, match="not a dataset"):
            run(config, out=tmp_path / "mine", fresh=fresh)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_fresh_begins_without_the_card_unless_somebody_changed_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "d"
    run(config, out=out, images=1)
    assert "1 synthetic picture," in (out / "README.md").read_text()
    with monkeypatch.context() as patched:
        patched.setattr("scanstage.render.bookkeeping.run_notes.write_outputs", lambda *arguments: None)
        run(config, out=out, images=1, seed=5, fresh=True)
    assert not (out / "README.md").exists()
    (out / "README.md").write_text("mine")
    run(config, out=out, images=1, seed=6, fresh=True)
    assert (out / "README.md").read_text() == "mine"


def test_a_card_that_was_there_first_stays(config: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/README.md").write_text("mine")
    assert run(config, out=tmp_path / "d", images=1).done == 1
    assert (tmp_path / "d/README.md").read_text() == "mine"


def test_fresh_deletes_only_what_runs_wrote_and_not_before_the_engine_works(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    run(config, out=out, images=2)
    (out / "notes.txt").write_text("mine")
    before = digest(out, *DATA)

    def fail(*args: object, **options: object) -> None:
        raise InputError("no such device")

    with pytest.raises(InputError, match="no such device"):
        run(config, fail, out=out, images=2, seed=11, fresh=True)
    assert digest(out, *DATA) == before
    assert run(config, out=out, images=1, seed=11, fresh=True).done == 1
    assert not (out / "images/000001.jpg").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_a_start_that_failed_leaves_nothing_to_clear(config: Path) -> None:
    def fail(*args: object, **options: object) -> None:
        raise EngineCrashed("died at start")

    assert command(["generate", str(config), "--set", "camera.roll_deg=1"], fail) == 1
    assert run(config).done == 6


def test_one_worker_that_cannot_start_does_not_stop_the_others(config: Path) -> None:
    numbers = itertools.count(1)

    class SecondFails(AnalyticEngine):
        def __init__(self, engines, settings) -> None:
            super().__init__(engines, settings)
            if next(numbers) == 2:
                raise EngineCrashed("out of memory")

    assert run(config, AnalyticEngines(SecondFails), workers=2).done == 6


def test_an_unplannable_picture_does_not_block_a_resume(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Planner.plan

    def fails_on_one(self: Planner, index: int):
        if index == 1:
            raise PlanningError("picture 1: no good plan")
        return honest(self, index)

    monkeypatch.setattr(Planner, "plan", fails_on_one)
    for kept in (0, 5):
        summary = run(config)
        assert summary.kept == kept
        assert [i for i, _ in summary.failed] == [1]
    assert run(config, frames=(1, 2)).failed


def test_an_undefined_pixel_costs_that_pixel_alone(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = analytic.render

    def poisoned(plan: FramePlan):
        passes = honest(plan)
        passes.radiance[3, 4] = np.inf
        passes.radiance[5, 6, 1] = np.nan
        return passes

    monkeypatch.setattr(analytic, "render", poisoned)
    summary = run(config, images=2)
    assert summary.done == 2
    coco = json.loads((summary.folder.annotations / "instances.json").read_text())
    assert len(coco["images"]) == 2
    assert cv2.imread(str(summary.folder.image(0, "jpg"))).mean() > 40


def test_an_interrupt_keeps_what_is_finished_and_ends_workers(config: Path) -> None:
    started = []

    class Slow(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            started.append(self)
            if plan.index == 3:
                self.waiting = threading.Event()
                os.kill(os.getpid(), signal.SIGINT)
                self.waiting.wait(20)
                raise EngineCrashed("killed")
            return super().render(plan, asset_folders, timeout_s)

        def kill(self) -> None:
            if hasattr(self, "waiting"):
                self.waiting.set()
            self.alive = False

    start = time.monotonic()
    assert command(["generate", str(config)], AnalyticEngines(Slow)) == 130
    assert time.monotonic() - start < 15
    assert started
    assert not any(engine.alive for engine in started)
    assert run(config).kept >= 1


def test_a_run_with_nothing_to_render_frees_what_dead_ones_hold_in_memory(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(config)
    monkeypatch.setattr("scanstage.render.engine.scratch.MEMORY", tmp_path)
    left = tmp_path / f"{PREFIX}dead" / "passes-1"
    left.mkdir(parents=True)
    assert run(config).kept == 6
    assert not left.parent.exists()


def test_a_picture_that_fails_is_named_and_the_rest_kept(config: Path) -> None:
    summary = run(config, AnalyticEngines(troubles={2: [EngineError("no such texture", "X")]}))
    assert summary.done == 5
    assert summary.failed == [(2, "no such texture")]
    assert not summary.folder.record(2).exists()
    assert not summary.folder.image(2, "jpg").exists()
    assert json.loads(summary.folder.run_file.read_text())["failed"] == [{"index": 2, "reason": "no such texture"}]


def test_a_crash_is_tried_again(config: Path) -> None:
    engines = AnalyticEngines(troubles={1: [EngineCrashed("segfault")], 3: [EngineCrashed("hang")] * 2})
    summary = run(config, engines, workers=1)
    assert (summary.done, summary.failed) == (6, [])
    assert engines.opened == 4


def test_a_picture_that_always_crashes_is_given_up(config: Path) -> None:
    summary = run(config, AnalyticEngines(troubles={1: [EngineCrashed("segfault") for _ in range(9)]}))
    assert summary.done == 5
    assert summary.failed[0][0] == 1
    assert "3 times" in summary.failed[0][1]


def test_a_render_that_differs_from_its_labels_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = analytic.render

    def shifted(plan: FramePlan):
        passes = honest(plan)
        if plan.index == 4:
            passes.instance_ids[:] = np.roll(passes.instance_ids, 3, axis=1)
        return passes

    monkeypatch.setattr(analytic, "render", shifted)
    summary = run(config)
    assert [i for i, _ in summary.failed] == [4]
    assert "IoU" in summary.failed[0][1]
    assert not summary.folder.image(4, "jpg").exists()


def test_exit_codes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["generate", str(config), "--images", "2"]) == 0
    broken = AnalyticEngines(troubles={1: [EngineError("broken", "X")]})
    assert command(["generate", str(config), "--images", "2", "--fresh"], broken) == 1
    assert command(["generate", str(config), "--set", "images=-1"]) == 2
    assert command(["generate", "nowhere.yaml"]) == 2
    assert command(["generate", str(config), "--frames", "9-3"]) == 2
    assert command(["generate", str(config), "--frames", "x"]) == 2
    assert command(["generate", str(config), "--nonsense"]) == 2
    assert command(["nonsense"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "nowhere.yaml: no such file" in err


def test_an_unwritable_folder_is_known_before_rendering(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        run(config, engines := AnalyticEngines(), out=tmp_path / "file" / "below")
    assert engines.opened == 0


def test_a_full_disk_is_known_before_rendering(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda p: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="may need"):
        run(config, engines := AnalyticEngines())
    assert engines.opened == 0


def test_a_disk_that_fills_ends_without_a_traceback(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scanstage.assets.files.atomic import write_atomically

    def full(path: Path, data: bytes) -> None:
        if path.name == "000003.jpg":
            raise OSError(28, "No space left on device", str(path))
        write_atomically(path, data)

    monkeypatch.setattr("scanstage.render.finish.finish_picture.write_atomically", full)
    assert command(["generate", str(config)]) == 1
    err = capsys.readouterr().err
    assert "No space left on device" in err
    assert "Traceback" not in err
    monkeypatch.undo()
    monkeypatch.chdir(config.parent)
    assert run(config).kept >= 2


def test_no_room_for_objects_stops_before_rendering(config: Path) -> None:
    with pytest.raises(InputError, match="no good plan"):
        run(config, overrides=("objects.count=40", "objects.scale=12"))
    assert not list((config.parent / "output" / "toys" / "images").iterdir())


def test_plan_prints_the_plan_that_is_rendered(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["plan", str(config), "--frame", "3"]) == 0
    printed = FramePlan.from_json(capsys.readouterr().out)
    summary = run(config)
    assert Record.from_json(summary.folder.record(3).read_text()).plan == printed


@pytest.mark.parametrize("resolution", ["[16384, 16384]", "[8193, 8192]"])
def test_pictures_larger_than_any_that_are_opened_are_not_made(config: Path, capfd, resolution: str) -> None:
    engines = AnalyticEngines()
    assert command(["generate", str(config), "--set", f"camera.resolution={resolution}"], engines) == 2
    told = " ".join(capfd.readouterr().err.split())
    assert "camera.resolution" in told
    assert "at most 67 million" in told
    assert engines.opened == 0
