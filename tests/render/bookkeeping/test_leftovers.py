"""What runs leave that are killed in the middle of writing a file, by real kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.bookkeeping.leftovers import final_name, remove_leftovers
from scanstage.render.bookkeeping.same_run import check_resumable
from scanstage.scenes.picture_sequence.identity import Identity
from scanstage.scenes.picture_sequence.shard import Shard

KILLED = """
import os, signal, sys
from pathlib import Path
from scanstage.assets.files.atomic import write_atomically
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), b"half of it")
"""
PICTURES = ("images/000003.jpg", "records/000003.json", "depth/000003.exr", "quarantine/000003/plan.json")
WHOLE = ("run.json", "orders.jsonl", "__overview__/balance.png", "annotations/instances.json", "shards/1-of-2.json")


def killed_while_writing(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()


def files(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a file of each kind that was being written."""
    root = tmp_path_factory.mktemp("killed")
    for name in (*PICTURES, *WHOLE):
        killed_while_writing(root / name)
    assert {str(Path(f).with_name(final_name(Path(f).name) or "")) for f in files(root)} == {*PICTURES, *WHOLE}
    return root


def copied(killed: Path, to: Path) -> Path:
    for name in files(killed):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((killed / name).read_bytes())
    return to


def test_a_run_removes_them_and_nothing_else(killed: Path, tmp_path: Path) -> None:
    root = copied(killed, tmp_path / "d")
    mine = {
        ".gitignore",
        ".notes.txt.abcdefgh",
        "images/.000003.jpg.swp",
        "images/.thumbs.abcdefgh",
        "records/000004.json",
        "own/.run.json.abcdefgh",
        "shards/0-of-2.json",
    }
    for name in mine:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("mine")
    (root / ".shards.0123abcd").mkdir()
    (root / ".shards.0123abcd" / "0-of-3.json").write_text("{}")
    assert remove_leftovers(DatasetFolder(root)) == len(PICTURES) + len(WHOLE) + 1
    assert files(root) == mine


def test_a_shard_removes_those_of_its_own_pictures(killed: Path, tmp_path: Path) -> None:
    """Another shard may be writing the others at this moment."""
    root = copied(killed, tmp_path / "d")
    before = files(root)
    assert remove_leftovers(DatasetFolder(root), Shard.parse("0/2")) == 0
    assert files(root) == before
    assert remove_leftovers(DatasetFolder(root), Shard.parse("1/2")) == len(PICTURES)
    assert len(files(root)) == len(WHOLE)


def test_a_first_run_killed_while_it_wrote_run_json_hinders_no_second(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "d" / "run.json")
    folder = DatasetFolder(tmp_path / "d")
    assert check_resumable(folder, Identity({}), fresh=False, extend=False) is False
    remove_leftovers(folder)
    assert list((tmp_path / "d").iterdir()) == []
