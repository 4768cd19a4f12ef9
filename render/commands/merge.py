"""``scanstage merge``: finishes a dataset that shards have made, without rendering."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.run_file import Command, RunFile, read_run_file
from scanstage.render.bookkeeping.leftovers import remove_leftovers
from scanstage.render.bookkeeping.resume import finished_pictures
from scanstage.render.bookkeeping.run_outputs import write_outputs
from scanstage.render.bookkeeping.same_run import differences
from scanstage.render.bookkeeping.shard_notes import noted_failures, remove_notes, with_notes
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.commands.merge_parts import take_in
from scanstage.render.engine.scratch import remove_scratch_of_dead_runs
from scanstage.render.finish.quarantine import reasons, release_finished
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.config.load import with_overrides
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_sequence.balanced_pictures import BalancedPictures, open_targets
from scanstage.scenes.picture_sequence.identity import identity
from scanstage.scenes.picture_sequence.picture_source import PictureSource, open_source
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.plan import MOST_PICTURES
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

NOTHING = Selection(there=range(MOST_PICTURES))
"""Goes through a run and makes none of its pictures."""
Note = Callable[[str], None]


@dataclass(frozen=True)
class Merged:
    """What a merge came to.

    Attributes:
        summary: of the dataset; its ``failed`` are pictures that could not be made, of those that are missing.
        pictures: that are there.
        taken: pictures that came from parts.
        missing: indices of pictures that are not there.
        command: that makes them.
    """

    summary: Summary
    pictures: int
    taken: int
    missing: list[int] = field(default_factory=list)
    command: str = ""


def merge(root: Location, parts: Sequence[Path], note: Note) -> Merged:
    """Export a dataset from all records that are there, and fold in what shards noted.

    It can be killed at any moment, and given again.

    Args:
        root: folder of the dataset; with parts, it may be a new one.
        parts: folders of the same run from machines that share no folder; what they have is taken in first, by hard
            links where that can be.
        note: told what a person may want to know.

    Raises:
        InputError: it isn't a dataset, is being written to, or a part doesn't belong to it; nothing was changed. Or
            what a balanced dataset follows from (scans, files, the first orders) is gone; parts have been taken in.
        OSError: the folder can't be written.
    """
    folder = DatasetFolder(root)
    if not parts:
        open_dataset(root)  # before anything is made there
    with _unless_refused(root), run_lock(folder, what="a merge", note=note):
        taken = take_in(folder, parts, note) if parts else 0
        run = read_run_file(folder)
        source = _reopened(folder, run)
        remove_leftovers(folder)
        remove_scratch_of_dead_runs()
        return _finished(folder, run, source, taken)


@contextlib.contextmanager
def _unless_refused(root: Location) -> Iterator[None]:
    """Let no empty folder stay where there was none, if nothing is put there."""
    made = [p for p in (root, *root.parents) if not p.exists()] if isinstance(root, Path) else []
    try:
        yield
    except InputError:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


def _finished(folder: DatasetFolder, run: RunFile, source: PictureSource, taken: int) -> Merged:
    for _ in source.pictures(NOTHING):
        pass  # a balanced run plans what its ledger lacks, and knows then how many pictures it has
    there = finished_pictures(folder, Selection(), source)
    release_finished(folder, there.indices)
    missing = [i for i in range(source.expected) if i not in there.indices]
    failures = run.failures | noted_failures(folder)
    known = failures | reasons(folder)
    summary = Summary(folder, kept=len(there), failed=[(i, known[i]) for i in missing if i in known])
    content = replace(run, failed=(), pictures=None, labels=None, sessions=with_notes(folder, run.sessions))
    write_outputs(folder, source, content, summary, there.indices)
    missing = sorted({*missing, *(index for index, _ in summary.failed)})  # also what has gone since
    remove_notes(folder)
    return Merged(summary, len(there), taken, missing, _command(folder, run.command))


def _reopened(folder: DatasetFolder, run: RunFile) -> PictureSource:
    """Where the pictures of a dataset come from, by its ``run.json`` alone.

    Only a balanced run needs its scans and files again: what each of its pictures shows follows from those before.

    Raises InputError where these are not what they were.
    """
    data = dict(run.config)
    if run.balance is not None and run.identity.aims.images is None:
        data.pop("images", None)  # it wasn't given, so the targets decide
    config = with_overrides(data, (), Path(str(folder.run_file)))
    if config.balance is None:
        return open_source(Planner(config, Catalogue([], []), Path()))
    base = run.command.folder or Path()
    source = BalancedPictures(planner := open_planner(config, base), open_targets(config, planner.catalogue, base))
    now = identity(config, planner.catalogue, source.aims)
    if changed := [text for _, text in differences(run.identity, now)]:
        raise InputError(
            [f"{folder.root}: it isn't known how many pictures it is to have: {text}" for text in changed[:10]],
            "a balanced dataset is finished with the scans, files and version that it was begun with: bring them back",
        )
    source.ledger.load(folder.ledger)
    source.take_over(run.given)
    return source


def _command(folder: DatasetFolder, given: Command) -> str:
    """What makes the pictures that are missing."""
    words = ["scanstage", "generate", given.config or "CONFIG"]
    for override in given.set:
        words += ["--set", override]
    if given.blender:
        words += ["--blender", given.blender]
    return shlex.join([*words, "--out", str(folder.root)])
