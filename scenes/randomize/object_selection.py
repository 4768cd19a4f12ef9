"""Which objects a picture shows, before they have a place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanstage.assets.library.primitives import PRIMITIVES
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_order import Order
from scanstage.scenes.plan import MaterialJitter, SurfaceMaterial
from scanstage.scenes.randomize.placement import PlacementError
from scanstage.scenes.randomize.stages.surface_materials import ANY_TEXTURES, draw_jitter, draw_surface
from scanstage.scenes.values.draws import Draws

SOLIDS = tuple(name for name in PRIMITIVES if name != "plane")


@dataclass(frozen=True)
class SelectedObject:
    """An object chosen but not yet placed.

    Attributes:
        class_name: None of a distractor.
        scale: factor on the asset's own size; the edge of a primitive in metres.
        surface: replaces the asset's materials; None keeps them.
    """

    asset_id: str
    class_name: str | None
    scale: float
    jitter: MaterialJitter
    surface: SurfaceMaterial | None


def count_labelled(config: RunConfig, draws: Draws) -> int:
    """How many labelled objects the picture shows."""
    return draws.whole(config.objects.count, "objects.count")


def draw_labelled(config: RunConfig, catalogue: Catalogue, draws: Draws, order: Order | None) -> list[SelectedObject]:
    """The labelled objects: those of the order, or drawn.

    Raises PlacementError where no class has a weight.
    """
    if order is not None:
        return [
            _labelled(config, draws, i, c, a) for i, (c, a) in enumerate(zip(order.classes, order.assets, strict=True))
        ]
    given, classes = config.assets.classes, list(catalogue.classes)
    weights = [draws.number(given[c], f"classes.weight.{c}") if isinstance(given, dict) else 1.0 for c in classes]
    possible = [(c, w) for c, w in zip(classes, weights, strict=True) if w > 0]
    if not possible:
        raise PlacementError("no class has a weight above 0 in this picture", "see assets.classes")
    selected, left = [], list(possible)
    for i in range(count_labelled(config, draws)):
        left = left or list(possible)
        names, w = [c for c, _ in left], [w for _, w in left]
        name = str(draws.pick(names, f"objects.{i}.class", w))
        if not isinstance(given, dict):
            # Without weights no class comes twice while there are others: pictures show as many as they can.
            left = [pair for pair in left if pair[0] != name]
        asset = draws.pick(catalogue.by_class[name], f"objects.{i}.asset")
        selected.append(_labelled(config, draws, i, name, asset.meta.asset_id))
    return selected


def _labelled(config: RunConfig, draws: Draws, number: int, class_name: str, asset_id: str) -> SelectedObject:
    scale = draws.number(config.objects.scale, f"objects.{number}.scale")
    jitter = draw_jitter(config.objects.material, draws, f"objects.{number}.material")
    return SelectedObject(asset_id, class_name, scale, jitter, None)


def draw_distractors(config: RunConfig, catalogue: Catalogue, draws: Draws, base: Path) -> list[SelectedObject]:
    """The objects without a label. Relative paths of photos start from ``base``."""
    wanted = config.distractors
    selected = []
    for i in range(draws.whole(wanted.count, "distractors.count")):
        name = f"distractors.{i}"
        if wanted.source == "primitives":
            shape = f"primitive/{draws.pick(list(SOLIDS), f'{name}.shape')}"
            surface = draw_surface(wanted.looks, draws, f"{name}.looks", ANY_TEXTURES, base)
            size = draws.number(wanted.size_m, f"{name}.size_m")
            selected.append(SelectedObject(shape, None, size, MaterialJitter(), surface))
        else:
            class_name = str(draws.pick(wanted.source, f"{name}.class"))
            asset = draws.pick(catalogue.by_class[class_name], f"{name}.asset")
            scale = draws.number(config.objects.scale, f"{name}.scale")
            jitter = draw_jitter(config.objects.material, draws, f"{name}.material")
            selected.append(SelectedObject(asset.meta.asset_id, None, scale, jitter, None))
    return selected
