"""What a run writes besides its pictures: ``run.json``, and at its end all that derives from records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.labels.categories import make_categories
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.run_file import RunFile, write_run_file
from scanstage.dataset.report.balance_files import finished_entries, write_balance
from scanstage.dataset.report.balance_report import balance_figures
from scanstage.render.bookkeeping.provenance_notes import sources_of
from scanstage.render.bookkeeping.summary import Summary
from scanstage.scenes.picture_sequence.identity import identity
from scanstage.scenes.picture_sequence.picture_source import PictureSource


def begun(source: PictureSource) -> RunFile:
    """What ``run.json`` says of a run before it begins."""
    config, catalogue = source.planner.config, source.planner.catalogue
    metas = {c: [a.meta for a in assets] for c, assets in catalogue.by_class.items()}
    return RunFile(
        config=config.model_dump(mode="json"),
        identity=identity(config, catalogue, source.aims),
        categories=make_categories(catalogue.label_classes, metas, catalogue.part_classes()),
        library=None if catalogue.library is None else str(catalogue.library),
        sources=sources_of(config, catalogue),
    )


def write_outputs(
    folder: DatasetFolder, source: PictureSource, run: RunFile, summary: Summary, due: Iterable[int] = ()
) -> None:
    """Write what derives from the pictures that are there, however many these are.

    Args:
        folder: of the dataset.
        source: of its pictures.
        run: of this run, its sessions with it; its ``failed`` are earlier failures, kept while their pictures aren't
            there.
        summary: of this run; takes in labels and balance, and as failed what is due and not there.
        due: pictures that are there now, unless they failed.

    Raises OSError where the folder can't be read or written.
    """
    if run.sessions:
        last = run.sessions[-1]
        engine = next((s.engine for s in reversed(run.sessions) if s.engine), {})  # the last had perhaps no need of one
        run = replace(run, engine=engine, versions=last.versions, seconds=last.seconds)
    earlier = run.failures
    write_run_file(folder, run.with_failures(earlier | dict(summary.failed)))
    exported, summary.labels = export(folder, run, insist=True)
    there = frozenset(exported)
    summary.lose(sorted(set(due) - there - {index for index, _ in summary.failed}))
    gone = {index: reason for index, reason in earlier.items() if index not in there}
    run = run.with_failures(gone | dict(summary.failed))
    write_run_file(folder, replace(run, pictures=len(exported), labels=summary.labels))
    summary.balance = _write_balance(folder, source)


def _write_balance(folder: DatasetFolder, source: PictureSource) -> dict[str, Any] | None:
    """Write the ledger of a balanced run, and what balancing came to."""
    if source.balance is None:
        return None
    ledger, config = source.balance.ledger, source.planner.config.balance
    assert config is not None
    ledger.open(folder.ledger)
    entries = finished_entries(folder, ledger.entries.values())
    figures = balance_figures(entries, source.balance.targets, config, source.planner.catalogue.classes)
    write_balance(folder, figures)
    return figures
