"""Which values of a config's camera are to be found from photos' pixels, and a camera's settings of chosen ones.

What lens, sensor and processor add is drawn apart from what is rendered: one render serves thousands of cameras.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.bank.free_values import FreeValue, named_value, set_value, with_variables
from scanstage.scenes.config.camera_looks import with_look
from scanstage.scenes.config.sections.camera_settings import SensorNoise, Sharpening, WhiteBalance
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.plan import FramePlan, NoisePlan, PostPlan, ProcessorPlan
from scanstage.scenes.planning.planner import draw_variables
from scanstage.scenes.randomize.lens_effects import draw_post, scaled_down
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

Floats = npt.NDArray[np.float64]

DEFAULTS: Mapping[str, tuple[float, float]] = {
    "camera.exposure_bias_ev": (-2.5, 2.5),
    "camera.white_balance.shift_mired": (-80.0, 150.0),
    "camera.white_balance.tint": (-0.35, 0.35),
    "camera.saturation": (0.4, 1.7),
    "camera.contrast": (0.6, 1.6),
    "camera.black_point": (-0.06, 0.12),
    "camera.blur_px": (0.0, 2.5),
    "camera.sharpening.amount": (0.0, 1.5),
    "camera.noise.shot": (5e-5, 1e-2),
    "camera.noise.read": (1e-3, 3e-2),
    "camera.noise.grain_px": (0.0, 1.5),
    "camera.noise.chroma": (0.0, 1.0),
}
"""What is looked for unless the config says otherwise, and between which ends."""
SECTIONS: Mapping[str, type[Section]] = {"noise": SensorNoise, "white_balance": WhiteBalance, "sharpening": Sharpening}
OF_POST = (
    *(f"camera.{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields),
    *("camera.exposure", "camera.exposure_bias_ev", "camera.tone", "camera.vignetting", "camera.blur_px"),
    *("camera.chromatic_aberration_px", "camera.black_point", "camera.contrast", "camera.saturation"),
    *("camera.detail", "camera.stream_quality"),
)
"""All keys that are drawn apart from what is rendered."""
DRAWS_EACH = 8
ALIKE = 1e-6

_PLAIN_NOISE, _PLAIN_PROCESSOR = NoisePlan(0.0, 0.0, 0), ProcessorPlan()


def _noise(post: PostPlan) -> NoisePlan:
    return post.noise or _PLAIN_NOISE


def _processor(post: PostPlan) -> ProcessorPlan:
    return post.processor or _PLAIN_PROCESSOR


_READ: Mapping[str, Callable[[PostPlan], float]] = {
    "camera.exposure_bias_ev": lambda post: post.bias_ev,
    "camera.vignetting": lambda post: post.vignetting,
    "camera.blur_px": lambda post: post.blur_px,
    "camera.chromatic_aberration_px": lambda post: post.aberration_px,
    "camera.noise.shot": lambda post: _noise(post).shot,
    "camera.noise.read": lambda post: _noise(post).read,
    "camera.noise.grain_px": lambda post: _noise(post).grain_px,
    "camera.noise.chroma": lambda post: _noise(post).chroma,
    "camera.white_balance.auto": lambda post: _processor(post).auto_white_balance,
    "camera.black_point": lambda post: _processor(post).black_point,
    "camera.contrast": lambda post: _processor(post).contrast,
    "camera.saturation": lambda post: _processor(post).saturation,
    "camera.sharpening.amount": lambda post: _processor(post).sharpening,
    "camera.sharpening.radius_px": lambda post: _processor(post).sharpening_px,
    "camera.detail": lambda post: _processor(post).detail,
}
"""What was drawn, of a picture of the config's size: what a look says in pixels shrinks with it."""
_CASTS = ("shift_mired", "tint")
"""These a plan holds as gains, and are read where they are drawn."""


def is_of_post(path: str) -> bool:
    """Whether a key is drawn apart from what is rendered."""
    return path in OF_POST


def camera_values(config: RunConfig, named: Mapping[str, Any], fixed: Mapping[str, Any]) -> tuple[FreeValue, ...]:
    """The camera's values that are to be found.

    Args:
        config: that is fitted.
        named: keys with their ends, as ``fit.free`` has them; where none of the camera's is there, the usual ones.
        fixed: keys that are known.
    """
    own = {path: given for path, given in named.items() if is_of_post(path)}
    if not own:
        own = {path: list(ends) for path, ends in DEFAULTS.items() if path not in fixed}
        return tuple(named_value(path, tuple(ends)) for path, ends in own.items())
    return tuple(named_value(path, given) for path, given in own.items())


@dataclass(frozen=True)
class OpenCamera:
    """Draws camera settings of a config for pictures that are rendered already."""

    config: RunConfig

    def post(self, plan: FramePlan, number: int, chosen: Mapping[str, Any], factor: float = 1.0) -> PostPlan:
        """Settings for a picture: what isn't chosen is drawn as the config says, with the picture's own variables.

        Args:
            plan: of the picture.
            number: of the draw.
            chosen: variables, by name.
            factor: of the picture's width to the config's.
        """
        camera = with_look(self.config.camera, plan.factors["look"])
        post = draw_post(camera, self.config.camera, self.config.output, self.draws(plan, number, chosen))
        return scaled_down(post, factor) if factor < 1 else post

    def draws(self, plan: FramePlan, number: int, chosen: Mapping[str, Any]) -> Draws:
        """Where such settings come from."""
        streams = Streams(self.config.seed, number)
        own = {name: value for name, value in plan.factors["variables"].items() if name in self.config.variables}
        return Draws(streams, draw_variables(self.config, streams, {**own, **chosen}))


@dataclass(frozen=True)
class UsualCamera:
    """What a config draws of itself, for some pictures.

    Attributes:
        config: which.
        drawn: values by key, of free ones and of all in sections.
    """

    config: RunConfig
    drawn: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, config: RunConfig, plans: Sequence[FramePlan], free: Sequence[FreeValue]) -> UsualCamera:
        """Draw several times for each picture's plan."""
        camera = OpenCamera(config)
        paths = {v.path for v in free if v.kind != "choice"} | {p for p in OF_POST if p.count(".") == 2}
        drawn: dict[str, list[float]] = {path: [] for path in sorted(paths)}
        for number, plan in enumerate(plan for plan in plans for _ in range(DRAWS_EACH)):
            post = camera.post(plan, number, {})
            balance = with_look(config.camera, plan.factors["look"]).white_balance or WhiteBalance()
            draws = camera.draws(plan, number, {})
            for path, values in drawn.items():
                last = path.rpartition(".")[2]
                if path in _READ:
                    values.append(float(_READ[path](post)))
                elif last in _CASTS:
                    values.append(draws.number(getattr(balance, last), path))
        return cls(config, {path: values for path, values in drawn.items() if values})

    def moments(self, free: Sequence[FreeValue]) -> Floats:
        """(D, 2) mean and standard deviation of free values, from 0 to 1 across the range; all of it where unknown."""
        rows = []
        for value in free:
            if value.path not in self.drawn:
                rows.append((0.5, math.sqrt(1 / 12)))
                continue
            units = value.to_unit([min(max(v, value.low), value.high) for v in self.drawn[value.path]])
            rows.append((float(units.mean()), float(units.std())))
        return np.array(rows, np.float64).reshape(len(free), 2)

    def besides(self, moved: Collection[str]) -> dict[str, Any]:
        """What a config has to say besides keys that moved, of sections that a look gave.

        A section that a config gives takes the look's place as a whole.
        """
        found: dict[str, Any] = {}
        for name, section in SECTIONS.items():
            own = [f"camera.{name}.{key}" for key in section.model_fields]
            if self.config.camera.look is None or getattr(self.config.camera, name) is not None:
                continue
            if any(path in moved for path in own):
                found |= {path: _range(self.drawn[path]) for path in own if path not in moved and path in self.drawn}
        return found


def open_camera(data: Mapping[str, Any], base: Path, usual: UsualCamera, free: Sequence[FreeValue]) -> OpenCamera:
    """The camera of a config with free values as variables.

    Args:
        data: of the config, as its YAML has it.
        base: folder that its relative paths start from.
        usual: what it draws of itself.
        free: its free values.

    Raises InputError where a key can't hold a variable.
    """
    changed = copy.deepcopy(dict(data))
    for path, value in usual.besides({v.path for v in free}).items():
        set_value(changed, usual.config, path, value)
    return OpenCamera(with_variables(changed, base, usual.config, free))


def _range(values: Sequence[float]) -> Any:
    """Nearly all of some values, as a config draws them."""
    low, high = (float(f"{v:.3g}") for v in np.quantile(values, (0.05, 0.95)))
    return low if high - low <= ALIKE else {"uniform": [low, high]}
