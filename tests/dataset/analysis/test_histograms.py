from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tables import WH, table

from scanstage.dataset.analysis.histograms import (
    DIRECTIONS_WH,
    GRID_WH,
    bin_edges,
    binned,
    center_grids,
    direction_grids,
    histogram,
    together,
    value_counts,
)
from scanstage.dataset.analysis.measures import BY_NAME, MEASURES

boxes = st.tuples(
    st.sampled_from(["owl", "mouse"]),
    st.tuples(*[st.floats(0, 40, width=32), st.floats(0, 30, width=32)], *[st.floats(1, 40, width=32)] * 2),
)
pictures = st.lists(st.lists(boxes, max_size=5), max_size=6)


@given(pictures)
def test_every_label_is_counted_once(held: list[list[tuple[str, tuple[float, float, float, float]]]]) -> None:
    made = table(held)
    labels = sum(map(len, held))
    for name in ("box_size_px", "aspect", "center_x"):
        found = histogram(BY_NAME[name], made)
        assert found.known == found.counts.sum() == labels
        assert sum(n.sum() for n in found.by_class.values()) == labels
        assert (np.diff(found.edges) > 0).all()
    assert histogram(BY_NAME["labels"], made).counts.sum() == len(held)
    assert center_grids(made)[""].sum() == labels
    assert center_grids(made)[""].shape == GRID_WH[::-1]


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=50))
def test_edges_hold_all_values(values: list[float]) -> None:
    known = np.array(values)
    for name in ("box_size_px", "contrast", "exposure_ev", "attempts"):
        edges = bin_edges(BY_NAME[name], known)
        assert (np.diff(edges) > 0).all()
        if name != "attempts" or known.min() >= 1:
            assert edges[0] <= known.min() * (1 + 1e-9)
        assert known.max() <= edges[-1] * (1 + 1e-9)


def test_whole_numbers_have_a_bin_each() -> None:
    found = histogram(BY_NAME["labels"], table([[], [("owl", (0, 0, 9, 9))] * 3, [("owl", (0, 0, 9, 9))] * 3]))
    assert found.edges.tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert found.counts.tolist() == [1, 0, 0, 2]
    assert found.quantiles is not None
    assert found.quantiles[1] == 3


def test_what_is_not_known_is_not_counted() -> None:
    made = table([[("owl", (0, 0, 9, 9))]], numbers=[{}])
    assert histogram(BY_NAME["visible_fraction"], made).known == 0
    assert histogram(BY_NAME["brightness"], made).quantiles is None
    assert binned(np.array([np.nan, -5, 0.5, 9]), np.array([0.0, 1.0, 2.0])).tolist() == [-1, 0, 0, 1]


def test_where_boxes_lie() -> None:
    made = table([[("owl", (0, 0, 2, 2)), ("mouse", (WH[0] - 2, WH[1] - 2, 2, 2))]])
    grids = center_grids(made)
    assert grids["owl"][0, 0] == grids["mouse"][-1, -1] == 1
    assert grids[""].sum() == 2


def test_sides_are_cells_of_equal_area() -> None:
    rng = np.random.default_rng(0)
    towards = rng.normal(size=(48_000, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    held = [[("owl", (0, 0, 9, 9))] * len(towards)]
    made = table(
        held,
        view_azimuth_deg=np.degrees(np.arctan2(towards[:, 1], towards[:, 0])),
        view_elevation_deg=np.degrees(np.arcsin(towards[:, 2])),
    )
    grid = direction_grids(made)["owl"]
    assert grid.shape == DIRECTIONS_WH[::-1]
    assert grid.mean() == pytest.approx(grid.min(), rel=0.3)
    assert grid.mean() == pytest.approx(grid.max(), rel=0.3)
    above = table([[("owl", (0, 0, 9, 9))]], view_azimuth_deg=0.0, view_elevation_deg=89.0)
    assert direction_grids(above)["owl"][-1].sum() == 1, "bands go from below to above"


def test_classes_together_and_values() -> None:
    box = (0, 0, 9, 9)
    made = table(
        [[("owl", box), ("owl", box), ("mouse", box)], [("mouse", box)], []],
        factors=[{"time": "day"}, {"time": "night"}, {"time": "day"}],
    )
    assert together(made).tolist() == [[1, 1], [1, 0]]
    assert value_counts(made, "time") == {"day": 2, "night": 1}
    assert value_counts(made, "stage") == {}


def test_measures_have_one_name_each() -> None:
    assert len({m.name for m in MEASURES}) == len(MEASURES) == len(BY_NAME)
