"""The few facts of a picture by which it is put into one part of a dataset or another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_labels


@dataclass(frozen=True)
class SplitFacts:
    """Of one picture.

    Attributes:
        index: of the picture.
        labels: number of labels by class; ignored instances are none.
        assets: ids of all scans that lie in it, labelled or not.
        classes: (asset id, class) of those that have a label, each once.
        hdri: the environment that lights it, as its plan names it; ``color`` where that is a colour.
        background: what is seen behind everything: ``hdri``'s name, a photo's, or ``color``.
    """

    index: int
    labels: Counter[str]
    assets: frozenset[str]
    classes: frozenset[tuple[str, str]]
    hdri: str
    background: str


def split_facts(record: Record) -> SplitFacts:
    """The facts of a record."""
    plan = record.plan
    hdri = plan.world.hdri or "color"
    behind = {"hdri": hdri, "backplate": plan.background.image or "color"}.get(plan.background.kind, "color")
    return SplitFacts(
        index=record.index,
        labels=count_labels(record),
        assets=frozenset(o.asset_id for o in plan.objects),
        classes=frozenset((i.asset_id, i.class_name) for i in record.instances if not i.ignore),
        hdri=hdri,
        background=behind,
    )
