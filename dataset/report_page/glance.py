"""What somebody would ask of a dataset first, answered in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from scanstage.assets.messages.wording import listed
from scanstage.dataset.analysis.class_ties import Tie
from scanstage.dataset.analysis.measures import factor_title
from scanstage.dataset.analysis.picture_findings import AGREE, FINDINGS, WEIGHTS
from scanstage.dataset.fitting.fit_record import TOLD_APART
from scanstage.dataset.records.provenance import license_of
from scanstage.dataset.report_page.report_parts import ReportParts

NAMED = 5
UNEVEN = 3.0
"""Without targets, a class is told as rare from so many times fewer labels than the most frequent one."""


@dataclass(frozen=True)
class Sentence:
    """An answer.

    Attributes:
        kind: ``good``: nothing to do; ``look``: worth a look; ``fact``: neither.
        topic: what it is about, in a word or two.
        text: for people.
        section: of the page, that says more.
        pictures: to look at, by index.
    """

    kind: Literal["good", "look", "fact"]
    topic: str
    text: str
    section: str
    pictures: tuple[int, ...] = ()


def glance(parts: ReportParts, ties: Sequence[Tie]) -> tuple[Sentence, ...]:
    """The answers, in a fixed order."""
    return (
        *_classes(parts),
        *_ties(parts, ties),
        *_worst(parts),
        *_smallest(parts),
        *_agreement(parts),
        *_findings(parts),
        *_failed(parts),
        *_fit(parts),
        *_against(parts),
        *_licenses(parts),
    )


def _classes(parts: ReportParts) -> Iterator[Sentence]:
    table = parts.table
    labels = dict(zip(table.classes, table.counts.sum(axis=0).tolist(), strict=True))
    if not labels:
        return
    if (asked := parts.targets) is not None:
        have = labels
        if asked.of == "pictures":
            have = dict(zip(table.classes, (table.counts > 0).sum(axis=0).tolist(), strict=True))
        short = [(c, n) for c, n in have.items() if n < (1 - asked.tolerance) * asked.by_class.get(c, 0)]
        if short:
            short.sort(key=lambda pair: pair[1] / asked.by_class[pair[0]])
            named = listed([f"{c} ({n:,} of {asked.by_class[c]:,.0f} {asked.of})" for c, n in short], most=NAMED)
            yield Sentence("look", "Classes", f"Short of what was asked for: {named}.", "classes")
        else:
            yield Sentence("good", "Classes", f"Every class has the {asked.of} that were asked for.", "classes")
        return
    if none := [c for c, n in labels.items() if not n]:
        yield Sentence("look", "Classes", f"Without a single label: {listed(none, most=NAMED)}.", "classes")
    there = {c: n for c, n in labels.items() if n}
    if len(there) > 1:
        rare, frequent = min(there, key=lambda c: there[c]), max(there, key=lambda c: there[c])
        times = there[frequent] / there[rare]
        text = (
            f"Rarest is {rare} ({_counted(there[rare], 'label')}), most frequent {frequent} ({there[frequent]:,}, "
            f"{times:.1f} times as many). No counts were asked for."
        )
        yield Sentence("look" if times >= UNEVEN else "good", "Classes", text, "classes")


def _ties(parts: ReportParts, ties: Sequence[Tie]) -> Iterator[Sentence]:
    looked_at = [t for t in ties if t.strength is not None]
    tied = [t for t in looked_at if t.pairs]
    for tie in tied:
        named = listed([pair_words(**asdict(p)) for p in tie.pairs[:2]])
        more = f", and {len(tie.pairs) - 2} more pairs" if len(tie.pairs) > 2 else ""
        yield Sentence("look", "Ties", f"Classes are tied to {factor_title(tie.factor)}: {named}{more}.", "ties")
    if looked_at and not tied:
        names = listed([factor_title(t.factor) for t in looked_at])
        yield Sentence("good", "Ties", f"No class is tied to {names} by more than chance.", "ties")


def pair_words(class_name: str, value: str, labels: int, times_even: float) -> str:
    """A :class:`class_ties.Pair` in words."""
    if labels == 0:
        return f"{class_name} never with {value}"
    return f"{class_name} with {value} ({times_even:.2g} times its even share)"


def _worst(parts: ReportParts) -> Iterator[Sentence]:
    """The picture whose findings weigh most, and of these the one that cast and engine agree on least."""
    if not parts.findings:
        return
    agreement = {p.index: p.numbers.get("agreement", 1.0) for p in parts.table.pictures}
    weights = {i: sum(WEIGHTS.get(name, 1) for name in names) for i, names in parts.findings.items()}
    worst = min(weights, key=lambda i: (-weights[i], agreement[i], i))
    told = "; ".join(_short(name) for name in parts.findings[worst])
    yield Sentence("look", "Worst picture", f"Picture {worst} is the oddest: {told}.", "quality", (worst,))


def _short(finding: str) -> str:
    return FINDINGS[finding].partition(":")[0]


def _smallest(parts: ReportParts) -> Iterator[Sentence]:
    table = parts.table
    if not table.labels:
        return
    n = table.label_numbers
    k = int(np.argmin(n["area_px"]))
    index = table.pictures[table.label_picture[k]].index
    text = (
        f"The smallest label: {table.classes[table.label_class[k]]}, {n['width_px'][k]:g} x {n['height_px'][k]:g} px "
        f"({n['area_px'][k]:g} visible pixels), in picture {index}."
    )
    yield Sentence("fact", "Smallest label", text, "labels", (index,))


def _agreement(parts: ReportParts) -> Iterator[Sentence]:
    values = parts.table.picture_numbers("agreement")
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return
    least = int(known[np.argmin(values[known])])
    index = parts.table.pictures[least].index
    text = (
        f"Labels and the engine's own pass agree: mask IoU at least {values[least]:.4f} (picture {index}), over "
        "objects of 100 pixels and more, with a label or without."
    )
    kind: Literal["good", "look"] = "good" if values[least] >= AGREE else "look"
    yield Sentence(kind, "Labels", text, "quality", (index,))


def _findings(parts: ReportParts) -> Iterator[Sentence]:
    counts = Counter(name for names in parts.findings.values() for name in names)
    if parts.problems:
        text = f"{_counted(len(parts.problems), 'picture')} can't be shown; `scanstage check` says more."
        yield Sentence("look", "Files", text, "quality", tuple(sorted(parts.problems)[:NAMED]))
    if not counts:
        measured = int(np.isfinite(parts.table.picture_numbers("brightness")).sum())
        if measured:
            text = f"Of {_counted(measured, 'picture')} none is very dark, bright or blurred, or like another."
            yield Sentence("good", "Pictures", text, "quality")
        return
    named = listed([f"{_short(name)} ({n})" for name, n in counts.most_common()])
    yield Sentence("look", "Pictures", f"Worth a look: {named}.", "quality", tuple(sorted(parts.findings)[:NAMED]))


def _failed(parts: ReportParts) -> Iterator[Sentence]:
    wanted, there = parts.run.identity.aims.images, len(parts.table.pictures)
    if wanted is not None and (missing := wanted - there - len(parts.run.failures)) > 0:
        text = f"{_counted(missing, 'picture')} of {wanted:,} are still to be made: the same command goes on."
        yield Sentence("look", "Unfinished", text, "quality")
    if failed := parts.run.failures:
        text = f"{_counted(len(failed), 'picture')} could not be made."
        yield Sentence("look", "Failed", text, "quality")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fit(parts: ReportParts) -> Iterator[Sentence]:
    if (fit := parts.fit) is None:
        return
    tested = fit.tested
    which = "photos that it hasn't seen" if tested.held_out else "these photos"
    text = (
        f"The config was fitted to {_counted(fit.photos.fitted, 'photo')} ({fit.photos.name}, {fit.date}). By labels a "
        f"classifier tells {which} from pictures with an AUC of {tested.after.auc:.2f}, {tested.before.auc:.2f} before "
        "the fit; .50 is guessing."
    )
    if tested.copies:
        text += " Pictures are nearer to the fitted photos than other photos are."
    is_good = tested.after.auc <= TOLD_APART and tested.held_out and not tested.copies
    yield Sentence("good" if is_good else "look", "Fit", text, "fit")


def _against(parts: ReportParts) -> Iterator[Sentence]:
    if parts.against is None:
        return
    telling = [d for d in parts.against.differences if d.beyond_chance > 0]
    if not parts.against.differences:
        yield Sentence("look", "Compared", f"Nothing could be compared with {parts.against.name}.", "against")
    elif telling:
        named = listed([d.title for d in telling[:3]])
        text = (
            f"Unlike {parts.against.name} most of all in: {named}. {len(telling)} of {len(parts.against.differences)} "
            "figures differ beyond chance."
        )
        yield Sentence("look", "Compared", text, "against")
    else:
        yield Sentence("good", "Compared", f"Nothing tells it from {parts.against.name} beyond chance.", "against")


def _licenses(parts: ReportParts) -> Iterator[Sentence]:
    sources = parts.run.sources
    if not sources:
        return
    counts = Counter(s.license for s in sources)
    named = [f"{name} ({counts[name]})" for name in dict.fromkeys(s.license for s in sources if s.license)]
    text = f"Made of what is under {listed(named, most=NAMED)}." if named else "No source has a licence."
    if named and counts[None]:
        text += f" {counts[None]} of {len(sources)} sources have none."
    forbidding = [s.name for s in sources if s.license and license_of(s.license).forbids_commerce]
    if forbidding:
        text += f" Not for commercial use: {listed(forbidding, most=NAMED)}."
    yield Sentence("look" if counts[None] or forbidding else "fact", "Licences", text, "sources")
