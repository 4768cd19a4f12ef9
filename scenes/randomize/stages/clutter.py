"""Things of no class that make a stage a place: cartons, books, jars, screens, plain shapes made of boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanstage.scenes.optics.geometry import Float, rotation_z, transform
from scanstage.scenes.randomize.stages.stage_build import StageParts
from scanstage.scenes.randomize.stages.surface_materials import coated, painted

Rng = np.random.Generator

_BRIGHT = (
    "#8c1c1c", "#b8482a", "#c98a1b", "#e0c23a", "#2f5d34", "#1f6b62", "#1d3f73", "#2d6aa3", "#5b2f62", "#1b1c1f",
    "#4b4f54", "#7a6a58", "#a8a29a", "#dcd6ca", "#f1eee6", "#c9b79c", "#6b3a24", "#33415c",
)  # fmt: skip
"""Colours that things are sold in."""
_PAPER = ("#efe9da", "#e6dcc3", "#f4f1ea")
_DARK = ("#17181a", "#2a2b2e", "#3b3c40")
_PALE = ("#e9e9e7", "#cfd2d4", "#f3f1ea", "#b9bec2")


def put_carton(parts: StageParts, name: str, at: Float, size: Float, yaw: float, rng: Rng) -> None:
    """A closed carton of ``size`` (x, y, z) on ``at`` (3,), plain or with a strip of tape."""
    pose = transform(rotation_z(yaw), at)
    body = coated("cardboard", rng) if rng.random() < 0.7 else painted(rng, _BRIGHT, (0.4, 0.8))
    half = size / 2
    parts.box(name, [-half[0], -half[1], 0.0], [half[0], half[1], size[2]], body, pose=pose)
    if rng.random() < 0.5:
        tape = painted(rng, ("#b08a55", "#c9b27c", "#d9d4c4"), (0.2, 0.4))
        wide, thin = min(0.05, 0.4 * float(size[1])) / 2, 0.0006
        low, high = [-half[0] - thin, -wide, 0.6 * size[2]], [half[0] + thin, wide, size[2] + thin]
        parts.box(f"{name}_tape", low, high, tape, pose=pose, bevel_m=0.0, solid=False)


def put_books(parts: StageParts, name: str, at: Float, depth: float, rng: Rng) -> float:
    """A row of standing books from ``at`` (3,) along +X, their spines towards -Y; returns its length, metres."""
    x = 0.0
    for i in range(int(rng.integers(2, 6))):
        thick, high = 0.015 + 0.035 * rng.random(), 0.19 + 0.09 * rng.random()
        deep = min(depth, high * (0.66 + 0.1 * rng.random()))
        pose = transform(np.eye(3), at + np.array([x, 0.006 * rng.random(), 0.0]))
        _put_book(parts, f"{name}_{i}", np.array([thick, deep, high]), pose, rng)
        x += thick + 0.0015
    return x


def put_pile(parts: StageParts, name: str, at: Float, depth: float, rng: Rng) -> float:
    """Books lying on each other from ``at`` along +X; returns the width that they take, metres."""
    z, widest = 0.0, 0.0
    for i in range(int(rng.integers(1, 4))):
        thick, high = 0.012 + 0.03 * rng.random(), 0.2 + 0.06 * rng.random()
        deep = min(depth, high * 0.72)
        # Lying: the book's height runs along X, its thickness along Z, its spine still looks to -Y.
        lying = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
        turn = rotation_z(float(rng.normal(0, 0.05)))
        pose = transform(turn @ lying, at + np.array([0.0, 0.0, z + thick]))
        _put_book(parts, f"{name}_{i}", np.array([thick, deep, high]), pose, rng)
        z, widest = z + thick, max(widest, high)
    return widest + 0.01


def _put_book(parts: StageParts, name: str, size: Float, pose: Float, rng: Rng) -> None:
    """Two covers, a spine and the block of pages between them; ``size`` is (thickness, depth, height)."""
    thick, deep, high = (float(x) for x in size)
    cover, paper = painted(rng, _BRIGHT, (0.3, 0.7)), painted(rng, _PAPER, (0.8, 0.95))
    board, inset = 0.0022, 0.004
    parts.box(f"{name}_left", [0, 0, 0], [board, deep, high], cover, pose=pose, bevel_m=0.0008)
    parts.box(f"{name}_right", [thick - board, 0, 0], [thick, deep, high], cover, pose=pose, bevel_m=0.0008)
    parts.box(f"{name}_spine", [0, 0, 0], [thick, board, high], cover, pose=pose, bevel_m=0.001)
    pages = ([board, board, inset], [thick - board, deep - inset, high - inset])
    parts.box(f"{name}_pages", *pages, paper, pose=pose, bevel_m=0.0)


def put_jar(parts: StageParts, name: str, at: Float, depth: float, rng: Rng) -> float:
    """A jar, tin or flower pot with a lid or a rim, from ``at`` along +X; returns its width, metres."""
    radius, high = min(0.03 + 0.04 * rng.random(), depth / 2), 0.08 + 0.16 * rng.random()
    base = at + np.array([radius, depth / 2, 0.0])
    metal = rng.random() < 0.25
    body = coated("brushed_metal", rng) if metal else painted(rng, _BRIGHT, (0.15, 0.7))
    parts.cylinder(name, base, radius, high, body)
    lid = 0.008 + 0.012 * rng.random()
    parts.cylinder(
        f"{name}_lid", base + np.array([0, 0, high]), radius * (0.8 + 0.26 * rng.random()), lid, painted(rng)
    )
    return 2 * radius + 0.01


def put_screen(parts: StageParts, name: str, at: Float, depth: float, rng: Rng) -> float:
    """A dark screen in a frame on a foot, from ``at`` along +X; returns its width, metres."""
    wide, foot = 0.45 + 0.2 * rng.random(), 0.05 + 0.06 * rng.random()
    high, y = wide * 0.58, depth * 0.6
    shell = painted(rng, _DARK if rng.random() < 0.7 else _PALE, (0.35, 0.6))
    glass = painted(rng, ("#08090b", "#101216"), (0.08, 0.25))
    middle = wide / 2
    pose = transform(np.eye(3), at)
    parts.box(f"{name}_foot", [middle - 0.11, y - 0.07, 0], [middle + 0.11, y + 0.07, 0.012], shell, pose=pose)
    parts.box(f"{name}_neck", [middle - 0.025, y, 0.01], [middle + 0.025, y + 0.018, foot + 0.1], shell, pose=pose)
    parts.box(f"{name}_shell", [0, y - 0.022, foot], [wide, y, foot + high], shell, pose=pose)
    rim = 0.011
    low, high_ = [rim, y - 0.0228, foot + rim], [wide - rim, y - 0.01, foot + high - rim]
    parts.box(f"{name}_glass", low, high_, glass, pose=pose, bevel_m=0.0, solid=False)
    return wide + 0.02


def put_boxes(parts: StageParts, name: str, at: Float, depth: float, rng: Rng) -> float:
    """A carton, or two on each other, from ``at`` along +X; returns the width, metres."""
    size = np.array([0.14 + 0.16 * rng.random(), depth * (0.6 + 0.3 * rng.random()), 0.1 + 0.15 * rng.random()])
    yaw = float(rng.normal(0, 0.06))
    middle = at + np.array([size[0] / 2 + 0.01, depth / 2, 0.0])
    put_carton(parts, name, middle, size, yaw, rng)
    if rng.random() < 0.4:
        above = size * [0.6 + 0.3 * rng.random(), 0.6 + 0.3 * rng.random(), 0.4 + 0.5 * rng.random()]
        above_it = middle + np.array([0, 0, size[2]])
        put_carton(parts, f"{name}_above", above_it, above, yaw + float(rng.normal(0, 0.2)), rng)
    return float(size[0]) + 0.03


_THINGS: tuple[Callable[[StageParts, str, Float, float, Rng], float], ...] = (
    put_books,
    put_pile,
    put_jar,
    put_jar,
    put_boxes,
    put_screen,
)


def put_along(parts: StageParts, start: Float, length: float, depth: float, count: int, rng: Rng) -> None:
    """Put up to ``count`` things side by side on a strip, as long as there is room.

    Args:
        parts: of the stage.
        start: (3,) the strip's front left corner.
        length: along +X, metres.
        depth: along +Y, metres.
        count: of things.
        rng: decides what they are and how they look.
    """
    if not count:
        return
    x, space = 0.0, 0.35 * length / count
    for i in range(count):
        x += space * rng.random()
        thing = _THINGS[int(rng.integers(len(_THINGS)))]
        trial = StageParts()
        wide = thing(trial, f"clutter_{i}", start + np.array([x, 0.0, 0.0]), depth, rng)
        if x + wide > length:
            continue
        parts.surfaces += trial.surfaces
        parts.blocks += trial.blocks
        x += wide


def fill_board(parts: StageParts, name: str, low: Float, high: Float, rng: Rng) -> None:
    """Fill the space between two corners of a shelf's bay with cartons side by side."""
    x, i = float(low[0]), 0
    room, deep = float(high[2] - low[2]), float(high[1] - low[1])
    while True:
        size = np.array(
            [0.1 + 0.2 * rng.random(), deep * (0.7 + 0.25 * rng.random()), room * (0.5 + 0.4 * rng.random())]
        )
        if x + size[0] > high[0]:
            return
        middle = np.array([x + size[0] / 2, low[1] + deep / 2, low[2]])
        put_carton(parts, f"{name}_{i}", middle, size * [0.96, 1.0, 1.0], 0.0, rng)
        x += float(size[0])
        i += 1
