"""Scans that lie about without a label: those of which nobody could say that they are of a labelled class."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from scanstage.assets.asset import Asset
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import did_you_mean, listed, shown
from scanstage.scenes.config.sections.run_config import DistractorsConfig

ScansByClass = Mapping[str, list[Asset]]

SAME_THING = {
    "cup": "mug",
    "tin": "can",
    "box": "carton",
    "package": "carton",
    "flask": "bottle",
    "toadstool": "mushroom",
}
"""Other words for what is among the samples."""


def clutter_scans(
    config: DistractorsConfig, of_library: Collection[Asset], samples: Collection[Asset], labelled: Collection[str]
) -> dict[str, ScansByClass]:
    """Scans for each source of distractors that is to be used, by class.

    Of the library all classes serve that aren't labelled, nor any part of theirs: its owner told them apart. Of the
    samples only those whose class has no word in common with a labelled one: a sample ``mug`` is never clutter beside
    ``coffee_mug``.

    Args:
        config: the configured part.
        of_library: all scans that the run's classes are chosen from.
        samples: the built-in ones; empty where they aren't to be used.
        labelled: classes of the run, and of labelled parts.

    Raises:
        InputError: ``exclude`` names what isn't there, or no source has a scan. One of several may have none.
    """
    found: dict[str, ScansByClass] = {}
    known: set[str] = set()
    words = {word for name in labelled for word in _words(name)}
    taken = {a.meta.asset_id for a in of_library if a.meta.class_name in labelled}
    problems = []
    for kind, assets in (("library", of_library), ("samples", samples)):
        if kind not in config.weights:
            continue
        group: dict[str, list[Asset]] = {}
        for asset in sorted(assets, key=lambda a: a.meta.asset_id):
            name = asset.meta.class_name
            known.add(name)
            alike = name in labelled or (kind == "samples" and bool(words & _words(name)))
            alike = alike or any(p.class_name in labelled for p in asset.meta.parts)
            if not alike and name not in config.exclude and asset.meta.asset_id not in taken:
                group.setdefault(name, []).append(asset)
        found[kind] = group
    if not any(found.get(kind, True) for kind in config.weights):
        problems += [
            f"distractors.source: {kind} holds no class that is neither labelled nor excluded"
            for kind in config.weights
        ]
    for name in config.exclude:
        if known and name not in known:
            problems.append(f"distractors.exclude: there is no class {shown(name)}{did_you_mean(name, sorted(known))}")
    if problems:
        raise InputError(
            problems,
            f"name fewer in assets.classes or distractors.exclude, or take `primitives`; classes there: "
            f"{listed(sorted(known))}",
        )
    return found


def _words(name: str) -> set[str]:
    """Words of a class's name, in the singular: ``002_coffeeMugs`` is coffee and mug."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    singular = {w[:-1] if len(w) > 3 and w.endswith("s") else w for w in re.findall(r"[^\W\d_]+", apart.casefold())}
    return {SAME_THING.get(w, w) for w in singular}
