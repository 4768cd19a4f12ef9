"""Shards of a run into one folder: at once, killed, doubled."""

from __future__ import annotations

from pathlib import Path

from dataset_digest import half_written
from fake_blender import plant
from kills import is_finished
from observation import Observation, Scenario
from running import wait_until
from workplace import BALANCE, SLOW, Workplace


def at_once(work: Workplace, seen: Observation, times: int) -> None:
    """Two shards at once, one of them killed at a random moment and started again; then merged."""
    config, balanced = work.config(), work.config(extra=BALANCE, name="balanced.yaml")
    for i in range(times):
        _two_shards(work, seen, (config, balanced)[i % 2])


def _two_shards(work: Workplace, seen: Observation, config: Path) -> None:
    reference, out = work.reference(config), work.out()
    both = [work.generate(config, out, "--shard", f"{k}/2", "--workers", "1", pace=SLOW) for k in range(2)]
    victim = int(work.rng.integers(2))
    if hit := reference.moment(work.rng).wait(both[victim], out):
        both[victim].kill()
    ended = [shard.wait() for shard in both]
    seen.promise(ended[1 - victim].code == 0, f"the other shard: {ended[1 - victim].tail()}")
    seen.promise(not (left := both[victim].orphans()), f"processes left: {left}")
    seen.promise(not (wrong := half_written(out)), f"half-written: {wrong}")
    if hit:
        incomplete = len(list(out.glob("records/*.json"))) < reference.pictures
        merged = work.start("merge", out).wait()
        seen.promise(merged.code == 1 or not incomplete, f"merge of an incomplete dataset: {merged.tail()}")
        again = work.generate(config, out, "--shard", f"{victim}/2", "--workers", "1").wait()
        seen.promise(again.code == 0, f"the killed shard again: {again.tail()}")
    is_finished(seen, work, out, reference.digest, work.start("merge", out).wait())
    seen.times += 1


def doubled(work: Workplace, seen: Observation, times: int) -> None:
    """The same shard twice, a shard of another number, and a plain run, while a shard lives: all refused."""
    reference = work.reference(config := work.config())
    others = (("--shard", "1/2"), ("--shard", "0/3"), ())
    for i in range(times):
        out, gate = work.out(), plant(work.faults, "wait", 3)
        first = work.generate(config, out, "--shard", "1/2")
        wait_until(first, (out / "records").exists)
        second = work.generate(config, out, *others[i % 3]).wait()
        gate.unlink()
        seen.promise(second.code == 2, f"{others[i % 3]}: {second.tail()}")
        seen.promise(str(first.process.pid) in second.err, f"doesn't name the owner: {second.err}")
        seen.promise(first.wait().code == 0, "the first shard failed")
        is_finished(seen, work, out, reference.digest, work.generate(config, out).wait())
        seen.times += 1


SCENARIOS = (
    Scenario("shards", "both go on; merge refuses until all is there; same bytes", at_once, 0, share=0.2),
    Scenario("shard-twice", "refused (exit 2), the first isn't harmed", doubled, 0, share=0.1),
)
