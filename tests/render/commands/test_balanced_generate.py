"""A balanced run from end to end, with the analytic engine: exact counts, whatever happens on the way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import BALANCED_CONFIG, DATA, brick_config, command, digest, generated, run

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.progress import Progress
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.executors import choose_executor
from scanstage.scenes.planning.planner import Planner

ASKED = {"box": 20, "ball": 12, "brick": 12}
BOOKS = (*DATA, "orders.jsonl")


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return brick_config(BALANCED_CONFIG, toy_library, monkeypatch, tmp_path)


def outputs(folder: Path) -> dict[str, str]:
    return digest(folder, *DATA) | {"orders": (folder / "orders.jsonl").read_text()}


def different(a: Path, b: Path) -> list[str]:
    """What is not the same in two datasets; of ledgers the lines."""
    one, other = outputs(a), outputs(b)
    lines = zip(one.pop("orders").splitlines(), other.pop("orders").splitlines(), strict=False)
    found = [f"{x}\n{y}" for x, y in lines if x != y]
    return found + sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))


def test_the_counts_are_exactly_those_asked_for(config: Path, tmp_path: Path) -> None:
    summary = run(config, out=tmp_path / "d")
    assert summary.labels == ASKED
    coco = json.loads((tmp_path / "d/annotations/instances.json").read_text())
    names = {c["id"]: c["name"] for c in coco["categories"]}
    assert Counter(names[a["category_id"]] for a in coco["annotations"]) == ASKED
    placed = [json.loads(line)["order"]["classes"] for line in (tmp_path / "d/orders.jsonl").read_text().splitlines()]
    assert len(placed) == summary.done
    assert sum(map(len, placed)) > sum(ASKED.values()), "some labels were lost on the way"
    assert run(config, out=tmp_path / "d").kept == summary.done


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_do_not_matter(config: Path, tmp_path: Path, workers: int) -> None:
    run(config, out=tmp_path / "one")
    run(config, out=tmp_path / "more", workers=workers)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "more")


def test_a_run_killed_twice_ends_the_same(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "whole")

    def die_at(index: int) -> None:
        class Dying(AnalyticEngine):
            def render(self, plan, asset_folders, timeout_s):
                if plan.index == index:
                    raise KeyboardInterrupt
                return super().render(plan, asset_folders, timeout_s)

        with pytest.raises(KeyboardInterrupt):
            run(config, AnalyticEngines(Dying), out=tmp_path / "parts")

    die_at(3)
    die_at(9)
    ledger = tmp_path / "parts/orders.jsonl"
    ledger.write_text(ledger.read_text()[:-25])  # the last line was being written
    run(config, out=tmp_path / "parts")
    assert different(tmp_path / "parts", tmp_path / "whole") == []


def test_the_ledger_is_kept_while_a_run_lasts(config: Path, tmp_path: Path) -> None:
    """A run that is killed closes no books."""
    there = {}

    def look(progress: Progress) -> None:
        if progress.outcome is not None:
            there[progress.outcome.index] = len((tmp_path / "d/orders.jsonl").read_text().splitlines())

    generated(config, GenerateOptions(out=tmp_path / "d"), on_progress=look)
    assert len(there) > 3
    assert all(lines > index for index, lines in there.items())


@pytest.mark.parametrize("frames", [None, (14, 18)])
def test_a_scan_that_disappears_ends_the_run_and_leaves_no_trace(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: tuple[int, int] | None
) -> None:
    """What comes after would be ordered otherwise, had that picture not been planned."""
    run(config, out=tmp_path / "whole")
    attempts, lost = Planner.attempts, 10 if frames is None else 2

    def broken(self: Planner, index: int, *args, **options):
        if index == lost:
            raise InputError("mesh.npz: no such file", "bring it back")
        return attempts(self, index, *args, **options)

    line = ["generate", str(config), "--out", str(tmp_path / "d"), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Planner, "attempts", broken)
        with pytest.raises(InputError, match=r"mesh\.npz: no such file"):
            run(config, out=tmp_path / "d", frames=frames, workers=1)
        assert command(line) == 2
    if frames is None:
        coco = json.loads((tmp_path / "d/annotations/instances.json").read_text())
        assert 0 < len(coco["images"]) == len(list((tmp_path / "d/records").iterdir())) <= lost
        assert len((tmp_path / "d/orders.jsonl").read_text().splitlines()) == lost
    assert command(line) == 0
    assert different(tmp_path / "d", tmp_path / "whole") == []


def test_a_lost_ledger_and_lost_pictures_are_made_again(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d")
    before = outputs(tmp_path / "d")
    (tmp_path / "d/orders.jsonl").unlink()
    (tmp_path / "d/records/000002.json").unlink()
    assert run(config, out=tmp_path / "d").done == 1
    assert outputs(tmp_path / "d") == before


def test_some_frames_first_then_all(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "whole")
    assert run(config, out=tmp_path / "parts", frames=(4, 6)).done == 3
    run(config, out=tmp_path / "parts")
    assert different(tmp_path / "parts", tmp_path / "whole") == []


def test_a_picture_that_fails_is_named_and_the_rest_goes_on(config: Path, tmp_path: Path) -> None:
    summary = run(config, AnalyticEngines(troubles={2: [EngineCrashed("gone")] * 3}), out=tmp_path / "d")
    assert [i for i, _ in summary.failed] == [2]
    assert sum(summary.labels.values()) < sum(ASKED.values())
    assert run(config, out=tmp_path / "d").labels == ASKED


def test_another_target_is_another_run(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d")
    config.write_text(config.read_text().replace("box: 20", "box: 21"))
    with pytest.raises(InputError, match=r"target.*box.*was 20, is 21"):
        run(config, out=tmp_path / "d")


def test_with_a_number_of_pictures_targets_are_shares(config: Path, tmp_path: Path) -> None:
    summary = run(config, out=tmp_path / "d", images=30)
    assert (summary.done, summary.failed) == (30, []), summary.failed
    total = sum(summary.labels.values())
    for name, n in ASKED.items():
        assert abs(summary.labels[name] / total - n / 44) < 0.03


def test_what_can_never_be_seen_ends_the_run_with_the_rule(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + "\n")
    override = ("labels.per_class.brick.min_pixels=3000",)
    with pytest.raises(
        InputError, match=r"class 'brick': of \d+ objects placed only 0 are labelled; lost \d+ by min_pixels"
    ):
        run(config, out=tmp_path / "d", overrides=override)


def test_the_command_line_plans_what_a_run_renders(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config, out=tmp_path / "d")
    record = json.loads((tmp_path / "d/records/000005.json").read_text())
    assert command(["plan", str(config), "--frame", "5"]) == 0
    assert json.loads(capsys.readouterr().out) == record["plan"]
    assert command(["plan", str(config), "--stats", "--json", "-"]) == 0
    stats = json.loads(capsys.readouterr().out)
    assert {c: stats["classes"][c]["labelled"] for c in ASKED} == ASKED if isinstance(stats["classes"], dict) else stats
    assert command(["plan", str(config), "--frame", "5000"]) == 2


def test_frames_beyond_the_end_are_refused_with_where_it_is(config: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`frames` 5000-5001: the run reaches its target with \d+ pictures"):
        run(config, out=tmp_path / "d", frames=(5000, 5001))
    with pytest.raises(InputError, match="pictures are 0 to 6"):
        run(config, out=tmp_path / "d", frames=(5, 7), images=7)
    for name in ("plan", "preview"):
        extra = ["--stats"] if name == "plan" else ["--out", str(tmp_path / "sheet.png")]
        assert command([name, str(config), "--frames", "5000-5001", *extra]) == 2
    assert not (tmp_path / "sheet.png").exists()


def test_nothing_is_planned_after_the_last_picture_asked_for(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d", frames=(0, 2))
    assert len((tmp_path / "d/orders.jsonl").read_text().splitlines()) == 3


def test_a_damaged_ledger_has_every_picture_again_whatever_frames_are_asked_for(config: Path, tmp_path: Path) -> None:
    run(config, out=tmp_path / "d")
    before = outputs(tmp_path / "d")
    ledger = tmp_path / "d/orders.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join([*lines[:3], "{\n", *lines[5:]]))
    run(config, out=tmp_path / "d", frames=(1, 2))
    assert outputs(tmp_path / "d") == before


HIGHER = ("balance.target.ball=20",)


def test_higher_targets_extend_a_dataset(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "d"
    run(config, out=out)
    before = digest(out, "images", "records")
    orders = (out / "orders.jsonl").read_text()
    with pytest.raises(InputError, match=r"balance\.target\.ball was 12, is 20") as refused:
        run(config, out=out, overrides=HIGHER)
    assert "`extend`" in str(refused.value.hint)
    second_of_the_new = len(before) // 2 + 1
    engines = AnalyticEngines(troubles={second_of_the_new: [InputError("no power")]})
    assert len(run(config, engines, out=out, overrides=HIGHER, extend=True).failed) == 1
    # Gone on with, it knows where the first orders end, and needs no --extend any more.
    summary = run(config, out=out, overrides=HIGHER)
    assert summary.labels == ASKED | {"ball": 20}
    assert before.items() <= digest(out, "images", "records").items()
    assert (out / "orders.jsonl").read_text().startswith(orders)
    assert command(["check", str(out)]) == 0


def test_an_extended_dataset_needs_its_first_orders(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    run(config, out=out)
    run(config, out=out, overrides=HIGHER, extend=True)
    lines = (out / "orders.jsonl").read_text().splitlines(keepends=True)
    (out / "orders.jsonl").write_text("".join(lines[:3]))
    with pytest.raises(InputError, match="holds the orders of 3 pictures"):
        run(config, out=out, overrides=HIGHER)
    (out / "orders.jsonl").write_text("".join(lines[:-1]))  # what came after can be computed again
    assert run(config, out=out, overrides=HIGHER).kept == len(lines)
    assert (out / "orders.jsonl").read_text() == "".join(lines)


def test_a_resumed_run_has_workers_for_what_is_really_left(
    config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """How many pictures there are to be is only known once those that are there have been gone through."""
    whole = run(config, out=tmp_path / "d").done
    folder = DatasetFolder(tmp_path / "d")
    for index in range(whole - 2, whole):
        folder.record(index).unlink()
    asked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        honest = choose_executor.share_out
        patch.setattr(
            choose_executor, "share_out", lambda c, pictures: (asked.append(pictures), honest(c, pictures))[1]
        )
        assert run(config, out=tmp_path / "d").done == 2
    assert asked[0] >= 2
