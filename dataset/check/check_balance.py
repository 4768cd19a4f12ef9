"""Is a balanced run's bookkeeping true: does its ledger say what the records hold, its figures what the ledger does?"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from scanstage.assets.files.outside_files import open_below
from scanstage.assets.files.plain_json import parse_json
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.finding import Finding
from scanstage.dataset.records.dataset_folder import BALANCE_CHART, EARLIER_PLACES, DatasetFolder, record_name
from scanstage.dataset.records.decoding import decode_picture
from scanstage.dataset.records.own_files import BOOK_BYTES, SHEET_BYTES, read_own
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_objects, iterate_records
from scanstage.dataset.records.run_file import RunFile
from scanstage.dataset.report.balance_files import finished_entries
from scanstage.dataset.report.balance_report import balance_figures
from scanstage.dataset.report.overview_files import sheet_name
from scanstage.scenes.balance.factors import side_of
from scanstage.scenes.balance.ledger import LEDGER_BYTES, ledger_lines
from scanstage.scenes.balance.targets import Targets, make_targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig, Fill, Source
from scanstage.scenes.picture_order import Entry
from scanstage.scenes.picture_sequence.balanced_pictures import factors_of

TOLERANCE = 1e-9
MOST_BROKEN_LINES = 100
SHUFFLED = ("by_chance", "by_chance_low", "beyond_chance")
"""Figures that another version of numpy may shuffle otherwise."""
CONTRADICTIONS = (KeyError, ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError, InputError, AttributeError)
"""What a broken file may make of any computation on it."""


def check_balance(folder: DatasetFolder, run: RunFile) -> Iterator[Finding]:
    """Check ledger, figures and chart of a balanced run; of any other, that there are none.

    Args:
        folder: of the dataset.
        run: content of ``run.json``.
    """
    given = run.config.get("balance")
    if given is None:
        for name in (folder.ledger.name, folder.balance.name, BALANCE_CHART, EARLIER_PLACES[BALANCE_CHART]):
            if (folder.root / name).exists():
                yield Finding(name, "balance-unasked", "is here, but run.json asks for no balancing")
        return
    entries, findings = _read_ledger(folder.local_root, folder.ledger.name)
    yield from findings
    if entries is None:
        return
    for record in iterate_records(folder):
        if record.index not in entries:
            yield Finding(folder.ledger.name, "ledger-short", f"has no line for picture {record.index}")
            continue
        for text in _differences(record, entries[record.index]):
            yield Finding(record_name(record.index), "ledger-differs", f"{text}, as {folder.ledger.name} has it")
    if run.pictures is not None:
        yield from _check_figures(folder, run, given, finished_entries(folder, entries.values()))
        yield from _check_chart(folder)


def _read_ledger(root: Path, name: str) -> tuple[dict[int, Entry] | None, list[Finding]]:
    """Entries by index; None where there is no ledger, or hardly a line of it can be used."""
    entries: dict[int, Entry] = {}
    findings: list[Finding] = []
    try:
        with open_below(root, name, LEDGER_BYTES) as file:
            for number, line in enumerate(ledger_lines(file)):
                if len(findings) >= MOST_BROKEN_LINES:
                    return None, findings
                findings += _read_line(name, number, line, entries)
    except OSError as e:
        text = "is missing" if isinstance(e, FileNotFoundError) else f"can't be read ({e.strerror or e})"
        return None, [Finding(name, "ledger-missing", f"{text}; the same `scanstage generate` makes it anew")]
    return entries, findings


def _read_line(name: str, number: int, line: bytes, entries: dict[int, Entry]) -> Iterator[Finding]:
    try:
        entry = Entry.from_json(line)
    except (ValueError, RecursionError) as e:
        yield Finding(name, "ledger-unreadable", f"line {number + 1}: {e}")
        return
    if entry.order.index != number:
        yield Finding(name, "ledger-order", f"line {number + 1}: is of picture {entry.order.index}, expected {number}")
    entries[entry.order.index] = entry


def _differences(record: Record, entry: Entry) -> Iterator[str]:
    """In what a record isn't what its order and its entry say."""
    plan, order = record.plan, entry.order
    items = [o for o in plan.objects if o.class_name is not None]
    if [(o.class_name, o.asset_id) for o in items] != list(zip(order.classes, order.assets, strict=False)):
        yield f"its plan shows {[o.asset_id for o in items]}, not {list(order.assets)}"
    if plan.attempt != entry.attempt:
        yield f"its plan is attempt {plan.attempt}, not {entry.attempt}"
    if order.hdri is not None and plan.world.hdri != order.hdri:
        yield f"its environment image is {plan.world.hdri}, not {order.hdri}"
    kept = Counter(o.class_name for o in entry.objects if o.lost_by is None)
    # Where the engine is the label, what is visible may differ from what was planned.
    if record.label_source == "cast" and (labels := count_objects(record)) != kept:
        yield f"its labels are {dict(labels)}, not {dict(kept)}"
    try:
        variables = plan.factors["variables"]
        if fixed := {k: v for k, v in order.fixed.items() if variables.get(k) != v}:
            yield f"its variables are {variables}, not {fixed}"
        if (factors := factors_of(order, plan)) != entry.factors:
            yield f"its factors are {factors}, not {entry.factors}"
        if (sides := [side_of(plan, o) for o in items]) != [o.side for o in entry.objects]:
            yield f"its objects are seen from the sides {sides}, not {[o.side for o in entry.objects]}"
    except CONTRADICTIONS as e:
        yield f"its factors can't be compared ({e!r})"


def _check_figures(folder: DatasetFolder, run: RunFile, given: Any, entries: Sequence[Entry]) -> Iterator[Finding]:
    name = folder.balance.name
    try:
        told = parse_json(read_own(folder, name, BOOK_BYTES))
    except OSError as e:
        text = "is missing" if isinstance(e, FileNotFoundError) else f"can't be read ({e.strerror or e})"
        yield Finding(name, "balance-missing", f"{text}; the same `scanstage generate` makes it anew")
        return
    except ValueError as e:
        yield Finding(name, "balance-unreadable", f"is not JSON ({e})")
        return
    try:
        config = BalanceConfig.model_validate(given)
        targets = TypeAdapter(Targets).validate_python(told["targets"])
        classes = tuple(run.identity.aims.targets or run.identity.classes)  # of objects, where labels are of parts
        asked = _targets_without_files(config, classes)
        expected = json.loads(json.dumps(balance_figures(entries, targets, config, classes)))
    except (*CONTRADICTIONS, ValidationError) as e:
        text = str(e).splitlines()[0] if str(e) else repr(e)
        yield Finding(name, "balance-differs", f"can't be compared with the ledger ({text})")
        return
    if asked is not None and _first_difference(json.loads(json.dumps(asked.counts)), told["targets"]["counts"], ""):
        yield Finding(name, "balance-differs", f"its targets are not those of run.json, {asked.counts}")
    if (difference := _first_difference(expected, told, "")) is not None:
        yield Finding(name, "balance-differs", f"is not what the ledger gives: {difference}")


def _targets_without_files(config: BalanceConfig, classes: Sequence[str]) -> Targets | None:
    """The targets, where they follow from the config alone."""
    target = config.target.fill if isinstance(config.target, Fill) else config.target
    if isinstance(target, Source) and target.coco is not None:
        return None
    return make_targets(config, classes, Path())


def _first_difference(expected: Any, told: Any, at: str) -> str | None:
    """Where two JSON values differ, as a dotted path; None where they don't."""
    if isinstance(expected, dict) and isinstance(told, dict):
        if expected.keys() != told.keys():
            return f"{at or 'it'} has other keys"
        steps = ((f"{at}.{k}".lstrip("."), expected[k], told[k]) for k in expected if k not in SHUFFLED)
    elif isinstance(expected, list) and isinstance(told, list) and len(expected) == len(told):
        steps = ((f"{at}[{i}]", a, b) for i, (a, b) in enumerate(zip(expected, told, strict=True)))
    else:
        return None if _same(expected, told) else f"{at} is {told!r}, not {expected!r}"
    return next((found for path, a, b in steps if (found := _first_difference(a, b, path)) is not None), None)


def _same(expected: Any, told: Any) -> bool:
    if isinstance(expected, float) and isinstance(told, float):
        return math.isclose(expected, told, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(expected) is type(told) and bool(expected == told)


def _check_chart(folder: DatasetFolder) -> Iterator[Finding]:
    name = sheet_name(folder, BALANCE_CHART)
    try:
        decode_picture(read_own(folder, name, SHEET_BYTES))
    except OSError as e:
        text = "is missing" if isinstance(e, FileNotFoundError) else f"can't be read ({e.strerror or e})"
        yield Finding(name, "balance-chart", f"{text}; the same `scanstage generate` makes it anew")
    except ValueError as e:
        yield Finding(name, "balance-chart", str(e))
