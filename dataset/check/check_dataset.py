"""Verifies a finished dataset from its files alone: no library, no Blender, no trust in what it reads."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.check.check_balance import check_balance
from scanstage.dataset.check.check_folder import (
    COCO_FILE,
    check_coco,
    check_run,
    check_sheet,
    check_strays,
    quarantined,
)
from scanstage.dataset.check.check_images import check_image, check_maps, missing_maps
from scanstage.dataset.check.check_labels import Masks, check_agreement, check_masks, check_references, read_masks
from scanstage.dataset.check.check_poses import check_poses
from scanstage.dataset.check.finding import Finding
from scanstage.dataset.labels.agreement import AgreementFigures, figures
from scanstage.dataset.records.dataset_folder import DatasetFolder, record_name
from scanstage.dataset.records.own_files import BOOK_BYTES, RECORD_BYTES, has_own, misplaced, read_own
from scanstage.dataset.records.picture_files import IMAGE_SUFFIXES
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_labels, recorded_indices
from scanstage.dataset.records.run_file import RunFile, parse_run_file

PICTURES_A_TASK = 32
ALONE_UP_TO = 96
"""Starting a process costs as much as checking some dozen pictures."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        findings: sorted by path.
        pictures: with a readable record.
        labels: by class, without ignored ones.
        agreement: cast against engine, by engine.
    """

    findings: tuple[Finding, ...]
    pictures: int
    labels: dict[str, int]
    agreement: dict[str, AgreementFigures]

    def to_json(self) -> dict[str, Any]:
        """All of it as one JSON object; ``labels`` and ``engine_labels`` are numbers, of all classes and engines."""
        return {
            "findings": [asdict(f) for f in self.findings],
            "pictures": self.pictures,
            "labels": sum(self.labels.values()),
            "engine_labels": sum(f.engine_labels for f in self.agreement.values()),
            "agreement": {engine: self.agreement[engine].to_json() for engine in sorted(self.agreement)},
        }


@dataclass
class _Findings:
    """What was found in some pictures."""

    findings: list[Finding] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    agreement: dict[str, AgreementFigures] = field(default_factory=dict)
    pictures: int = 0

    def add(self, other: _Findings) -> None:
        self.findings += other.findings
        self.labels.update(other.labels)
        self.files |= other.files
        self.pictures += other.pictures
        for engine, found in other.agreement.items():
            self.agreement[engine] = self.agreement.get(engine, AgreementFigures()) + found


def check_dataset(root: Path, fast: bool = False, workers: int = 0) -> CheckReport:
    """Check all of a dataset.

    Args:
        root: of the dataset.
        fast: don't decode pictures and maps; their hashes are compared all the same.
        workers: processes; 0 is one a core. Small datasets are checked by this process alone.

    Raises InputError where ``root`` isn't a dataset at all.
    """
    root = root.resolve()
    folder = DatasetFolder(root)
    if not has_own(folder, folder.run_file.name) and not (root / folder.records.name).is_dir():
        reason = (
            "not a dataset of scanstage: it has neither run.json nor records" if root.is_dir() else "no such folder"
        )
        raise InputError(f"{root}: {reason}", "name the folder that `scanstage generate` wrote")
    try:
        run, findings = _read_run(folder)
        findings += [Finding(name, "misplaced", text) for name, text in misplaced(folder)]
        found = _check_all(root, run, fast, workers or usable_cores())
        findings += found.findings
        indices = recorded_indices(folder)
        if run is not None:
            findings += check_run(run, set(indices), found.labels, quarantined(folder))
        findings += check_sheet(folder, found.pictures)
        findings += check_balance(folder, run) if run is not None else ()
        findings += check_strays(root, found.files | {COCO_FILE} | {record_name(i) for i in indices})
    except OSError as e:
        raise InputError(f"{e.filename or root}: can't be read ({e.strerror or e})") from e
    return CheckReport(
        tuple(sorted(set(findings))), found.pictures, dict(sorted(found.labels.items())), found.agreement
    )


def _read_run(folder: DatasetFolder) -> tuple[RunFile | None, list[Finding]]:
    try:
        return parse_run_file(read_own(folder, folder.run_file.name, BOOK_BYTES)), []
    except OSError as e:
        return None, [Finding("run.json", "run-missing", f"can't be read ({e.strerror or e})")]
    except ValueError as e:
        return None, [Finding("run.json", "run-unreadable", f"isn't what a run of scanstage writes ({e})")]


def _check_all(root: Path, run: RunFile | None, fast: bool, workers: int) -> _Findings:
    """Check records, pictures, maps and the COCO file, by several processes where there is enough to do."""
    indices = recorded_indices(DatasetFolder(root))
    tasks = [indices[i : i + PICTURES_A_TASK] for i in range(0, len(indices), PICTURES_A_TASK)]
    classes = None if run is None else run.identity.classes
    check = partial(_check_pictures, root, classes, () if run is None else run.maps, fast)
    whole = _Findings()
    if workers < 2 or len(indices) <= ALONE_UP_TO:
        for part in (_check_exports(root, run), *map(check, tasks)):
            whole.add(part)
        return whole
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
            jobs: list[Future[_Findings]] = [pool.submit(_check_exports, root, run)]
            jobs += [pool.submit(check, task) for task in tasks]
            for job in jobs:
                whole.add(job.result())
    except BrokenProcessPool as e:
        raise InputError(
            f"{root}: a process that checked it was ended, by a lack of memory or a broken file",
            f"try again with {option('workers')} 1, or with {option('fast')}",
        ) from e
    return whole


def _check_exports(root: Path, run: RunFile | None) -> _Findings:
    if run is None:
        return _Findings()  # nothing to compare with, which is reported
    try:
        return _Findings(findings=list(check_coco(root, run)))
    except InputError:
        return _Findings()  # another version's records, which are reported


def _check_pictures(
    root: Path, classes: tuple[str, ...] | None, wanted: tuple[str, ...], fast: bool, indices: list[int]
) -> _Findings:
    whole = _Findings()
    with np.errstate(all="ignore"):  # a broken record may hold any number
        for index in indices:
            whole.add(_check_picture(root, classes, wanted, fast, index))
    return whole


def _check_picture(
    root: Path, classes: tuple[str, ...] | None, wanted: tuple[str, ...], fast: bool, index: int
) -> _Findings:
    folder = DatasetFolder(root)
    at = record_name(index)
    try:
        record = Record.from_json(read_own(folder, at, RECORD_BYTES))
    except (OSError, ValueError, RecursionError) as e:
        # Whose files these are is not known: they are no orphans.
        files = {f"images/{index:06d}.{suffix}" for suffix in IMAGE_SUFFIXES}
        reason = getattr(e, "strerror", None) or e
        return _Findings([Finding(at, "record-unreadable", f"can't be read: {reason}")], files=files)
    found = _Findings(pictures=1, labels=count_labels(record))
    for name, given in (("its index", record.index), ("its plan's index", record.plan.index)):
        if given != index:
            found.findings.append(Finding(at, "index", f"{name} is {given}, its file's name says {index}"))
    record = replace(record, index=index)
    masks, faults = read_masks(record)
    known = frozenset(classes if classes is not None else (i.class_name for i in record.instances))
    for kind, text in _faults(record, known, masks, faults):
        found.findings.append(Finding(at, kind, text))
    found.findings += check_image(folder, record, not fast)
    found.findings += missing_maps(record, wanted)
    found.findings += check_maps(folder, record, masks, classes or (), not fast)
    found.files = {f"images/{record.image.file_name}", *(m.path for m in record.maps.values())}
    found.agreement = {str(record.engine.get("engine")): _figures(record)}
    return found


def _faults(
    record: Record, classes: Collection[str], masks: Masks, faults: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    yield from faults
    yield from check_references(record, classes)
    yield from check_masks(record, masks)
    yield from check_agreement(record)
    yield from check_poses(record)


def _figures(record: Record) -> AgreementFigures:
    if record.label_source == "engine":
        return AgreementFigures(engine_labels=sum(not i.ignore for i in record.instances))
    return figures(record.agreement, {i.object_id for i in record.instances})
