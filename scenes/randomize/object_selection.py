"""Which objects a picture shows, before they have a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.asset import Asset
from scanstage.assets.library.primitives import PRIMITIVES
from scanstage.scenes.config.sections.run_config import DistractorsConfig, RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_order import Order
from scanstage.scenes.plan import MaterialJitter, SurfaceMaterial
from scanstage.scenes.randomize.placement import PlacementError
from scanstage.scenes.randomize.stages.surface_materials import ANY_TEXTURES, draw_jitter, draw_surface
from scanstage.scenes.values.distributions import outcomes
from scanstage.scenes.values.draws import Draws

MOST_ABSENT = 8
TYPICAL_ABSENT = 6
"""Where objects.count is always 0: what it is at most by default."""
SOLIDS = tuple(name for name in PRIMITIVES if name != "plane")


@dataclass(frozen=True)
class SelectedObject:
    """An object chosen but not yet placed.

    Attributes:
        class_name: None of a distractor.
        scale: factor on the asset's own size; the edge of a primitive in metres.
        surface: replaces the asset's materials; None keeps them.
        group: objects of the same one lie beside each other; None: anywhere.
    """

    asset_id: str
    class_name: str | None
    scale: float
    jitter: MaterialJitter
    surface: SurfaceMaterial | None
    group: int | None = None


def draws_none(config: RunConfig, draws: Draws) -> bool:
    """Whether the picture is one of the share of pictures without a labelled object; ``draws`` of its first attempt."""
    share = draws.number(config.negatives, "negatives")
    return share > 0 and draws.rng("negatives.picture").random() < share


def count_labelled(config: RunConfig, draws: Draws) -> int:
    """How many labelled objects the picture shows."""
    return draws.whole(config.objects.count, "objects.count")


def draw_labelled(config: RunConfig, catalogue: Catalogue, draws: Draws, order: Order | None) -> list[SelectedObject]:
    """The labelled objects: those of the order, or drawn; some beside others of their class.

    Raises PlacementError where no class has a weight.
    """
    if order is not None:
        shown = zip(order.classes, order.assets, _groups_of(order.classes, config, draws), strict=True)
        return [_labelled(config, draws, i, c, a, g) for i, (c, a, g) in enumerate(shown)]
    count = count_labelled(config, draws)
    if not count:
        return []
    given, classes = config.assets.classes, list(catalogue.classes)
    weights = [draws.number(given[c], f"classes.weight.{c}") if isinstance(given, dict) else 1.0 for c in classes]
    possible = [(c, w) for c, w in zip(classes, weights, strict=True) if w > 0]
    if not possible:
        raise PlacementError("no class has a weight above 0 in this picture", "see assets.classes")
    selected: list[SelectedObject] = []
    left, name = list(possible), ""
    for i in range(count):
        again = i > 0 and _repeats(config, draws, i)
        left = left or list(possible)
        names, w = [c for c, _ in left], [w for _, w in left]
        name = name if again else str(draws.pick(names, f"objects.{i}.class", w))
        if not isinstance(given, dict):
            # Without weights no class comes twice while there are others: pictures show as many as they can.
            left = [pair for pair in left if pair[0] != name]
        asset = draws.pick(catalogue.by_class[name], f"objects.{i}.asset")
        group = selected[-1].group if again else i
        selected.append(_labelled(config, draws, i, name, asset.meta.asset_id, group))
    return selected


def _repeats(config: RunConfig, draws: Draws, number: int) -> bool:
    share = draws.number(config.objects.repeat, f"objects.{number}.repeat.share")
    return share > 0 and draws.rng(f"objects.{number}.repeat").random() < share


def _groups_of(classes: Sequence[str], config: RunConfig, draws: Draws) -> list[int]:
    """Which group each object of an order is of: its own, or that of the last before it of its class."""
    groups: list[int] = []
    last: dict[str, int] = {}
    for i, name in enumerate(classes):
        groups.append(last[name] if name in last and _repeats(config, draws, i) else i)
        last[name] = groups[-1]
    return groups


def draw_absent(config: RunConfig, catalogue: Catalogue, draws: Draws) -> list[SelectedObject]:
    """Objects that a picture without any could have had: how large what its camera looks for would be."""
    absent = []
    most = max((int(o) for o in outcomes(config.objects.count)), default=0) or TYPICAL_ABSENT
    count = count_labelled(config, draws) or int(draws.rng("imagined.count").integers(1, most, endpoint=True))
    for i in range(min(count, MOST_ABSENT)):
        name = f"imagined.{i}"
        asset = draws.pick(
            catalogue.by_class[str(draws.pick(list(catalogue.classes), f"{name}.class"))], f"{name}.asset"
        )
        scale = draws.number(config.objects.scale, f"{name}.scale")
        absent.append(SelectedObject(asset.meta.asset_id, None, scale, MaterialJitter(), None))
    return absent


def _labelled(
    config: RunConfig, draws: Draws, number: int, class_name: str, asset_id: str, group: int | None
) -> SelectedObject:
    scale = draws.number(config.objects.scale, f"objects.{number}.scale")
    jitter = draw_jitter(config.objects, draws, f"objects.{number}")
    return SelectedObject(asset_id, class_name, scale, jitter, None, group)


def draw_distractors(config: RunConfig, catalogue: Catalogue, draws: Draws, base: Path) -> list[SelectedObject]:
    """The objects without a label. Relative paths of photos start from ``base``.

    Raises PlacementError where no source has a weight.
    """
    wanted = config.distractors
    count = draws.whole(wanted.count, "distractors.count")
    there_are = [k for k in wanted.weights if k == "primitives" or catalogue.clutter[k]] if count else []
    weights = {k: draws.number(wanted.weights[k], f"distractors.weight.{k}") for k in there_are}
    if weights and not any(weights.values()):
        raise PlacementError("no source of distractors has a weight above 0 in this picture", "see distractors.source")
    kinds, shares = list(weights), list(weights.values())
    selected: list[SelectedObject] = []
    shown: set[str] = set()
    for i in range(count):
        name = f"distractors.{i}"
        if not kinds:
            class_name = str(draws.pick(list(wanted.source), f"{name}.class"))
            selected.append(_unlabelled(config, draws, name, catalogue.by_class[class_name], None))
            continue
        kind = kinds[0] if len(kinds) == 1 else draws.pick(kinds, f"{name}.source", shares)
        if kind == "primitives":
            selected.append(_primitive(wanted, draws, name, base))
            continue
        there = catalogue.clutter[kind]
        # No class comes twice while there are others.
        class_name = str(draws.pick([c for c in there if c not in shown] or list(there), f"{name}.class"))
        shown.add(class_name)
        selected.append(_unlabelled(config, draws, name, there[class_name], 1.0 if kind == "samples" else None))
    return selected


def _primitive(wanted: DistractorsConfig, draws: Draws, name: str, base: Path) -> SelectedObject:
    shape = f"primitive/{draws.pick(list(SOLIDS), f'{name}.shape')}"
    surface = draw_surface(wanted.looks, draws, f"{name}.looks", ANY_TEXTURES, base)
    return SelectedObject(shape, None, draws.number(wanted.size_m, f"{name}.size_m"), MaterialJitter(), surface)


def _unlabelled(
    config: RunConfig, draws: Draws, name: str, scans: list[Asset], own_scale: float | None
) -> SelectedObject:
    """A scan of a class; ``own_scale`` goes before that of labelled objects, and the configured one before both."""
    asset = draws.pick(scans, f"{name}.asset")
    of_kind = config.objects.scale if own_scale is None else own_scale
    scale = of_kind if config.distractors.scale is None else config.distractors.scale
    jitter = draw_jitter(config.objects, draws, name)
    return SelectedObject(asset.meta.asset_id, None, draws.number(scale, f"{name}.scale"), jitter, None)
