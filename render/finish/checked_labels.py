"""The labels of a rendered picture, and whether the engine's instance pass bears them out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.agreement import Agreement, compare, disagreements, strays
from scanstage.dataset.labels.categories import LabelIds, label_ids
from scanstage.dataset.labels.cut_out_agreement import cut_out_disagreements
from scanstage.dataset.labels.instances import Instance, Unlabelled, make_labels
from scanstage.dataset.labels.lens_agreement import compare_behind_lens, lens_disagreements
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.visibility import with_engine_ids

Ids = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class CheckedLabels:
    """Labels, and what was found when cast and engine were compared.

    Attributes:
        ids: the instance ids that labels come from.
        instances, unlabelled: objects with a label, and without.
        agreement: of cast and engine, by object, in the pixels that the engine rendered.
        lens_agreement: the same behind the lens; empty where there is none.
        wrong: a sentence for each thing for which the picture has to be refused.
    """

    ids: LabelIds
    instances: tuple[Instance, ...]
    unlabelled: tuple[Unlabelled, ...]
    agreement: tuple[Agreement, ...]
    lens_agreement: tuple[Agreement, ...]
    wrong: tuple[str, ...]


def check_labels(
    planned: Planned,
    rendered_ids: Ids,
    picture_ids: Ids,
    source: Literal["cast", "engine"],
    config: RunConfig,
    clear: Collection[int],
) -> CheckedLabels:
    """Label a picture, and check its labels.

    Args:
        planned: the plan and its cast.
        rendered_ids: (h, w) of the engine, in the pixels of ``planned.engine_plan``.
        picture_ids: (H, W) the same through the lens, in those of ``planned.plan``.
        source: whose ids are the label.
        config: of the run.
        clear: instance ids of scans that something shines through, of which the engine knows more than the cast.
    """
    placed = [o.instance_id for o in planned.plan.objects]
    wrong = strays(picture_ids, placed)
    agreement = compare(planned.engine_ids, rendered_ids, placed)
    behind_lens: tuple[Agreement, ...] = ()
    if planned.engine_plan.camera != planned.plan.camera:
        behind_lens = compare_behind_lens(planned.seen.instance_ids, picture_ids, placed)
    seen = planned.seen if source == "cast" else with_engine_ids(planned.seen, picture_ids)
    instances, unlabelled = make_labels(replace(planned, seen=seen), config.labels)
    if source == "cast":
        labelled = {i.object_id for i in instances if not i.ignore}
        wrong += disagreements(agreement, config.render.engine, labelled) + lens_disagreements(behind_lens, labelled)
    elif config.labels.source == "auto":
        wrong += cut_out_disagreements(planned.seen, picture_ids, clear)
    ids = label_ids(planned, seen.instance_ids, config.labels)
    return CheckedLabels(ids, instances, unlabelled, agreement, behind_lens, tuple(wrong))
