"""What a user is told of a run that was stopped or failed, and of options that can't be meant."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import command, toy_config

from scanstage.assets.files.locations import locate
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.render.bookkeeping.progress import RunTally
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.cli.generate_command import _telling
from scanstage.render.cli.shared.shared_options import folder_of
from scanstage.render.commands.look.replay import replay
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.render.finish.outcome import Outcome
from scanstage.render.terminal.progress_bar import ProgressView

CONFIG = """
images: 6
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [1, 3]}}
camera: {resolution: [80, 60]}
workers: {count: 1, picture_timeout_s: 7, memory_gb: 3}
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return toy_config(CONFIG, toy_library, monkeypatch, tmp_path)


def told(*argv: object, capsys: pytest.CaptureFixture[str], engines: AnalyticEngines | None = None) -> tuple[int, str]:
    """Exit code, and all that a command prints."""
    capsys.readouterr()
    code = command([str(a) for a in argv], engines)
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def failing_at(pictures: Iterable[int]) -> AnalyticEngines:
    return AnalyticEngines(troubles={i: [EngineError("told to fail")] * 9 for i in pictures})


def make(config: Path, *argv: str, failing: tuple[int, ...] = ()) -> int:
    return command(["generate", str(config), "--out", "w1", *argv], failing_at(failing))


def test_failed_pictures_are_one_finding(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(config, failing=(0, 1, 4)) == 1
    code, text = told("check", "w1", capsys=capsys)
    assert code == 1
    again = "why: quarantine/, the same `scanstage generate` tries them again"
    assert f"run.json: 3 pictures failed: 0-1, 4; {again}\n" in text
    assert "1 findings" in text
    run = json.loads(Path("w1/run.json").read_text())
    Path("w1/run.json").write_text(json.dumps(run | {"failed": []}))  # as a run of other --frames may leave it
    assert [f.kind for f in check_dataset(Path("w1")).findings] == ["pictures-failed"]
    assert make(config) == 0
    assert check_dataset(Path("w1")).findings == ()


def test_a_run_of_which_all_failed_is_not_sound(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(config, failing=tuple(range(6))) == 1
    code, text = told("check", "w1", capsys=capsys)
    assert code == 1
    assert "6 pictures failed: 0-5;" in text
    assert "picture-missing" not in text


def test_missing_pictures_are_one_finding(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(config, "--frames", "0-1") == 0
    run = json.loads(Path("w1/run.json").read_text())
    run["sessions"][0]["frames"] = [0, 4999]  # what a run that was stopped cleanly notes
    Path("w1/run.json").write_text(json.dumps(run))
    text = told("check", "w1", capsys=capsys)[1]
    on = "the same `scanstage generate` goes on with what is missing"
    assert f"records: 4998 pictures are missing: 2-4999; {on}\n" in text
    assert len(text.splitlines()) < 6


def test_a_replay_takes_as_long_as_it_takes(config: Path) -> None:
    assert make(config, failing=(3,)) == 1
    bounds: list[float] = []

    class Noting(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            bounds.append(timeout_s)
            return super().render(plan, asset_folders, timeout_s)

    engines = AnalyticEngines(Noting)
    for image in (0, 3):
        made = replay(Path("w1"), image, None, engines=engines)
        assert made.folder.root == Path("output/w1-replay").resolve(), "named after the dataset's folder"
    replay(Path("w1"), 3, None, overrides=("workers.picture_timeout_s=90",), engines=engines)
    assert bounds == [604_800, 604_800, 90]


def test_fewer_pictures_than_there_are_is_no_extension(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(config) == 0
    for options in ((), ("--extend",)):
        code, text = told("generate", config, "--out", "w1", "--images", 5, *options, capsys=capsys)
        assert code == 2
        assert "is a dataset of 6 pictures, and 5 are asked for, fewer than there are to be" in text
        assert "--frames 0-4" in text
        assert "with --extend" not in text
    assert "with --extend" in told("generate", config, "--out", "w1", "--images", 7, capsys=capsys)[1]


def test_extend_and_fresh_contradict_each_other(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(config) == 0
    code, text = told("generate", config, "--out", "w1", "--extend", "--fresh", capsys=capsys)
    assert (code, "leave one out" in text) == (2, True)
    assert len(list(Path("w1/records").iterdir())) == 6
    with pytest.raises(InputError, match="the other adds"):
        GenerateOptions(fresh=True, extend=True)


@pytest.mark.parametrize("text", ["s3:/b/x", "s3:b/x", "GS:/b/x", "file:/b/x"])
def test_a_url_short_of_a_slash_is_no_folder(text: str) -> None:
    protocol = text.partition(":")[0]
    with pytest.raises(InputError) as e:
        locate(text, "--out")
    assert f"did you mean {protocol}://b/x ?" in (e.value.hint or "")


def test_folders_that_look_a_little_like_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("a:b", "C:/runs/x", "out/s3:/x", "s3"):
        assert locate(text, "--out") == (tmp_path / text).resolve()
    (tmp_path / "s3:old").mkdir()
    assert locate("s3:old", "--out") == tmp_path / "s3:old"


@pytest.mark.parametrize("url", ["http://host/x", "HTTPS://host/x"])
def test_http_cannot_be_written_to(url: str) -> None:
    with pytest.raises(InputError, match="can't be written to"):
        folder_of(url)


def test_a_second_signal_says_what_it_did() -> None:
    script = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
from scanstage.render.cli.shared.signals import stop_on_signals
stop_on_signals()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.strip() == "stopped at once; the same command goes on, and tidies up"


def test_progress_counts_what_is_there_and_shows_failures_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    nothing = SimpleNamespace(instances=(), unlabelled=())
    monkeypatch.setattr("scanstage.render.bookkeeping.progress.count_labels", lambda record: Counter(box=2))
    catalogue = SimpleNamespace(label_classes=("box",))
    source = SimpleNamespace(planner=SimpleNamespace(catalogue=catalogue), balance=None)
    tally = RunTally(source, Counter(box=6), kept=3)  # type: ignore[arg-type]
    with ProgressView(Console(file=out, width=200)) as view:
        view(tally.progress(7))
        for index, record in ((3, nothing), (4, None)):
            view._next_line = 0.0
            view(tally.progress(7, Outcome(index, record, None if record else "a test", {})))  # type: ignore[arg-type]
    lines = [line for line in out.getvalue().splitlines() if "pictures/min" in line]
    assert lines[0].startswith("4/10 pictures, ")
    assert "labels 8" in lines[0]
    assert lines[1].startswith("4/10 pictures, 1 failed, ")


def test_only_files_that_are_there_are_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told("generate", config, "--out", "w1", capsys=capsys)
    assert (code, "preview.png" in text) == (0, True)
    code, text = told("generate", config, "--out", "w2", capsys=capsys, engines=failing_at(range(6)))
    assert code == 1
    named = [line.split()[1] for line in text.splitlines() if line.startswith("  ")]
    assert named
    assert all(Path(path).exists() for path in named)
    assert "preview.png" not in text


def test_of_many_classes_the_ends_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    few = {f"c{i}": i for i in range(40)}
    assert _telling(few) == few
    many = {f"c{i:04d}": i for i in range(1203)}
    assert list(_telling(many)) == ["c0000", "c0001", "c0002", "c0003", "c0004"] + [f"c{i}" for i in range(1198, 1203)]
