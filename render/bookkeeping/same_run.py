"""Whether a folder holds an earlier part of the very run that is to be made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from scanstage.assets.files.locations import PROBE
from scanstage.assets.files.stores import Location, entry_names, is_file
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.run_file import BRING_BACK, NewerRunFile, read_run_file
from scanstage.render.bookkeeping.leftovers import final_name
from scanstage.render.locks.folder_claim import prepared_for
from scanstage.scenes.picture_sequence.identity import Identity, completed, own_version


def check_resumable(folder: DatasetFolder, now: Identity, fresh: bool, extend: bool) -> bool:
    """Whether ``folder`` holds an earlier part of this very run that is to be gone on with (not with ``fresh``).

    Args:
        folder: of the dataset.
        now: of this run.
        fresh: whether what is there will be deleted.
        extend: whether there may be more pictures, or other targets of balancing, than before.

    Raises:
        InputError: it holds something else; says which keys differ.
    """
    if not is_file(folder.run_file):
        own = {entry.name for entry in (*folder.own_entries(), folder.lock)} | {PROBE}
        if any(own.isdisjoint((name, final_name(name), prepared_for(name))) for name in entry_names(folder.root)):
            raise InputError(_foreign(folder), f"choose another folder with {option('out')}")
        # A run writes run.json before its first picture: whoever made these, it can't be told what they show.
        if held := [part.name for part in folder.picture_folders() if _holds_files(part)]:
            raise InputError(
                f"{_foreign(folder)}: it has {', '.join(held)}, but no run.json",
                BRING_BACK,
            )
        return False
    try:
        before = read_run_file(folder).identity
    except NewerRunFile:
        raise
    except (OSError, InputError):
        raise InputError(
            f"{_foreign(folder)}: its run.json is broken, or something else's",
            BRING_BACK,
        ) from None
    if fresh:
        return False
    if before.scanstage != now.scanstage:
        raise InputError(
            f"{folder.root}: its pictures are of a scanstage of {before.scanstage or 'no version'}, and this one "
            f"({own_version()}) makes others of the same config",
            f"go on with the version that began it, start anew with {option('fresh')} (deletes what is there), or "
            f"choose another folder with {option('out')}; what is there can still be read, checked and exported",
        )
    differing = dict(differences(before, now))
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
        more = f"make more pictures with {option('extend')}, " if len(aims) == len(differing) else ""
        raise InputError(
            shown,
            f"{more}start anew with {option('fresh')} (deletes what is there), or choose another folder with "
            + option("out"),
        )
    return True


def _holds_files(part: Location) -> bool:
    return any(final_name(name) is None for name in entry_names(part))


def _is_aim(key: str) -> bool:
    return key.startswith(("aims.", "config.balance."))


def _refuse_fewer(folder: DatasetFolder, before: Identity, now: Identity) -> None:
    had, wanted = before.aims.images, now.aims.images
    if had is not None and wanted is not None and wanted < had:
        raise InputError(
            f"{folder.root}: is a dataset of {had} pictures, and {wanted} are asked for, fewer than there are to be",
            f"ask for {had} or more, make only some of them with {option('frames')} 0-{wanted - 1}, or choose another "
            f"folder with {option('out')}",
        )


def _foreign(folder: DatasetFolder) -> str:
    return f"{folder.root}: not empty, and not a dataset of scanstage"


def differences(before: Identity, now: Identity) -> Iterator[tuple[str, str]]:
    """Dotted path and what to say of it, for all that differs."""
    known = before if before.config == now.config else dataclasses.replace(before, config=completed(before.config))
    return _differences(known.to_json(), now.to_json(), "")


def _differences(before: Any, now: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(before.get(key), now.get(key), f"{at}.{key}" if at else str(key))
    elif before != now:
        yield at, f"{at.removeprefix('config.').removeprefix('aims.')} was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."
