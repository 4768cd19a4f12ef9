"""Where objects come to lie: dropped, standing, or scattered in space."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.sections.placement_settings import Drop, Placement, Scatter, Upright
from scanstage.scenes.optics.geometry import Float, random_rotation, rotation_z
from scanstage.scenes.randomize.physics import Body, RestingPose, World, footprint
from scanstage.scenes.randomize.placed_items import Item, Placed, around, one_of_group
from scanstage.scenes.randomize.stage import StageBuild, Support
from scanstage.scenes.values.distributions import sample
from scanstage.scenes.values.draws import Draws

MORE_ROOM = (1.0, 1.6, 2.5)
TRIES = 80
TRIES_BESIDE = 50
"""So many of them go to places beside an item's group."""
DROP_ROUNDS = 3
SPOTS = 12
"""Random places over the floor, of which a dropped object takes the lowest."""
FLOAT_CLEARANCE = 0.02


class PlacementError(InputError):
    """Objects don't fit; says how many did, where, and what to change."""


def place(items: list[Item], config: Placement, stage: StageBuild, draws: Draws) -> list[RestingPose]:
    """One pose an item.

    Raises:
        PlacementError: no room, or nothing comes to rest, after bounded tries.
    """
    if not items:
        return []
    match config:
        case Drop():
            return _drop(items, config, stage, draws)
        case Upright():
            return _with_more_room(partial(_stand, items, config, stage, draws))
        case Scatter():
            return _with_more_room(partial(_scatter, items, config, stage, draws))


def _with_more_room(put: Callable[[float], list[RestingPose]]) -> list[RestingPose]:
    """Where objects find no room at the density that was drawn, they get more: a few large ones can't fill a floor."""
    for more in MORE_ROOM[:-1]:
        try:
            return put(more)
        except PlacementError:
            continue
    return put(MORE_ROOM[-1])


def _drop(items: list[Item], config: Drop, stage: StageBuild, draws: Draws) -> list[RestingPose]:
    support = stage.supports[-1]
    density = draws.number(config.density, "placement.density")
    area = sum(footprint(item.hull) for item in items) / density
    widest = max(float(np.ptp(item.hull, axis=0).max()) for item in items)
    half, center = _region(area, widest, support, draws)
    room = 4 * float(np.prod(support.half))
    if widest / 2 > support.half.min() or sum(footprint(i.hull) for i in items) > 4 * room:
        raise PlacementError(
            f"{len(items)} objects with footprints of {sum(footprint(i.hull) for i in items):.3g} m² in all (the "
            f"widest is {widest:.3g} m) can't be dropped on {_size(support)}",
            "lower objects.count or objects.scale, or enlarge the stage",
        )
    fallen = 0
    for round_ in range(DROP_ROUNDS):
        rng = draws.rng(f"placement.drop.{round_}")
        world = _world(items, stage, (half, center))
        for index, pose in enumerate(_above(items, half, center, support.center[2], config, draws, rng)):
            world.put(index, pose)
        rest = world.settle()
        poses = list(rest.poses)
        fallen = sum(
            _lowest(i, p) < support.center[2] - 0.01 * i.radius - 1e-3 for i, p in zip(items, poses, strict=True)
        )
        if rest.settled and not fallen:
            return poses
    trouble = f"{fallen} of {len(items)} objects fell off {_size(support)}" if fallen else "objects kept moving"
    raise PlacementError(
        f"{trouble} in {DROP_ROUNDS} drops", "lower objects.count, raise placement.density, or enlarge the stage"
    )


def _region(area: float, widest: float, support: Support, draws: Draws) -> tuple[Float, Float]:
    """Half sizes and centre (x, y) of the part of a support that objects go to."""
    rng = draws.rng("placement.region")
    aspect = math.exp(rng.uniform(-0.3, 0.3))
    side = math.sqrt(area)
    half = np.maximum(np.array([side * aspect, side / aspect]) / 2, widest * 0.75)
    half = np.minimum(half, support.half)
    # Near the middle of the support: leave room for what rolls.
    slack = (support.half - half) * 0.5
    return half, support.center[:2] + rng.uniform(-1, 1, 2) * slack


def _above(
    items: list[Item], half: Float, center: Float, floor: float, config: Drop, draws: Draws, rng: np.random.Generator
) -> list[RestingPose]:
    """Start poses above the region in which nothing overlaps: each as low as some random spots allow."""
    # Of those before: x and y, radius, upper end, and whether it stands.
    placed = np.zeros((len(items), 5))
    poses = []
    for index, item in enumerate(items):
        standing = draws.rng(f"placement.upright.{index}").random() < draws.number(
            config.upright, f"placement.share.{index}"
        )
        near = one_of_group(items, range(index), item.group, rng)
        if near is not None:
            standing = bool(placed[near, 4])
        rotation = rotation_z(rng.uniform(0, 2 * math.pi)) if standing else random_rotation(rng)
        turned = (item.hull - item.middle) @ rotation.T
        reach = float(np.linalg.norm(turned[:, :2], axis=1).max())
        below, above = -float(turned[:, 2].min()), float(turned[:, 2].max())
        spread = np.maximum(half - reach, 0.0)
        under = placed[:index]
        spots = center + rng.uniform(-1, 1, (SPOTS, 2)) * spread
        beside = _overlapping(spots, reach, under)
        if near is not None:
            # Where there is no room left beside the neighbour, it goes anywhere.
            ring = around(under[near, :2], reach + float(under[near, 2]), SPOTS, rng)
            ring = np.clip(ring, center - spread, center + spread)
            if not (there := _overlapping(ring, reach, under)).any(axis=1).all():
                spots, beside = ring, there
        tops = np.where(beside, under[:, 3], -np.inf).max(axis=1, initial=-np.inf)
        tops[~beside.any(axis=1)] = floor
        best = int(tops.argmin())
        z = tops[best] + below + 0.01 * item.radius + 0.003
        placed[index] = (*spots[best], reach, z + above, standing)
        middle = np.array([*spots[best], z])
        poses.append(RestingPose(rotation, middle - rotation @ item.middle))
    return poses


def _overlapping(spots: Float, reach: float, under: Float) -> npt.NDArray[np.bool_]:
    """(S, N): at which of (S, 2) spots something of radius ``reach`` is over which of those placed."""
    return np.asarray(np.linalg.norm(spots[:, None] - under[:, :2], axis=2) < under[:, 2] + reach)


def _stand(items: list[Item], config: Upright, stage: StageBuild, draws: Draws, more: float) -> list[RestingPose]:
    density = draws.number(config.density, "placement.density") / more
    area = sum(footprint(item.hull) for item in items) / density / len(stage.supports)
    widest = max(float(np.ptp(item.hull, axis=0).max()) for item in items)
    regions = [
        _region(area, widest, s, draws) if len(stage.supports) == 1 else (s.half, s.center[:2]) for s in stage.supports
    ]

    def propose(item: Item, near: Placed | None, rng: np.random.Generator) -> RestingPose | None:
        which = int(rng.integers(len(stage.supports)))
        yaw = math.radians(float(sample(config.yaw_deg, rng, draws.variables)))
        if near is None:
            return _standing(item, yaw, *regions[which], stage.supports[which], rng)
        support = min(stage.supports, key=lambda s: abs(s.center[2] - _lowest(*near)))
        return _standing_beside(item, yaw, near, support, rng)

    where = f"on {len(stage.supports)} x {_size(stage.supports[0])}"
    order = sorted(range(len(items)), key=lambda i: (-footprint(items[i].hull), i))
    return _one_by_one(items, order, _world(items, stage), propose, draws, where)


def _standing(
    item: Item, yaw: float, half: Float, center: Float, support: Support, rng: np.random.Generator
) -> RestingPose | None:
    rotation = rotation_z(yaw)
    turned = item.hull @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    spread = half - (high - low)[:2] / 2
    if (spread < 0).any():
        return None
    xy = center + rng.uniform(-1, 1, 2) * spread - (low + high)[:2] / 2
    return RestingPose(rotation, np.array([xy[0], xy[1], support.center[2] - low[2]]))


def _standing_beside(
    item: Item, yaw: float, near: Placed, support: Support, rng: np.random.Generator
) -> RestingPose | None:
    rotation = rotation_z(yaw)
    turned = item.hull @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    other = near[0].hull @ near[1].rotation.T
    ends = other.min(axis=0)[:2], other.max(axis=0)[:2]
    # Between side by side and corner to corner: what overlaps is tried elsewhere.
    closest = (min(high[:2] - low[:2]) + min(ends[1] - ends[0])) / 2
    xy = around(near[1].position[:2] + (ends[0] + ends[1]) / 2, closest, 1, rng)[0]
    if (np.abs(xy - support.center[:2]) > support.half - (high - low)[:2] / 2).any():
        return None
    xy = xy - (low + high)[:2] / 2
    return RestingPose(rotation, np.array([xy[0], xy[1], support.center[2] - low[2]]))


def _scatter(items: list[Item], config: Scatter, stage: StageBuild, draws: Draws, more: float) -> list[RestingPose]:
    density = draws.number(config.density, "placement.density") / more
    volume = sum(4 / 3 * math.pi * item.radius**3 for item in items) / density
    half = np.full(3, max(volume ** (1 / 3) / 2, max(item.radius for item in items)))
    if stage.interior is not None:
        half = np.minimum(half, (stage.interior[1] - stage.interior[0]) / 2)
    floor = stage.supports[0].center[2] if stage.supports else 0.0
    bottom = floor + (draws.number(config.height_m, "placement.height_m") if stage.supports else 0.0)
    center = np.array([0.0, 0.0, bottom + half[2]])

    def propose(item: Item, near: Placed | None, rng: np.random.Generator) -> RestingPose | None:
        rotation = random_rotation(rng)
        room = np.maximum(half - item.radius, 0.0)
        spot = center + rng.uniform(-1, 1, 3) * room
        if near is not None:
            other, pose = near
            apart = (other.radius + item.radius) * rng.uniform(0.7, 1.2) * random_rotation(rng)[0]
            spot = np.clip(pose.rotation @ other.middle + pose.position + apart, center - room, center + room)
        return RestingPose(rotation, spot - rotation @ item.middle)

    where = f"in {' x '.join(f'{2 * h:.3g}' for h in half)} m"
    order = sorted(range(len(items)), key=lambda i: (-items[i].radius, i))
    larger = 1 + FLOAT_CLEARANCE
    world = _world([replace(i, hull=i.hull * larger, parts=tuple(p * larger for p in i.parts)) for i in items], stage)
    return _one_by_one(items, order, world, propose, draws, where)


def _one_by_one(
    items: list[Item],
    order: list[int],
    world: World,
    propose: Callable[[Item, Placed | None, np.random.Generator], RestingPose | None],
    draws: Draws,
    where: str,
) -> list[RestingPose]:
    """Put items where they overlap nothing, the largest first: small things find room between large ones."""
    poses: dict[int, RestingPose] = {}
    for index in order:
        rng = draws.rng(f"placement.{index}")
        for attempt in range(TRIES):
            near = one_of_group(items, poses, items[index].group, rng) if attempt < TRIES_BESIDE else None
            pose = propose(items[index], None if near is None else (items[near], poses[near]), rng)
            if pose is None:
                continue
            world.put(index, pose)
            if not world.overlaps(index):
                poses[index] = pose
                break
        else:
            raise PlacementError(
                f"no room for {len(items)} objects {where}: {len(poses)} were placed, then {TRIES} places were tried "
                f"for {items[index].name}",
                "lower objects.count, objects.scale or placement.density, or enlarge the stage",
            )
    return [poses[i] for i in range(len(items))]


def _world(items: list[Item], stage: StageBuild, pen: tuple[Float, Float] | None = None) -> World:
    try:
        try:
            return World([Body(i.hull, i.parts) for i in items], list(stage.blocks), pen)
        except ValueError:  # a part of a small one has no volume to the solver; its hull may
            return World([Body(i.hull) for i in items], list(stage.blocks), pen)
    except ValueError as e:
        sizes = sorted(float(np.ptp(i.hull, axis=0).max()) for i in items)
        raise PlacementError(
            f"objects from {sizes[0]:.3g} m to {sizes[-1]:.3g} m can't be handled together by the physics ({e})",
            "make objects.scale, distractors.size_m and the scans' sizes more alike",
        ) from e


def _lowest(item: Item, pose: RestingPose) -> float:
    return float((item.hull @ pose.rotation.T)[:, 2].min() + pose.position[2])


def _size(support: Support) -> str:
    return f"a surface of {2 * support.half[0]:.3g} x {2 * support.half[1]:.3g} m"
