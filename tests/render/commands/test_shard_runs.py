"""Shards and merge from end to end, with the analytic engine: whatever the parts, the dataset is that of one run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import DATA, brick_config, command, digest, generated

from scanstage.assets.files.locations import locate
from scanstage.assets.files.stores import Location, entry_names, read_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record_store import read_records
from scanstage.render.bookkeeping import run_notes as notes_module
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.commands import merge_parts
from scanstage.render.commands.merge import Merged, merge
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

PLAIN = """
images: 7
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [1, 3]}}
camera: {resolution: [80, 60]}
output: {depth: true}
"""
BALANCED = """
assets: {library: %s, classes: [box, ball, brick]}
objects: {count: {integer: [3, 5]}, placement: {kind: upright, density: 0.5}}
stage: {kind: ground}
camera: {resolution: [80, 60], elevation_deg: {uniform: [5, 25]}}
labels: {min_pixels: 12, min_visible_fraction: 0.4}
balance: {target: {box: 8, "*": 5}}
"""


@pytest.fixture(params=["plain", "balanced"])
def config(request: pytest.FixtureRequest, tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return brick_config(PLAIN if request.param == "plain" else BALANCED, toy_library, monkeypatch, tmp_path)


def run(config: Path, out: Location, shard: str | None = None, engines: AnalyticEngines | None = None, **options):
    asked = GenerateOptions(out=out, part=Shard.parse(shard) if shard else WHOLE, **options)
    return generated(config, asked, engines or AnalyticEngines())


def merged(out: Path, *parts: Path) -> Merged:
    return merge(out, list(parts), lambda text: None)


def content(folder: Path) -> dict[str, str]:
    """All that has to be the same, whoever made it."""
    ledger = folder / "orders.jsonl"
    return digest(folder, *DATA, "depth") | ({"orders": ledger.read_text()} if ledger.exists() else {})


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("order", [["0/3", "1/3", "2/3"], ["3/3", "2/3", "1/3"], ["1/2", "0/2"], ["1/1"]])
def test_shards_together_are_the_whole_run(config: Path, tmp_path: Path, order: list[str]) -> None:
    whole = run(config, tmp_path / "whole")
    made = [run(config, tmp_path / "d", shard) for shard in order]
    assert sum(s.done for s in made) == whole.done
    assert [bool(s.lacking) for s in made] == [True] * (len(order) - 1) + [False]
    assert not (tmp_path / "d/annotations/instances.json").exists(), "a shard must not export"
    again = run(config, tmp_path / "d", order[0])
    assert (again.done, again.lacking) == (0, [])
    done = merged(tmp_path / "d")
    assert (done.missing, done.pictures) == ([], whole.done)
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    assert names(tmp_path / "d") == names(tmp_path / "whole")
    assert done.summary.labels == whole.labels
    told = json.loads((tmp_path / "d/run.json").read_text())
    assert [s["shard"] for s in told["sessions"]] == sorted(str(Shard.parse(s)) for s in order)
    assert sum(s["pictures"] for s in told["sessions"]) == whole.done
    for name in ("__overview__/preview.png", "README.md"):
        assert (tmp_path / "d" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_plain_run_finishes_what_shards_began(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "whole")
    part = run(config, tmp_path / "d", "2/3")
    rest = run(config, tmp_path / "d")
    assert rest.kept == part.done > 0
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    told = json.loads((tmp_path / "d/run.json").read_text())
    assert [s.get("shard") for s in told["sessions"]] == ["2/3", None]
    assert not (tmp_path / "d/shards").exists()


def test_merge_names_what_is_missing_and_is_not_the_end(config: Path, tmp_path: Path, capfd) -> None:
    run(config, tmp_path / "whole")
    run(config, tmp_path / "d", "0/3")
    done = merged(tmp_path / "d")
    assert done.missing == [i for i in range(done.pictures + len(done.missing)) if i % 3]
    assert len(json.loads((tmp_path / "d/annotations/instances.json").read_text())["images"]) == done.pictures
    assert command(["merge", str(tmp_path / "d")]) == 1
    told = " ".join(capfd.readouterr().err.split())
    assert f"{len(done.missing)} pictures are missing: 1, 2, 4" in told
    assert f"scanstage generate {config} --out {tmp_path / 'd'}" in told
    for shard in ("1/3", "2/3"):
        run(config, tmp_path / "d", shard)
    assert command(["merge", str(tmp_path / "d")]) == 0
    assert content(tmp_path / "d") == content(tmp_path / "whole")


def test_the_command_that_merge_names_is_the_one_that_was_given(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "a place"
    run(config, out, "0/2", overrides=("camera.roll_deg=3",), images=5, seed=4)
    done = merged(out)
    assert done.missing == [1, 3]
    assert done.command.endswith(f"--set camera.roll_deg=3 --set images=5 --set seed=4 --out '{out}'")


def test_a_shard_of_another_config_is_refused(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "d", "0/2")
    before = content(tmp_path / "d")
    with pytest.raises(InputError, match="seed was 0, is 5"):
        run(config, tmp_path / "d", "1/2", seed=5)
    assert content(tmp_path / "d") == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_shard_of_another_config_that_began_at_the_same_moment_is_refused(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Both find an empty folder; the other one is faster. No second worker may go on where the first one couldn't."""
    begin = notes_module.begin_shard

    def late(*args: Any) -> None:
        monkeypatch.setattr(notes_module, "begin_shard", begin)
        run(config, tmp_path / "d", "0/2", workers=1)
        begin(*args)

    monkeypatch.setattr(notes_module, "begin_shard", late)
    with pytest.raises(InputError, match="seed was 0, is 5"):
        run(config, tmp_path / "d", "1/2", seed=5, workers=workers)
    run(config, tmp_path / "d", "1/2")
    run(config, tmp_path / "whole")
    merged(tmp_path / "d")
    assert content(tmp_path / "d") == content(tmp_path / "whole")


def test_shards_cannot_start_anew(config: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="delete what the others"):
        run(config, tmp_path / "d", "0/2", fresh=True)


def test_more_shards_than_pictures(config: Path, tmp_path: Path) -> None:
    summary = run(config, tmp_path / "d", "999/1000")
    assert (summary.done, summary.kept, summary.failed) == (0, 0, [])
    assert summary.lacking


def test_what_a_shard_cannot_make_is_told_by_the_merge(config: Path, tmp_path: Path, capfd) -> None:
    engines = AnalyticEngines(troubles={1: [EngineCrashed("gone") for _ in range(3)]})
    line = ["generate", str(config), "--out", str(tmp_path / "d"), "--shard", "1/2"]
    assert command(line, engines) == 1
    run(config, tmp_path / "d", "2/2")
    assert command(["merge", str(tmp_path / "d")]) == 1
    assert "1: Blender ended 3 times on it" in capfd.readouterr().err
    assert json.loads((tmp_path / "d/run.json").read_text())["failed"][0]["index"] == 1
    assert command(line, engines) == 0
    assert command(["merge", str(tmp_path / "d")]) == 0
    assert not (tmp_path / "d/quarantine").exists()
    run(config, tmp_path / "whole")
    assert content(tmp_path / "d") == content(tmp_path / "whole")


def test_a_shard_leaves_its_ledger_and_counts_only_what_can_be_read(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "whole")
    run(config, tmp_path / "d", "0/2")
    for name in ("orders.jsonl",) if (tmp_path / "whole/orders.jsonl").exists() else ():
        assert (tmp_path / "d" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert run(config, tmp_path / "d", "1/2").lacking == []
    (tmp_path / "d/records/000002.json").write_text("{")
    assert run(config, tmp_path / "d", "1/2").lacking == [2]


def test_a_stopped_shard_keeps_what_it_has(config: Path, tmp_path: Path) -> None:
    class Dying(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            if plan.index == 4:
                raise KeyboardInterrupt
            return super().render(plan, asset_folders, timeout_s)

    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "d", "0/2", AnalyticEngines(Dying))
    run(config, tmp_path / "d", "0/2")
    run(config, tmp_path / "d", "1/2")
    assert merged(tmp_path / "d").missing == []
    run(config, tmp_path / "whole")
    assert content(tmp_path / "d") == content(tmp_path / "whole")


# ---- parts: folders of machines that share none


def test_parts_together_are_the_whole_run(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "whole")
    parts = [tmp_path / f"part{k}" for k in range(3)]
    for k, part in enumerate(parts):
        run(config, part, f"{k}/3")
    before = [content(part) for part in parts]
    done = merged(tmp_path / "d", *parts)
    assert (done.missing, done.taken) == ([], done.pictures)
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    assert [content(part) for part in parts] == before
    assert (tmp_path / "d/images/000000.jpg").samefile(parts[0] / "images/000000.jpg")
    told = json.loads((tmp_path / "d/run.json").read_text())
    assert sorted(s["shard"] for s in told["sessions"]) == ["0/3", "1/3", "2/3"]
    again = merged(tmp_path / "d", *parts)
    assert (again.taken, again.missing) == (0, [])
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    assert len(json.loads((tmp_path / "d/run.json").read_text())["sessions"]) == 3
    assert command(["check", str(tmp_path / "d")]) == 0


def test_parts_on_another_disk_are_copied(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(config, tmp_path / "a", "0/2")
    run(config, tmp_path / "b", "1/2")

    def other_disk(*args: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    assert merged(tmp_path / "a", tmp_path / "b").missing == []
    assert not (tmp_path / "a/images/000001.jpg").samefile(tmp_path / "b/images/000001.jpg")
    run(config, tmp_path / "whole")
    assert content(tmp_path / "a") == content(tmp_path / "whole")


def test_a_conflict_is_refused_naming_both_and_nothing_is_changed(config: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    run(config, a, "0/2")
    run(config, b)
    record = json.loads((b / "records/000002.json").read_text())
    record["exposure_ev"] = 17.5
    (b / "records/000002.json").write_text(json.dumps(record))
    before = content(a)
    with pytest.raises(InputError) as caught:
        merged(a, b)
    assert caught.value.problems == [f"picture 2: {a}/records/000002.json and {b}/records/000002.json are not the same"]
    assert content(a) == before


def test_a_damaged_picture_of_a_part_is_missing_not_taken(config: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    run(config, a, "0/2")
    run(config, b, "1/2")
    image = b / "images/000003.jpg"
    image.write_bytes(image.read_bytes()[:-100])
    notes: list[str] = []
    done = merge(a, [b], notes.append)
    assert done.missing == [3]
    assert "records/000003.json" in notes[0]


def test_a_part_makes_up_for_what_is_damaged_here(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "a")
    run(config, tmp_path / "b", "1/2")
    before = content(tmp_path / "a")
    (tmp_path / "a/images/000001.jpg").write_bytes(b"x")
    (tmp_path / "a/records/000003.json").write_text("{")
    assert merged(tmp_path / "a", tmp_path / "b").missing == []
    assert content(tmp_path / "a") == before


def test_what_one_part_could_not_make_and_another_has_is_no_failure(config: Path, tmp_path: Path) -> None:
    engines = AnalyticEngines(troubles={1: [EngineCrashed("gone") for _ in range(3)]})
    assert [i for i, _ in run(config, tmp_path / "a", engines=engines).failed] == [1]
    assert (tmp_path / "a/quarantine/000001").is_dir()
    run(config, tmp_path / "b", "1/2")
    done = merged(tmp_path / "a", tmp_path / "b")
    assert (done.missing, done.summary.failed) == ([], [])
    assert not (tmp_path / "a/quarantine").exists()
    assert json.loads((tmp_path / "a/run.json").read_text())["failed"] == []


def test_a_picture_is_taken_before_its_record(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge may be killed between any two of its files, and nobody may come back to it."""
    run(config, tmp_path / "a", "0/2")
    run(config, tmp_path / "b", "1/2")
    take_file, taken = merge_parts._take_file, 0

    def killed(*arguments: Any) -> None:
        nonlocal taken
        if taken == moment:
            raise KeyboardInterrupt
        take_file(*arguments)
        taken += 1

    monkeypatch.setattr(merge_parts, "_take_file", killed)
    for moment in range(2):
        shutil.copytree(tmp_path / "a", out := tmp_path / f"d{moment}")
        taken = 0
        with pytest.raises(KeyboardInterrupt):
            merged(out, tmp_path / "b")
        folder = DatasetFolder(out)
        assert all(image_is_whole(folder, record) for record in read_records(folder))


def test_parts_of_another_run_and_what_is_no_part_are_refused(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "a", "0/2")
    run(config, tmp_path / "b", "1/2", seed=3)
    with pytest.raises(InputError, match="seed"):
        merged(tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match="seed"):
        merged(tmp_path / "new", tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match="can't be read"):
        merged(tmp_path / "new/er", tmp_path)
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="the dataset itself"):
        merged(tmp_path / "a", tmp_path / "a")
    with pytest.raises(InputError, match="can't be read"):
        merged(tmp_path / "a", tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        merged(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    with run_lock(DatasetFolder(tmp_path / "b"), Shard(1, 2)), pytest.raises(InputError, match="is writing to it"):
        merged(tmp_path / "a", tmp_path / "b")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not a dataset"):
        merged(tmp_path / "mine", tmp_path / "a")
    assert names(tmp_path / "mine") == {"thesis.txt"}


KILLED_MERGES = """
import os, shutil, signal, sys
from pathlib import Path
import scanstage.render.commands.merge as merge_module
from scanstage.render.commands.merge import merge

def killing(work, moment):
    def done(*args, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **options)
    return done

root, *parts = map(Path, sys.argv[1:])
for moment in range(10_000):
    child = os.fork()
    if child == 0:
        left = moment
        os.link, os.fsync, shutil.rmtree = (killing(f, moment) for f in (os.link, os.fsync, shutil.rmtree))
        for name in ("replace", "rename", "unlink", "mkdir"):
            setattr(Path, name, killing(getattr(Path, name), moment))
        merge(root, parts, print)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.wait()[1]) == 0:
        break
print("killed", moment)
"""


@pytest.mark.parametrize("config", ["plain"], indirect=True)
def test_a_merge_killed_after_each_of_its_steps_ends_the_same(config: Path, tmp_path: Path) -> None:
    """Every time one step further, in a folder that bears the marks of all the kills before."""
    run(config, tmp_path / "whole", images=3)
    run(config, tmp_path / "d", "0/3", images=3)
    for k in (1, 2):
        run(config, tmp_path / f"part{k}", f"{k}/3", images=3)
    command = [sys.executable, "-c", KILLED_MERGES, *(str(tmp_path / name) for name in ("d", "part1", "part2"))]
    told = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True).stdout
    assert int(told.split()[-1]) > 12, told
    assert merged(tmp_path / "d", tmp_path / "part1", tmp_path / "part2").missing == []
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    assert names(tmp_path / "d") == names(tmp_path / "whole")
    assert not [p for p in (tmp_path / "d").rglob(".*") if p.is_file()]
    told = json.loads((tmp_path / "d/run.json").read_text())
    assert sorted(s["shard"] for s in told["sessions"]) == ["0/3", "1/3", "2/3"]


def test_shards_write_to_a_store(config: Path, tmp_path: Path) -> None:
    """Which has no locks, and no folders that could be renamed."""
    store = locate(f"memory://shards-{tmp_path.name}/run", "--out")
    made = [run(config, store, shard) for shard in ("0/2", "1/2")]
    assert made[-1].lacking == []
    whole = run(config, tmp_path / "whole")
    done = merge(store, [], lambda text: None)
    assert (done.missing, done.pictures) == ([], whole.done)
    for name in [n for n in content(tmp_path / "whole") if n != "orders"]:
        assert read_file(store / name) == (tmp_path / "whole" / name).read_bytes(), name
    assert "shards" not in entry_names(store)
    told = json.loads(read_file(store / "run.json"))
    assert [s["shard"] for s in told["sessions"]] == ["0/2", "1/2"]
