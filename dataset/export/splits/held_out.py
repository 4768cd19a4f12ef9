"""Splits that share no scan, no light or no background: whether a detector knows a thing, or a picture of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanstage.assets.library.asset_ids import scan_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.splits.shares import TRAIN, Shares
from scanstage.dataset.export.splits.stratified import stratify
from scanstage.dataset.records.picture_facts import SplitFacts


@dataclass(frozen=True)
class HeldOut:
    """A split that keeps things apart.

    Attributes:
        parts: the part of each picture.
        things: what was kept out of training, sorted.
    """

    parts: dict[int, str]
    things: tuple[str, ...]


def hold_out_values(
    pictures: Sequence[SplitFacts], shares: Shares, what: str, value: Callable[[SplitFacts], str]
) -> HeldOut:
    """Deal out whole values, of which each picture has one: the largest first, to the part that lacks most pictures.

    Args:
        pictures: all of them.
        shares: of the parts.
        what: the value is, for messages.
        value: of a picture.

    Raises InputError where there are fewer values than parts.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for picture in pictures:
        groups[value(picture)].append(picture.index)
    if len(groups) < len(shares):
        raise InputError(
            f"{option('hold_out')} {what}: the pictures have {len(groups)} of them, and there are {len(shares)} parts",
            f"make pictures with more of them, or give another {option('split')}",
        )
    lacking = {part: share * len(pictures) for part, share in shares.items()}
    empty = list(shares)
    parts: dict[int, str] = {}
    held = []
    for place, name in enumerate(sorted(groups, key=lambda n: (-len(groups[n]), n))):
        open_parts = empty if len(groups) - place <= len(empty) else list(shares)
        part = max(open_parts, key=lambda p: lacking[p])
        lacking[part] -= len(groups[name])
        empty = [p for p in empty if p != part]
        parts |= dict.fromkeys(groups[name], part)
        if part != TRAIN:
            held.append(name)
    return HeldOut(parts, tuple(sorted(held)))


def hold_out_assets(pictures: Sequence[SplitFacts], shares: Shares) -> HeldOut:
    """Keep scans out of training: of each class that has several the share that isn't for training, one at least.

    Pictures with any of these are for the other parts, whatever else lies in them; all others are for training. So
    parts are as large as that makes them: the fewer objects a picture shows, the nearer to what was asked.

    Raises InputError where no class has two scans, where there is no part to train on or none beside it, and where a
    part would have no pictures.
    """
    if TRAIN not in shares or len(shares) < 2:
        text = f"{option('hold_out')} asset: {option('split')} has to name {TRAIN}, and a part beside it"
        raise InputError(text, "for example train=0.8,val=0.2")
    others = {part: share for part, share in shares.items() if part != TRAIN}
    held = _chosen(pictures, 1 - shares[TRAIN])
    parts = dict.fromkeys((p.index for p in pictures), TRAIN)
    apart = {p.index: p.labels for p in pictures if p.assets & held}
    if not held or len(apart) == len(pictures) or len(apart) < len(others):
        reason = (
            f"of {len(pictures)} pictures, {len(apart)} show one of the scans held out ({', '.join(sorted(held))})"
            if held
            else "no class has two scans, so that one could be held out"
        )
        hint = "make pictures with fewer objects (objects.count), or a dataset of its own from the scans held out"
        raise InputError(f"{option('hold_out')} asset: {reason}", hint)
    return HeldOut(parts | stratify(apart, others), tuple(sorted(held)))


def _chosen(pictures: Sequence[SplitFacts], share: float) -> frozenset[str]:
    """The scans to hold out: of each class at random, but always the same; poses of one scan together."""
    classes: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for picture in pictures:
        for asset_id, class_name in picture.classes:
            classes[class_name][scan_of(asset_id)].add(asset_id)
    held: set[str] = set()
    for scans in classes.values():
        if len(scans) > 1:
            number = min(len(scans) - 1, max(1, round(share * len(scans))))
            held |= set(sorted(scans, key=lambda s: min(_lot(a) for a in scans[s]))[:number])
    return frozenset(a for p in pictures for a in p.assets if scan_of(a) in held)


def _lot(asset_id: str) -> str:
    return hashlib.sha256(asset_id.encode()).hexdigest()
