"""What a run notes of itself beside its pictures: a run that has the folder for itself, or a shard beside others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scanstage.assets.files.stores import is_file
from scanstage.dataset.export.placing.own_card import remove_own_card
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.run_file import RunFile, Session, write_run_file
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.bookkeeping.run_outputs import write_outputs
from scanstage.render.bookkeeping.shard_notes import (
    begin_shard,
    close_shard,
    keep_shard_log,
    lacking,
    noted_failures,
    publish_ledger,
    remove_notes,
    with_notes,
)
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.engine.log_tail import extend_log
from scanstage.render.finish.map_output import wanted_maps
from scanstage.scenes.picture_sequence.picture_source import PictureSource
from scanstage.scenes.picture_sequence.shard import Shard


class Notes(Protocol):
    """Writes what a run, or a part of one, notes of itself."""

    def earlier(self, before: RunFile) -> tuple[dict[int, str], tuple[Session, ...]]:
        """Failures and sessions to go on from, of what ``run.json`` says. Raises OSError."""
        ...

    def begin(self, run: RunFile) -> None:
        """Write what has to be there before the first picture; the engine is known to work.

        Raises:
            InputError: another run was faster.
            OSError: the folder can't be written.
        """
        ...

    def keep_log(self, printed: bytes) -> None:
        """Keep what engines printed in this session, below what they printed in earlier ones. Raises OSError."""
        ...

    def finish(self, run: RunFile, summary: Summary, due: range | None) -> None:
        """Write what is left to be written at a run's end.

        Args:
            run: of this run, its last session with it.
            summary: of it.
            due: pictures of which each is made or has failed; None where the run was cut short.

        Raises OSError.
        """
        ...


@dataclass
class WholeNotes:
    """Of a run that has the folder for itself; see :class:`Notes`."""

    folder: DatasetFolder
    source: PictureSource
    fresh: bool
    _session: int = 1

    def earlier(self, before: RunFile) -> tuple[dict[int, str], tuple[Session, ...]]:
        """See :class:`Notes`: with what shards noted, if these were never merged."""
        sessions = with_notes(self.folder, before.sessions)
        self._session = len(sessions) + 1
        return before.failures | noted_failures(self.folder), sessions

    def begin(self, run: RunFile) -> None:
        """See :class:`Notes`."""
        if self.fresh:
            remove_own_card(self.folder)
            self.folder.clear()
        self.folder.create(wanted_maps(self.source.planner.config.output))
        if self.source.balance is not None:
            self.source.balance.ledger.open(self.folder.ledger)
        write_run_file(self.folder, run)

    def keep_log(self, printed: bytes) -> None:
        """See :class:`Notes`."""
        if is_file(self.folder.run_file):
            extend_log(self.folder.root, self.folder.log.name, f"== session {self._session}\n".encode() + printed)

    def finish(self, run: RunFile, summary: Summary, due: range | None) -> None:
        """See :class:`Notes`: what derives from all pictures, once there is anything."""
        if summary.done or (summary.kept and due is not None) or summary.failed:
            write_outputs(self.folder, self.source, run, summary, due or ())
            remove_notes(self.folder)


@dataclass
class ShardNotes:
    """Of a shard beside others; see :class:`Notes`. What derives from all pictures is the merge's to write."""

    folder: DatasetFolder
    source: PictureSource
    shard: Shard
    extend: bool

    def earlier(self, before: RunFile) -> tuple[dict[int, str], tuple[Session, ...]]:
        """See :class:`Notes`: a shard's sessions are its own."""
        return before.failures, ()

    def begin(self, run: RunFile) -> None:
        """See :class:`Notes`."""
        begin_shard(self.folder, run, wanted_maps(self.source.planner.config.output), self.extend)

    def keep_log(self, printed: bytes) -> None:
        """See :class:`Notes`."""
        if is_file(self.folder.run_file):
            keep_shard_log(self.folder, self.shard, b"== session 1\n" + printed)

    def finish(self, run: RunFile, summary: Summary, due: range | None) -> None:
        """See :class:`Notes`."""
        if run.sessions or summary.failed:
            close_shard(self.folder, self.shard, run.sessions, summary.failed)
        if self.source.balance is not None:
            publish_ledger(self.folder, self.source.balance.ledger)
        if due is not None:
            summary.lacking = lacking(self.folder, self.source)


def notes_of(options: GenerateOptions, folder: DatasetFolder, source: PictureSource) -> Notes:
    """The notes of a run with these options."""
    if isinstance(options.part, Shard):
        return ShardNotes(folder, source, options.part, options.extend)
    return WholeNotes(folder, source, options.fresh)
