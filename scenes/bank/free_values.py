"""Which values of a config are to be found from photos, between which bounds, and the config that leaves them open.

A free value becomes one of the picture's shared variables: these keep their draw when a picture is planned again, so
that pictures show a value as often as it is drawn, however hard it is to plan with.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import check_config
from scanstage.scenes.config.sections.camera_settings import Intrinsics
from scanstage.scenes.config.sections.placement_settings import Drop, Scatter
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import draw_variables
from scanstage.scenes.randomize.camera import OFF_CENTER_OF_ONE
from scanstage.scenes.values.distributions import sample
from scanstage.scenes.values.seeding import Streams

Floats = npt.NDArray[np.float64]
WHOLE_KEYS = ("objects.count", "distractors.count")
LOG_KEYS = (
    *("camera.fill", "camera.object_fill", "camera.distance_m", "objects.placement.density"),
    *("camera.noise.shot", "camera.noise.read"),
)
OF_CAMERA = ("camera.", "background.")
FOR_EACH_OBJECT = ("objects.scale", "objects.material", "objects.wear", "distractors.scale", "distractors.size_m")
MOST_PIXELS = 320 * 240
"""Of a planned picture: labels of larger ones tell no more of what is fitted, and take longer to cast."""
NOT_DRAWN = ("assets.", "labels.", "render.", "output.", "workers.", "balance.", "variables.", "fit.", "negatives")
USUAL_DRAWS = 400
MOST_COUNT = 100
FEWEST_COUNT = 12
DENSITIES = {"drop": (0.04, 0.8), "upright": (0.03, 0.6), "scatter": (0.01, 0.25)}


@dataclass(frozen=True)
class FreeValue:
    """A value of the config that is to be found.

    Attributes:
        path: its dotted key.
        kind: a number, a whole number, or one of ``options``.
        low, high: between which it is looked for, both included.
        is_log: whether it is looked for by its logarithm.
        options: of a choice.
    """

    path: str
    kind: Literal["number", "whole", "choice"]
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the variable that it becomes."""
        return self.path.replace(".", "_")

    @property
    def of_camera(self) -> bool:
        """Whether only the camera depends on it, so that one arrangement of objects serves several values."""
        return self.path.startswith(OF_CAMERA)

    @property
    def cells(self) -> int:
        """How many values there are; 0 of a number."""
        return (
            len(self.options) if self.kind == "choice" else int(self.high - self.low) + 1 if self.kind == "whole" else 0
        )

    def to_unit(self, values: Sequence[Any]) -> Floats:
        """(N,) from 0 to 1 across the range; of whole numbers and choices the middle of one of ``cells`` cells."""
        if self.kind == "choice":
            place = {option: k for k, option in enumerate(self.options)}
            return (np.array([place[str(v)] for v in values], np.float64) + 0.5) / self.cells
        given = np.array(values, np.float64)
        if self.kind == "whole":
            return (given - self.low + 0.5) / self.cells
        if self.is_log:
            return np.log(given / self.low) / math.log(self.high / self.low)
        return (given - self.low) / (self.high - self.low)

    def from_unit(self, unit: float) -> Any:
        """The value there, as a config holds it."""
        if self.cells:
            cell = min(int(unit * self.cells), self.cells - 1)
            return self.options[cell] if self.kind == "choice" else int(self.low) + cell
        unit = min(max(unit, 0.0), 1.0)
        if self.is_log:
            return float(self.low * (self.high / self.low) ** unit)
        return float(self.low + unit * (self.high - self.low))

    def distribution(self) -> dict[str, Any]:
        """All of the range, evenly, as a config says it."""
        match self.kind:
            case "choice":
                return {"choice": list(self.options)}
            case "whole":
                return {"integer": [int(self.low), int(self.high)]}
            case _:
                return {"log_uniform" if self.is_log else "uniform": [self.low, self.high]}


def free_values(config: RunConfig, most_labels: int) -> tuple[FreeValue, ...]:
    """What the config names as free; where it names nothing, all that labels may tell.

    Args:
        config: to be fitted.
        most_labels: in any one of the photos.

    Raises InputError for keys that can't be free.
    """
    named = {} if config.fit is None else config.fit.free
    if not named:
        return tuple(_defaults(config, most_labels))
    problems = [text for path in named if (text := _why_not(path)) is not None]
    if problems:
        raise InputError(problems, "`scanstage schema` lists what a picture draws; docs/fit.md says what can be fitted")
    return tuple(named_value(path, given) for path, given in named.items())


def named_value(path: str, given: Sequence[Any]) -> FreeValue:
    """A free value as ``fit.free`` names it: between two numbers, or one of some texts."""
    if isinstance(given, list):
        return FreeValue(path, "choice", options=tuple(given))
    low, high = given
    if path in WHOLE_KEYS:
        return FreeValue(path, "whole", math.ceil(low), math.floor(high))
    return FreeValue(path, "number", low, high, path in LOG_KEYS and low > 0)


def _why_not(path: str) -> str | None:
    """Why a key can't be free; None where it can."""
    if path.startswith(FOR_EACH_OBJECT):
        return f"fit.free: {path}: is drawn for each object, not for each picture"
    if path == "assets.classes":
        return "fit.free: assets.classes: how often classes come is always fitted, unless the config balances them"
    if path.startswith(NOT_DRAWN):
        return f"fit.free: {path}: isn't a value that pictures draw"
    return None


def _defaults(config: RunConfig, most_labels: int) -> Iterable[FreeValue]:
    most = min(max(FEWEST_COUNT, math.ceil(1.5 * most_labels)), MOST_COUNT)
    yield FreeValue("objects.count", "whole", 1, most)
    placement = _as_it_lies(config).objects.placement
    if placement is not None:
        kind = "scatter" if isinstance(placement, Scatter) else "drop" if isinstance(placement, Drop) else "upright"
        yield FreeValue("objects.placement.density", "number", *DENSITIES[kind], is_log=True)
    yield FreeValue("objects.repeat", "number", 0.0, 0.9)
    yield FreeValue("camera.elevation_deg", "number", 0.0, 88.0)
    camera = config.camera
    if camera.distance_m is not None:
        yield FreeValue("camera.distance_m", "number", 0.1, 10.0, is_log=True)
    elif camera.framing == "objects":
        yield FreeValue("camera.fill", "number", 0.25, 2.0, is_log=True)
    else:
        yield FreeValue("camera.object_fill", "number", 0.04, 0.9, is_log=True)
    yield FreeValue("camera.off_center", "number", 0.0, 0.9)


def _as_it_lies(config: RunConfig) -> RunConfig:
    """The config with the placement that its stages have of themselves, where they agree and none is said."""
    kinds = {type(config.placement(stage)) for stage in config.stage}
    own = any(stage.placement is not None for stage in config.stage)
    if config.objects.placement is not None or own or len(kinds) > 1:
        return config
    objects = config.objects.model_copy(update={"placement": config.placement(config.stage[0])})
    return config.model_copy(update={"objects": objects})


def usual_moments(config: RunConfig, value: FreeValue) -> tuple[float, float]:
    """Mean and standard deviation that the config draws a value with, from 0 to 1 across its range.

    Those of all of the range where the config leaves the value to something else.
    """
    given: Any = _as_it_lies(config)
    for key in value.path.split("."):
        given = given[int(key)] if isinstance(given, list) else getattr(given, key, None)
    if value.path == "camera.off_center" and given is None:
        given = OFF_CENTER_OF_ONE if config.camera.framing == "object" else 0.0
    if value.kind == "choice" or given is None:
        return 0.5, math.sqrt(1 / 12)
    drawn = []
    for index in range(USUAL_DRAWS):
        streams = Streams(config.seed, index)
        number = sample(given, streams.rng("usual"), draw_variables(config, streams))
        drawn.append(min(max(float(number), value.low), value.high))
    units = value.to_unit(drawn)
    return float(units.mean()), float(units.std())


def open_config(
    data: Mapping[str, Any], base: Path, resolved: RunConfig, free: Sequence[FreeValue], classes: Mapping[str, float]
) -> RunConfig:
    """The config with free values as variables over all of their ranges, without balance and without empty pictures.

    Args:
        data: of the config, as its YAML has it.
        base: folder that its relative paths start from.
        resolved: the config itself.
        free: its free values.
        classes: how often each is picked; empty leaves what the config says.

    Raises InputError where a key can't hold a variable.
    """
    changed = {key: value for key, value in data.items() if key != "balance"} | {"negatives": 0.0}
    if classes:
        changed = copy.deepcopy(changed)
        set_value(changed, resolved, "assets.classes", dict(classes))
    return smaller(with_variables(changed, base, resolved, free))


def with_variables(data: Mapping[str, Any], base: Path, resolved: RunConfig, free: Sequence[FreeValue]) -> RunConfig:
    """The config with free values as variables over all of their ranges; arguments as of :func:`open_config`.

    Raises InputError where a key can't hold a variable.
    """
    changed = copy.deepcopy(dict(data))
    changed.pop("fit", None)
    for value in free:
        set_value(changed, resolved, value.path, {"var": value.name})
        changed.setdefault("variables", {})[value.name] = value.distribution()
    try:
        return check_config(changed, (), base)
    except InputError as e:
        raise InputError([f"with what fit.free names: {p}" for p in e.marked_problems], e.marked_hint) from None


def smaller(config: RunConfig, most_pixels: float = MOST_PIXELS) -> RunConfig:
    """The config with small pictures of the same view; keep rules that are said in pixels shrink with them."""
    width, height = config.camera.resolution
    factor = math.sqrt(most_pixels / (width * height))
    given = config.camera.intrinsics
    if factor >= 1:
        return config
    size = (max(16, round(width * factor)), max(16, round(height * factor)))
    intrinsics = _scaled(given, size[0] / width, size[1] / height) if isinstance(given, Intrinsics) else None
    if given is not None and intrinsics is None:
        return config
    rules = config.labels
    shrunk = {
        "min_pixels": max(1, round(rules.min_pixels * factor**2)),
        "min_box_px": max(1, round(rules.min_box_px * factor)),
    }
    by_class = {
        name: own.model_copy(
            update={
                "min_pixels": None if own.min_pixels is None else max(1, round(own.min_pixels * factor**2)),
                "min_box_px": None if own.min_box_px is None else max(1, round(own.min_box_px * factor)),
            }
        )
        for name, own in rules.per_class.items()
    }
    return config.model_copy(
        update={
            "camera": config.camera.model_copy(update={"resolution": size, "intrinsics": intrinsics}),
            "labels": rules.model_copy(update={**shrunk, "per_class": by_class}),
        }
    )


def _scaled(given: Intrinsics, across: float, down: float) -> Intrinsics | None:
    """Of a picture with other sides; None where any of it is drawn.

    What lens distortion says is in units of the focal length, and stays.
    """
    fy = given.fx if given.fy is None else given.fy
    found = {}
    for name, value, factor in (
        ("fx", given.fx, across),
        ("fy", fy, down),
        ("cx", given.cx, across),
        ("cy", given.cy, down),
    ):
        if isinstance(value, int | float):
            found[name] = value * factor
        elif value is not None:
            return None
    return given.model_copy(update=found)


def set_value(data: dict[str, Any], resolved: RunConfig, path: str, value: Any) -> None:
    """Set a dotted key in a config's plain data; what lies around it and isn't said there is as in the config."""
    whole: Any = _as_it_lies(resolved).model_dump(mode="json", exclude_none=True)
    target: Any = data
    keys = path.split(".")
    for key in keys[:-1]:
        at: Any = int(key) if isinstance(target, list) else key
        whole = _below(whole, at)
        missing = isinstance(target, dict) and target.get(key) is None
        if missing:
            # Of what comes in kinds, half can't be said: an empty mapping would be of another one.
            is_whole = isinstance(whole, list) or (isinstance(whole, dict) and "kind" in whole)
            target[key] = copy.deepcopy(whole) if is_whole else {}
        target = target[at]
    target[int(keys[-1]) if isinstance(target, list) else keys[-1]] = value


def _below(whole: Any, key: Any) -> Any:
    try:
        return whole[key]
    except (LookupError, TypeError):
        return None
