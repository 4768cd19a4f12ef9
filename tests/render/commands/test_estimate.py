"""What a run is expected to take: the arithmetic, and pilots made with the analytic engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.analytic_engine import AnalyticEngine, AnalyticEngines

from scanstage.render.cli.app import entrypoint
from scanstage.render.commands.estimate import free_bytes, reckon
from scanstage.render.commands.pilots import STAGES, Pilot, PilotReport
from scanstage.render.engine.engine_protocol import EngineError, PictureStats
from scanstage.render.executors.local.machine_shares import Machine, Shares
from scanstage.render.terminal.estimate_tables import duration, print_estimate, size

CONFIG = """
images: 40
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [2, 4]}}
camera: {resolution: [160, 120]}
output: {depth: true}
"""


def report(plan: float = 0.2, render: float = 4.0, pictures: int = 100, device: str = "CPU") -> PilotReport:
    pilots = tuple(
        Pilot(
            i, dict(zip(STAGES, (plan, 0.1, render * k, 0.02, 0.05), strict=True)), {"images": 1000 * k, "records": 500}
        )
        for i, k in enumerate((1, 2, 3))
    )
    return PilotReport(
        pilots, pictures, True, 5.0, {"instances.json": 3000}, 700_000_000, 300_000_000, {"device": device}
    )


def shares(workers: int, threads: int = 1) -> Shares:
    return Shares(workers, threads, 10**9, (None,) * workers, "a test")


@given(
    st.floats(0.01, 5),
    st.floats(0.01, 100),
    st.integers(1, 10**6),
    st.integers(1, 64),
    st.sampled_from(["CPU", "CUDA"]),
)
def test_time_follows_from_what_takes_longest(
    plan: float, render: float, pictures: int, cores: int, device: str
) -> None:
    machine = Machine(cores, 1 << 40, 0 if device == "CPU" else 1)
    found = [reckon(report(plan, render, pictures, device), shares(n), machine, None)["time"] for n in (1, cores)]
    for time in found:
        interval, total = time["interval_s"], time["total_s"]
        assert 0 < interval["likely"] <= interval["slowest"] + 1e-9
        for key in ("likely", "slowest"):
            assert total[key] == pytest.approx(time["start_s"] + pictures * interval[key])
        assert interval["likely"] >= time["stages"]["plan"]["mean"], "one thread plans"
    assert found[1]["interval_s"]["likely"] <= found[0]["interval_s"]["likely"] + 1e-9, "more workers aren't slower"


def test_what_limits_a_run_is_named() -> None:
    eight = Machine(8, 1 << 40)
    assert reckon(report(), shares(1), eight, None)["time"]["bound"] == "workers"
    assert reckon(report(), shares(8), eight, None)["time"]["bound"] == "cores"
    assert reckon(report(plan=9.0), shares(8), eight, None)["time"]["bound"] == "planning"
    on_gpu = reckon(report(device="OPTIX"), shares(4), replace(eight, gpus=1), None)["time"]
    assert on_gpu["bound"] == "GPU"
    two = reckon(report(device="OPTIX"), shares(4), replace(eight, gpus=2), None)["time"]
    assert two["interval_s"]["likely"] == pytest.approx(on_gpu["interval_s"]["likely"] / 2)


def test_disk_and_memory_grow_with_pictures_and_workers() -> None:
    found = reckon(report(pictures=100), shares(3), Machine(3, 1 << 40), 7)
    kinds = found["disk"]["kinds"]
    assert kinds["images"] == {"mean": 2000, "largest": 3000, "total": 200_000}
    assert kinds["instances.json"]["total"] == 100_000
    assert found["disk"]["total"] == 200_000 + 50_000 + 100_000
    assert found["disk"]["most"] == 300_000 + 50_000 + 100_000
    assert found["disk"]["free"] == 7
    assert found["memory"]["total"] == 3 * 700_000_000 + 300_000_000


def test_numbers_are_for_people() -> None:
    told = [duration(s) for s in (0.254, 4.04, 9.96, 59.7, 200, 18_600, 86_400 * 2 + 10_900, 3600)]
    assert told == ["0.25 s", "4.0 s", "10 s", "1 min", "3 min 20 s", "5 h 10 min", "2 d 3 h", "1 h"]
    assert [size(n) for n in (12, 950, 14_321, 3.2e9, 999_800, 5e13)] == [
        "12 B",
        "950 B",
        "14.3 kB",
        "3.2 GB",
        "1 MB",
        "50 TB",
    ]


def test_short_disks_and_memory_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"name": "x", **reckon(report(), shares(3), Machine(3, 10**9), 1000)}
    print_estimate(Console(width=200, force_terminal=False), found)
    out = capsys.readouterr().out
    assert out.count("not enough") == 2
    plenty = {"name": "x", **reckon(report(), shares(3), Machine(3, 1 << 40), 1 << 40)}
    print_estimate(Console(width=200, force_terminal=False), plenty)
    assert "not enough" not in capsys.readouterr().out


def test_free_space_is_that_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet" / "there") == pytest.approx(free_bytes(tmp_path), rel=0.1)


class Timed(AnalyticEngine):
    """Has always taken the same."""

    def render(self, plan, asset_folders, timeout_s):
        self.last = PictureStats(0.5, 0.0, 2.0, 0.25, 600_000_000, 10)
        return super().render(plan, asset_folders, timeout_s)


def estimate(*argv: object, engines: AnalyticEngines | None = None) -> int:
    return entrypoint(["estimate", *map(str, argv)], engines or AnalyticEngines(Timed))


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG % toy_library)
    return path


def test_pilots_are_first_middle_and_last(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, engines = set(tmp_path.rglob("*")), AnalyticEngines(Timed)
    assert estimate(config, "--workers", "2", "--json", "-", engines=engines) == 0
    found = json.loads(capsys.readouterr().out)
    assert [p["index"] for p in found["pilots"]] == [0, 20, 39]
    assert (found["pictures"], found["exact"], found["workers"]) == (40, True, 2)
    for pilot in found["pilots"]:
        assert set(pilot["seconds"]) == set(STAGES)
        assert set(pilot["files"]) == {"images", "records", "depth"}
    assert found["time"]["stages"]["render"] == {"mean": 2.0, "slowest": 2.0}
    assert found["memory"]["workers"] == 2 * 600_000_000
    assert set(found["disk"]["kinds"]) == {"images", "records", "depth", "instances.json"}
    assert engines.opened == 1
    assert set(tmp_path.rglob("*")) == before, "an estimate leaves nothing behind"


def test_tables_say_the_same(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert estimate(config, "--images", 1, "--json", tmp_path / "found.json") == 0
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    assert [p["index"] for p in found["pilots"]] == [0]
    assert f"in all about {duration(found['time']['total_s']['likely'])}" in out
    assert f"in all about {size(found['disk']['total'])}" in out


def test_a_balanced_run_is_judged_by_its_first_pictures(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("images: 40\n", "") + "balance: {target: uniform, total: 60}\n")
    assert estimate(config, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert [p["index"] for p in found["pilots"]] == [0, 1, 2]
    assert found["exact"] is False
    assert 5 < found["pictures"] < 60
    assert "orders.jsonl" in found["disk"]["kinds"]


def test_a_pilot_that_fails_ends_the_estimate(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = AnalyticEngines(Timed, {20: [EngineError("no such texture", "MissingFile")]})
    assert estimate(config, engines=engines) == 1
    assert "pilot picture 20: no such texture" in capsys.readouterr().err
    assert estimate(config, "--set", "camera.fov=3") == 2
