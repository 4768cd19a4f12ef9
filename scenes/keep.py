"""Which objects of a cast plan get a label."""

from __future__ import annotations

from scenes.config.labels import LabelsConfig
from scenes.plan import FramePlan, ObjectPlan
from scenes.visibility import Silhouette, Visibility


def violation(silhouette: Silhouette, config: LabelsConfig) -> str | None:
    """The first rule that an object breaks, in words; None where it gets a label."""
    if silhouette.visible_px < config.min_pixels:
        return f"{silhouette.visible_px} visible pixels, fewer than labels.min_pixels {config.min_pixels}"
    if silhouette.visible_fraction < config.min_visible_fraction:
        return (
            f"visible share {silhouette.visible_fraction:.3f}, below labels.min_visible_fraction "
            f"{config.min_visible_fraction:g}"
        )
    return None


def labelled(plan: FramePlan, seen: Visibility, config: LabelsConfig) -> list[tuple[ObjectPlan, Silhouette]]:
    """The objects that get a label, in the plan's order. Distractors never do."""
    return [
        (item, silhouette)
        for item, silhouette in zip(plan.objects, seen.silhouettes, strict=True)
        if item.class_name is not None and violation(silhouette, config) is None
    ]
