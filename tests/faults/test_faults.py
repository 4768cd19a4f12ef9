"""Every kind of fault, a few times each; ``python tests/faults/run.py`` tries them all, and more often."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from observation import CannotTry, Scenario, try_scenario
from scenarios import ALL
from workplace import Shared, Workplace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and namespaces")
SEED = 5


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return Shared(tmp_path_factory.mktemp("faults"), images=8)


@pytest.mark.parametrize("scenario", [s for s in ALL if s.few], ids=lambda s: s.name)
def test_promises_are_kept(scenario: Scenario, shared: Shared, tmp_path: Path) -> None:
    try:
        seen = try_scenario(scenario, Workplace(tmp_path, shared, "fake", scenario.rng(SEED)), scenario.few)
    except CannotTry as e:
        pytest.skip(str(e))
    assert not seen.broken, "\n".join(seen.broken)


def test_the_harness_tells_a_broken_promise(shared: Shared, tmp_path: Path) -> None:
    """A dataset that is not as it should be is seen: else all of the above would pass whatever happens."""
    from kills import is_finished
    from observation import Observation

    work = Workplace(tmp_path, shared, "fake", ALL[0].rng(SEED))
    reference = work.reference(config := work.config())
    ended = work.generate(config, out := work.out(), "--images", "6").wait()
    (out / "images/.000001.jpg.abcdefgh").touch()
    (out / "images/000002.jpg").write_bytes(b"")
    (work.memory / "scanstage-left").mkdir()
    seen = Observation()
    is_finished(seen, work, out, reference.digest, ended)
    told = " ".join(seen.broken)
    for part in ("missing: ", "left over", "other bytes", "left in the dataset", "left in memory", "check: "):
        assert part in told
