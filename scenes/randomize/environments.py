"""Which environment image a picture gets: one that belongs where its stage stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from scanstage.scenes.config.sections.light_settings import BUILTIN_PLACES, HdriConfig
from scanstage.scenes.config.sections.value_types import Place
from scanstage.scenes.inputs.image_files import HDRI_SUFFIXES, list_images, located
from scanstage.scenes.values.distributions import Choice, Switch
from scanstage.scenes.values.draws import Draws

_PLACES: tuple[Place, ...] = ("indoors", "outdoors")


def place_of(image: str) -> Place:
    """Where an environment image (``builtin:<name>``, a file or a folder) was taken, as far as it is known.

    Of a file the nearest part of its path that ends in ``indoors`` or ``outdoors`` says so: a folder ``hdris/indoors``,
    a file ``kitchen_indoors.hdr``.
    """
    if image.startswith("builtin:"):
        return BUILTIN_PLACES.get(image.removeprefix("builtin:"), "any")
    path = PurePath(image)
    for name in (path.stem, path.name, *(part.name for part in path.parents)):
        for place in _PLACES:
            if name.lower().endswith(place):
                return place
    return "any"


def fits(a: Place, b: Place) -> bool:
    """Whether two places can be one."""
    return "any" in (a, b) or a == b


def wanted_place(config: HdriConfig, stage: Place) -> Place:
    """Where the image of a picture is to be from, by what the config says and where its stage stands."""
    return stage if config.place == "stage" else config.place


def draw_environment(config: HdriConfig, place: Place, draws: Draws, base: Path) -> str:
    """Draw an environment image of a place: ``builtin:<name>`` or an absolute path.

    Of a list and of a folder only what fits is drawn; all of it where nothing fits. A single image is taken as it is.

    Raises InputError where a folder can't be read.
    """
    image = str(draws.value(_suited(config.image, place, draws), "light.hdri.image"))
    if image.startswith("builtin:"):
        return image
    files = [str(file) for file in list_images(located(Path(image), base), HDRI_SUFFIXES)]
    return str(draws.pick(suited(files, place), "light.hdri.file"))


def fitting_weights(weights: list[float], stages: list[Place], config: HdriConfig | None, image: str) -> list[float]:
    """Weights of stages in a picture whose environment image is given: 0 for those where it doesn't belong.

    As they are where it belongs to none of them.
    """
    if config is not None and config.place != "stage":
        return weights
    fitting = [weight * fits(place_of(image), place) for weight, place in zip(weights, stages, strict=True)]
    return fitting if sum(fitting) > 0 else weights


def suited(images: Sequence[Any], place: Place) -> list[Any]:
    """Those of some images that belong to a place, or all where none does."""
    return [image for image in images if fits(place_of(str(image)), place)] or list(images)


def _suited(value: Any, place: Place, draws: Draws) -> Any:
    if isinstance(value, Switch):
        chosen = value.switch.cases.get(draws.variables[value.switch.by], value.switch.default)
        return _suited(chosen, place, draws)
    if not isinstance(value, Choice):
        return value
    weights = value.choice if isinstance(value.choice, dict) else None
    kept = suited([image for image in value.choice if weights is None or weights[image] > 0], place)
    return Choice(choice=kept if weights is None else {image: weights[image] for image in kept})
