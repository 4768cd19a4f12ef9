"""``run.json``: what was run, with what, and how long it took; and whether a folder can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import FailFast, TypeAdapter, ValidationError

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.locations import PROBE
from scanstage.assets.files.plain_json import first_error, parse_json
from scanstage.assets.files.stores import Location, entry_names, is_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import BOOK_BYTES, read_own
from scanstage.render.locks.folder_claim import prepared_for
from scanstage.render.runs.leftovers import final_name
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.plan import Index

_BRING_BACK = "bring run.json back if it was one, or choose another folder with --out"


@dataclass
class _Aims:
    images: int | None = None


@dataclass
class _Identity:
    config: dict[str, Any]
    aims: _Aims = field(default_factory=_Aims)


@dataclass
class FailedPicture:
    """A picture that could not be made, and why."""

    index: Index
    reason: str


@dataclass
class _Command:
    config: str = ""
    set: Annotated[list[str], FailFast()] = field(default_factory=list)
    blender: str | None = None


@dataclass
class _Told:
    """What is relied on of a ``run.json``, which may have been changed by anybody."""

    identity: _Identity
    config: dict[str, Any]
    failed: Annotated[list[FailedPicture], FailFast()] = field(default_factory=list)
    sessions: Annotated[list[dict[str, Any]], FailFast()] = field(default_factory=list)
    given: Index = 0
    command: _Command = field(default_factory=_Command)


_TOLD = TypeAdapter(_Told)


def earlier_run(folder: DatasetFolder) -> dict[str, Any]:
    """What ``run.json`` says; all that :class:`_Told` names is what a run writes there.

    Raises InputError where it isn't, OSError where it can't be read.
    """
    try:
        content: dict[str, Any] = parse_json(read_own(folder, folder.run_file.name, BOOK_BYTES))
        _TOLD.validate_python(content)
    except ValueError as e:
        reason = _first(e) if isinstance(e, ValidationError) else e
        raise InputError(f"{folder.run_file}: isn't what a run of scanstage writes ({reason})", _BRING_BACK) from None
    return content


def _first(error: ValidationError) -> str:
    where = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    return f"{'.'.join(map(str, where)) or 'all of it'}: {first_error(error)}"


def check_resumable(folder: DatasetFolder, now: dict[str, Any], fresh: bool, extend: bool) -> bool:
    """Whether ``folder`` holds an earlier part of this very run that is to be gone on with (not with ``fresh``).

    Args:
        folder: of the dataset.
        now: see :func:`identity`, with the ``aims``: pictures and targets.
        fresh: whether what is there will be deleted.
        extend: whether there may be more pictures, or other targets of balancing, than before.

    Raises:
        InputError: it holds something else; says which keys differ.
    """
    if not is_file(folder.run_file):
        own = {entry.name for entry in (*folder.own_entries(), folder.lock)} | {PROBE}
        if any(own.isdisjoint((name, final_name(name), prepared_for(name))) for name in entry_names(folder.root)):
            raise InputError(_foreign(folder), "choose another folder with --out")
        # A run writes run.json before its first picture: whoever made these, it can't be told what they show.
        if held := [part.name for part in folder.picture_folders() if _holds_files(part)]:
            raise InputError(
                f"{_foreign(folder)}: it has {', '.join(held)}, but no run.json",
                _BRING_BACK,
            )
        return False
    try:
        before = earlier_run(folder)["identity"]
    except (OSError, InputError):
        raise InputError(
            f"{_foreign(folder)}: its run.json is broken, or something else's",
            _BRING_BACK,
        ) from None
    if fresh:
        return False
    differing = dict(differences(before, now, ""))
    aims = {key: text for key, text in differing.items() if _is_aim(key)}
    if len(aims) == len(differing):
        _refuse_fewer(folder, before, now)
        if extend:
            return True
    if differing:
        # What an --extend would allow is told last: the rest has to be mended first.
        texts = [text for key, text in differing.items() if key not in aims] + list(aims.values())
        shown = [f"{folder.root}: made with another config: {text}" for text in texts[:10]]
        if len(texts) > 10:
            shown.append(f"… and {len(texts) - 10} more differences")
        more = "make more pictures with --extend, " if len(aims) == len(differing) else ""
        raise InputError(
            shown, f"{more}start anew with --fresh (deletes what is there), or choose another folder with --out"
        )
    return True


def _holds_files(part: Location) -> bool:
    return any(final_name(name) is None for name in entry_names(part))


def _is_aim(key: str) -> bool:
    return key.startswith(("aims.", "config.balance."))


def _refuse_fewer(folder: DatasetFolder, before: dict[str, Any], now: dict[str, Any]) -> None:
    had, wanted = (side.get("aims", {}).get("images") for side in (before, now))
    if had is not None and wanted is not None and wanted < had:
        raise InputError(
            f"{folder.root}: is a dataset of {had} pictures, and {wanted} are asked for, fewer than there are to be",
            f"ask for {had} or more, make only some of them with --frames 0-{wanted - 1}, or choose another folder "
            "with --out",
        )


def _foreign(folder: DatasetFolder) -> str:
    return f"{folder.root}: not empty, and not a dataset of scanstage"


def differences(before: Any, now: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and what to say of it, for all that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from differences(before.get(key), now.get(key), f"{at}.{key}" if at else str(key))
    elif before != now:
        yield at, f"{at.removeprefix('config.').removeprefix('aims.')} was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."


def write_run_file(folder: DatasetFolder, content: dict[str, Any]) -> None:
    """Write ``run.json`` atomically."""
    write_atomically(folder.run_file, (json.dumps(content, indent=1) + "\n").encode("utf-8"))


def default_out(config: RunConfig) -> Path:
    """``output/<name>`` below the working directory."""
    return Path("output") / config.name
