"""What is measured of labels and pictures: each with its name, unit, scale, and how it is read off a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats

Of = Literal["label", "picture"]


@dataclass(frozen=True)
class Measure:
    """One number of each label, or of each picture.

    Attributes:
        name: its key in figures.
        title: for people.
        of: what it is a number of.
        values: (L,) or (P,) float64 of a table; NaN where it isn't known.
        unit: of the number; empty for shares.
        is_log: whether factors matter rather than differences.
        low, high: where it is known to begin and end.
        is_whole: whether it is a count.
        needs_plan: whether it follows from a plan, so that photos have none.
    """

    name: str
    title: str
    of: Of
    values: Callable[[DatasetTable], Floats]
    unit: str = ""
    is_log: bool = False
    low: float | None = None
    high: float | None = None
    is_whole: bool = False
    needs_plan: bool = False


def _label(column: str) -> Callable[[DatasetTable], Floats]:
    return lambda table: table.label_numbers[column]


def _picture(name: str) -> Callable[[DatasetTable], Floats]:
    return lambda table: table.picture_numbers(name)


def box_size_px(table: DatasetTable) -> Floats:
    """(L,) square root of the box's area."""
    return np.sqrt(table.label_numbers["width_px"] * table.label_numbers["height_px"])


def _resolution(table: DatasetTable) -> Floats:
    """(L, 2) of the picture of each label."""
    return np.array([p.resolution_wh for p in table.pictures], np.float64).reshape(-1, 2)[table.label_picture]


def box_share(table: DatasetTable) -> Floats:
    """(L,) edge of a square as large as the box, as a share of that of one as large as the picture."""
    return box_size_px(table) / np.sqrt(_resolution(table).prod(axis=1))


def box_centers(table: DatasetTable) -> Floats:
    """(L, 2) centres of boxes, as shares of the picture's width and height."""
    n = table.label_numbers
    centers = np.stack([n["x_px"] + n["width_px"] / 2, n["y_px"] + n["height_px"] / 2], axis=1)
    return centers / _resolution(table)


def _aspect(table: DatasetTable) -> Floats:
    return table.label_numbers["width_px"] / table.label_numbers["height_px"]


def _labels(table: DatasetTable) -> Floats:
    return table.counts.sum(axis=1).astype(np.float64)


def _kinds(table: DatasetTable) -> Floats:
    return (table.counts > 0).sum(axis=1).astype(np.float64)


MEASURES = (
    Measure("box_size_px", "box size (square root of its area)", "label", box_size_px, "px", is_log=True),
    Measure("box_share", "box size, as a share of the picture's", "label", box_share, is_log=True),
    Measure("aspect", "box width / height", "label", _aspect, is_log=True),
    Measure("center_x", "box centre, from left to right", "label", lambda t: box_centers(t)[:, 0], low=0, high=1),
    Measure("center_y", "box centre, from top to bottom", "label", lambda t: box_centers(t)[:, 1], low=0, high=1),
    Measure("visible_fraction", "visible share", "label", _label("visible_fraction"), low=0, high=1, needs_plan=True),
    Measure(
        "truncated_fraction",
        "share outside the picture",
        "label",
        _label("truncated_fraction"),
        low=0,
        high=1,
        needs_plan=True,
    ),
    Measure("distance_m", "distance from the camera", "label", _label("distance_m"), "m", is_log=True, needs_plan=True),
    Measure("labels", "labels in a picture", "picture", _labels, low=0, is_whole=True),
    Measure("kinds", "classes in a picture", "picture", _kinds, low=0, is_whole=True),
    Measure("brightness", "brightness (mean, 1: white)", "picture", _picture("brightness"), low=0, high=1),
    Measure("contrast", "contrast (standard deviation of brightness)", "picture", _picture("contrast"), low=0),
    Measure("saturation", "saturation (mean)", "picture", _picture("saturation"), low=0, high=1),
    Measure("warmth", "warmth (red less blue, mean)", "picture", _picture("warmth")),
    Measure("blur", "blur (0: sharp, 1: nothing but blur)", "picture", _picture("blur"), low=0, high=1),
    Measure("clipped_dark", "share of black pixels", "picture", _picture("clipped_dark"), low=0, high=1),
    Measure("clipped_bright", "share of white pixels", "picture", _picture("clipped_bright"), low=0, high=1),
    Measure("elevation_deg", "camera's elevation", "picture", _picture("elevation_deg"), "degrees", needs_plan=True),
    Measure("azimuth_deg", "camera's azimuth", "picture", _picture("azimuth_deg"), "degrees", needs_plan=True),
    Measure("roll_deg", "camera's roll", "picture", _picture("roll_deg"), "degrees", needs_plan=True),
    Measure("fov_deg", "field of view", "picture", _picture("fov_deg"), "degrees", needs_plan=True),
    Measure(
        "camera_distance_m",
        "camera's distance from what it is aimed at",
        "picture",
        _picture("distance_m"),
        "m",
        is_log=True,
        needs_plan=True,
    ),
    Measure("exposure_ev", "exposure", "picture", _picture("exposure_ev"), "EV", needs_plan=True),
    Measure("lamp_kelvin", "colour of the first lamp", "picture", _picture("lamp_kelvin"), "K", needs_plan=True),
    Measure("agreement", "cast against engine, least mask IoU", "picture", _picture("agreement"), needs_plan=True),
    Measure(
        "attempts",
        "plans until one was good",
        "picture",
        _picture("attempts"),
        low=1,
        is_whole=True,
        needs_plan=True,
    ),
)
BY_NAME = {m.name: m for m in MEASURES}

FACTOR_TITLES = {
    "hdri": "environment light",
    "lamp_temperature": "lamp colour",
    "stage": "place",
    "distance": "camera distance",
    "elevation": "camera elevation",
    "look": "camera look",
    "viewing_height": "height it is seen from",
    "viewing_sector": "side it is seen from",
}
BINNED_FACTORS = ("distance", "elevation")
"""Factors that are a measure of pictures as well, by the number itself."""


def factor_title(name: str) -> str:
    """A factor's name for people."""
    return FACTOR_TITLES.get(name, name.replace("_", " "))
