"""What a run writes besides its pictures: ``run.json``, and at its end all that derives from records."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from scanstage.dataset.export.annotations import export
from scanstage.dataset.labels.categories import make_categories, read_categories
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.report.balance_files import finished_entries, write_balance
from scanstage.dataset.report.balance_report import balance_figures
from scanstage.render.runs.run_file import write_run_file
from scanstage.render.runs.shard_notes import noted_failures
from scanstage.render.runs.summary import Summary
from scanstage.scenes.balance.balanced_run import BalancedRun
from scanstage.scenes.inputs.catalogue import library_folder
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.whole_run.identity import identity
from scanstage.scenes.whole_run.picture_source import PictureSource
from scanstage.scenes.whole_run.shard import Shard

Content = dict[str, Any]


def described(planner: Planner, source: PictureSource) -> Content:
    """What ``run.json`` says of a run before it begins."""
    config, catalogue, base = planner.config, planner.catalogue, planner.base
    metas = {c: [a.meta for a in assets] for c, assets in catalogue.by_class.items()}
    library = library_folder(config, base)
    return {
        "config": config.model_dump(mode="json"),
        "identity": identity(config, catalogue, base) | {"aims": _aims(source)},
        "categories": [c.to_json() for c in make_categories(catalogue.classes, metas)],
        "library": library if library is None else str(library),
    }


def _aims(source: PictureSource) -> Content:
    """Where a run is to end; in a balanced run that decides what its pictures show."""
    if not isinstance(source, BalancedRun):
        return {"images": source.expected}
    return {"targets": source.targets.counts or source.targets.shares, "images": source.controller.images}


def earlier_failures(folder: DatasetFolder, before: Content, shard: Shard | None) -> dict[int, str]:
    """Reasons of pictures that runs before this one could not make.

    Args:
        folder: of the dataset.
        before: what ``run.json`` says.
        shard: of the run: what shards noted is folded in by a run that is none.

    Raises OSError.
    """
    return _failures(before) | (noted_failures(folder) if shard is None else {})


def _failures(run: Content) -> dict[int, str]:
    return {int(f["index"]): str(f["reason"]) for f in run.get("failed", ())}


def failures_json(failures: Iterable[tuple[int, str]]) -> list[Content]:
    """Indices and reasons as they stand in ``run.json``."""
    return [{"index": index, "reason": reason} for index, reason in sorted(failures)]


def write_outputs(
    folder: DatasetFolder,
    source: PictureSource,
    name: str,
    run: Content,
    sessions: list[Content],
    summary: Summary,
    due: Iterable[int] = (),
) -> None:
    """Write what derives from the pictures that are there, however many these are.

    Args:
        folder: of the dataset.
        source: of its pictures.
        name: of the dataset.
        run: see :func:`described`; its ``failed`` are earlier failures, kept while their pictures aren't there.
        sessions: what each run into the folder noted of itself.
        summary: of this one; takes in labels and balance, and as failed what is due and not there.
        due: pictures that are there now, unless they failed.

    Raises OSError where the folder can't be read or written.
    """
    last = sessions[-1] if sessions else {}
    run = run | {key: last.get(key, {}) for key in ("engine", "versions", "seconds")}
    earlier = _failures(run)
    failed = failures_json((earlier | dict(summary.failed)).items())
    write_run_file(folder, run | {"failed": failed, "sessions": sessions})
    exported, summary.labels = export(folder, read_categories(run), name, insist=True)
    there = frozenset(exported)
    summary.lose(sorted(set(due) - there - {index for index, _ in summary.failed}))
    earlier = {index: reason for index, reason in earlier.items() if index not in there}
    failed = failures_json((earlier | dict(summary.failed)).items())
    content = run | {"pictures": len(exported), "labels": summary.labels, "failed": failed, "sessions": sessions}
    write_run_file(folder, content)
    if isinstance(source, BalancedRun):
        summary.balance = _write_balance(folder, source)


def _write_balance(folder: DatasetFolder, source: BalancedRun) -> Content:
    """Write the ledger and what balancing came to."""
    source.ledger.open(folder.ledger)
    entries = finished_entries(folder, source.ledger.entries.values())
    config, classes = source.planner.config, source.planner.catalogue.classes
    assert config.balance is not None
    figures = balance_figures(entries, source.targets, config.balance, classes)
    write_balance(folder, figures)
    return figures


def rounded(summary: Summary, started: float) -> dict[str, float]:
    """Seconds by stage, and in all since ``started`` (of ``time.monotonic``), to milliseconds."""
    seconds = {k: round(v, 3) for k, v in summary.seconds.items()}
    return seconds | {"total": round(time.monotonic() - started, 3)}
