"""Whole runs into stores, with the analytic engine: an object store in memory, and S3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import trimesh
from faults.fake_blender import make_fake_blender
from fsspec.implementations.memory import MemoryFileSystem
from support.analytic import BRICK_SIZE
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.s3_server import S3Server
from support.toy_runs import BALANCED_CONFIG, DATA, command, generated, store_toy, toy_config
from upath import UPath

from scanstage.assets.files.locations import PROBE, locate
from scanstage.assets.files.stores import Location, file_sizes, put, read_file, remove, remove_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record_store import read_records, recorded_indices
from scanstage.render.bookkeeping.resume import finished_pictures
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.commands.look.replay import replay
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.render.finish.quarantine import quarantined
from scanstage.scenes.picture_sequence.selection import Selection

CONFIG = """
images: 6
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [2, 4]}}
camera: {resolution: [160, 120]}
output: {depth: true}
"""
ROOT = Path(__file__).parents[3]
PARTS = (*DATA, "depth", "__overview__", "README.md")


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return toy_config(CONFIG, toy_library, monkeypatch, tmp_path)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.store)])
def url(request: pytest.FixtureRequest) -> str:
    return memory_url() if request.param == "memory" else request.getfixturevalue("s3_url")


def memory_url() -> str:
    return f"memory://{uuid.uuid4().hex}/toys"


def run(config: Path, out: str | Path, engines: AnalyticEngines | None = None, **options: object) -> Summary:
    place = locate(str(out), "--out")
    asked = GenerateOptions(out=place, **options)  # type: ignore[arg-type]
    return generated(config, asked, engines or AnalyticEngines())


def contents(place: str | Path, *entries: str) -> dict[str, bytes]:
    """Files by path below a folder or URL."""
    found = locate(str(place), "")
    if isinstance(found, Path):
        files = [p for e in entries for p in [found / e, *(found / e).rglob("*")] if p.is_file()]
        return {p.relative_to(found).as_posix(): p.read_bytes() for p in files}
    return {name: read_file(found / name) for name in file_sizes(found, entries)}


def below(url: str, name: str) -> Location:
    return locate(url, "") / name


def wait_for_records(url: str, number: int) -> None:
    deadline = time.monotonic() + 240
    while len(recorded_indices(DatasetFolder(locate(url, "")))) < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_dataset_in_a_store_is_the_one_on_disk(config: Path, tmp_path: Path, url: str) -> None:
    run(config, tmp_path / "here")
    summary = run(config, url)
    assert (summary.done, summary.failed) == (6, [])
    assert str(summary.folder.root) == url
    assert sum(summary.labels.values()) > 0
    there = contents(url, *PARTS)
    assert len(there) == 6 + 6 + 1 + 12 + 1 + 1
    assert there == contents(tmp_path / "here", *PARTS)
    everything = contents(url, *(entry.name for entry in summary.folder.own_entries()), PROBE, ".scanstage.lock")
    assert {n.split("/")[0] for n in everything} == {p.name for p in (tmp_path / "here").iterdir()}
    assert json.loads(everything["run.json"])["pictures"] == 6
    assert run(config, url).kept == 6


def test_interrupted_and_resumed_equals_uninterrupted(config: Path, tmp_path: Path, url: str) -> None:
    run(config, tmp_path / "here")
    run(config, url, frames=(1, 4))
    remove_file(below(url, "images/000001.jpg"))
    remove_file(below(url, "depth/000002.exr"))
    for name, content in (("records/000003.json", b"{"), ("records/000005.json", b"")):
        put(below(url, name), content)  # type: ignore[arg-type]
    assert len(read_records(DatasetFolder(locate(url, "")))) == 2
    summary = run(config, url)
    assert (summary.done, summary.kept) == (5, 1)
    assert contents(url, *PARTS) == contents(tmp_path / "here", *PARTS)


def test_a_store_that_fails_in_mid_run(
    config: Path,
    tmp_path: Path,
    s3_server: S3Server,
    s3_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Unlucky(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            if plan.index == 4:
                wait_for_records(s3_url, 2)
                s3_server.stop()
            return super().render(plan, asset_folders, timeout_s)

    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    try:
        assert command(["generate", str(config), "--out", s3_url], AnalyticEngines(Unlucky)) == 1
    finally:
        s3_server.restart()
    err = capsys.readouterr().err
    assert s3_url in err
    assert "what is finished is kept" in err
    assert "Traceback" not in err
    summary = run(config, s3_url)
    assert summary.kept >= 2
    assert summary.kept + summary.done == 6
    run(config, tmp_path / "here")
    assert contents(s3_url, *PARTS) == contents(tmp_path / "here", *PARTS)


def test_a_store_that_cannot_be_read_is_not_an_empty_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = memory_url()
    run(config, url)
    honest = MemoryFileSystem.cat_file

    def fails(self: MemoryFileSystem, path: str, *args: object, **kwargs: object) -> bytes:
        if "records/" in path:
            raise ConnectionError("no route")
        return honest(self, path, *args, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fails)
    with pytest.raises((InputError, OSError), match="no route"):
        run(config, url, engines := AnalyticEngines())
    assert engines.opened == 0


def test_going_on_fetches_no_pictures(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, fetched, listed = memory_url(), [], []
    run(config, url)
    cat, find = MemoryFileSystem.cat_file, MemoryFileSystem.find
    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda s, p, *a, **k: (fetched.append(p), cat(s, p, *a, **k))[1])
    monkeypatch.setattr(MemoryFileSystem, "find", lambda s, p, *a, **k: (listed.append(p), find(s, p, *a, **k))[1])
    source = SimpleNamespace(expected=6, exact=True)
    assert len(finished_pictures(DatasetFolder(locate(url, "")), Selection(), source)) == 6  # type: ignore[arg-type]
    assert len(fetched) == 6
    assert all("/records/" in path for path in fetched)
    assert len(listed) == len(set(listed))


def test_single_pictures_are_looked_up_without_listing_all(
    config: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(config, url).folder
    assert isinstance(folder.root, UPath)
    monkeypatch.setattr(type(folder.root.fs), "find", None)
    assert [r.index for r in read_records(folder, [4, 2, 9])] == [2, 4]
    [record] = read_records(folder, [3])
    assert image_is_whole(folder, record)
    remove_file(below(url, "depth/000003.png"))
    assert not image_is_whole(folder, record)
    remove_file(below(url, "images/000003.jpg"))
    assert read_records(folder, [3]) == []


def test_a_run_that_is_killed(config: Path, tmp_path: Path, s3_url: str) -> None:
    """As real processes: the client library's threads and connections are there too."""
    options = ["--images", "8", "--blender", str(make_fake_blender(tmp_path)), "--workers", "1", "--out"]
    line = [sys.executable, "-m", "scanstage", "generate", str(config), *options]
    environment = os.environ | {"FAKE_BLENDER_SECONDS": "0.2", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*line, s3_url], env=environment, stdout=subprocess.DEVNULL, cwd=ROOT) as killed:
        wait_for_records(s3_url, 3)
        assert killed.poll() is None
        killed.kill()
        killed.wait()
    ended = subprocess.run([*line, s3_url], env=environment, capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert " were there already" in ended.stdout
    run(config, tmp_path / "here", images=8)
    assert contents(s3_url, "annotations") == contents(tmp_path / "here", "annotations")
    there, here = (contents(place, "records") for place in (s3_url, tmp_path / "here"))
    assert there.keys() == here.keys()
    for name in here:  # the engine calls itself otherwise, and its radiance has been through a file
        one, other = json.loads(there[name]), json.loads(here[name])
        assert {k for k in one if one[k] != other[k]} <= {"engine", "image", "maps", "exposure_ev"}


def test_what_cannot_be_used_is_known_before_rendering(
    config: Path, s3_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = AnalyticEngines()
    for out in ("s3://no-such-bucket-here/x", "foo://x/y", "s3://", "memory://a/*"):
        assert command(["generate", str(config), "--out", out], engines) == 2
        err = capsys.readouterr().err
        assert out in err
        assert "Traceback" not in err
    assert engines.opened == 0


def test_another_config_and_foreign_files_are_refused(config: Path, url: str) -> None:
    run(config, url, images=1)
    with pytest.raises(InputError, match="seed was 0, is 5"):
        run(config, url, images=1, seed=5)
    put(below(url, "notes.txt"), b"mine")  # type: ignore[arg-type]
    assert run(config, url, images=1, seed=5, fresh=True).done == 1
    assert read_file(below(url, "notes.txt")) == b"mine"
    remove(locate(url, ""), ["run.json"])  # type: ignore[arg-type]
    for fresh in (False, True):
        with pytest.raises(InputError, match="not a dataset"):
            run(config, url, images=1, fresh=fresh)


def test_a_balanced_run(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = memory_url()
    monkeypatch.chdir(tmp_path)
    library = tmp_path / "library"
    shutil.copytree(toy_library, library)
    store_toy(library, "brick", trimesh.creation.box(BRICK_SIZE), (0.5, 0.5, 0.1))
    config = tmp_path / "toys.yaml"
    config.write_text(BALANCED_CONFIG % library)
    outputs = (*DATA, "orders.jsonl", "balance.json", "__overview__/balance.png")
    run(config, tmp_path / "here")
    run(config, url, frames=(2, 5))
    remove(locate(url, ""), ["orders.jsonl"])  # type: ignore[arg-type]
    assert run(config, url).kept == 4
    assert contents(url, *outputs) == contents(tmp_path / "here", *outputs)


def test_shards_and_their_merge(config: Path, tmp_path: Path, url: str) -> None:
    run(config, tmp_path / "here")
    for k in (1, 0):
        assert command(["generate", str(config), "--out", url, "--shard", f"{k}/2"]) == 0
    assert command(["merge", url]) == 0
    assert contents(url, *PARTS) == contents(tmp_path / "here", *PARTS)
    assert contents(url, "shards") == {}


def test_the_ledger_is_not_put_anew_for_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from scanstage.scenes.balance.ledger import Ledger
    from scanstage.scenes.picture_order import Entry, Order

    written: list[int] = []
    monkeypatch.setattr(
        "scanstage.scenes.balance.ledger.write_atomically", lambda path, data: written.append(len(data))
    )
    ledger = Ledger()
    ledger.open(locate("memory://x/orders.jsonl", ""))
    for index in range(3000):
        ledger.add(Entry(Order(index, 0, (), ()), None, (), {}))
    assert len(written) < 100
    assert sum(written) < 12 * written[-1]
    ledger.open(locate("memory://x/orders.jsonl", ""))
    assert written[-1] == len("".join(e.to_json() + "\n" for e in ledger.entries.values()))


def test_the_quarantine(config: Path, url: str) -> None:
    folder = run(config, url, AnalyticEngines(troubles={2: [EngineError("no such texture", "X")]})).folder
    assert quarantined(folder) == {2}
    assert {n.split("/")[-1] for n in contents(url, "quarantine")} >= {"plan.json", "reason.json"}
    assert run(config, url).done == 1
    assert contents(url, "quarantine") == {}


def test_what_becomes_of_a_dataset_in_a_store(
    config: Path, tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config, url)
    before = contents(url, "annotations")
    remove(locate(url, ""), ["annotations", "__overview__", "README.md"])  # type: ignore[arg-type]
    assert command(["export", url]) == 0
    assert contents(url, "annotations") == before
    assert command(["export", url, "--out", str(tmp_path / "coco")]) == 0
    written = tmp_path / "coco" / "annotations" / "instances_train.json"
    assert written.read_bytes() == before["annotations/instances.json"]
    made = replay(locate(url, ""), 4, tmp_path / "again", engines=AnalyticEngines())
    assert made.same_labels
    assert made.same_file
    assert made.difference == (0, 0.0)
    capsys.readouterr()
    for argv, hint in (
        (["check", url], "copy it first"),
        (["export", url, "--format", "bop"], "copy it first"),
        (["export", url, "--out", url], "has to be a folder on this machine"),
    ):
        assert command(argv) == 2
        err = capsys.readouterr().err
        assert hint in err
        assert "Traceback" not in err
