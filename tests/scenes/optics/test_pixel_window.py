"""The window of an object holds all that its projection reaches: what lies outside is never cast."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.scenes.optics.geometry import Float, to_matrix4
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.optics.pixel_window import box_edges, edge_distance, grown, hangs_by_a_pixel, object_window
from scanstage.scenes.plan import CameraPlan, LensPlan

POSE = to_matrix4(np.eye(4))
LENSES = [
    None,
    LensPlan("brown_conrady", (-0.3, 0.09, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    LensPlan("brown_conrady", (0.2, 0.0, 0.01, -0.01, 0.0, 0.0, 0.0, 0.0)),
    LensPlan("fisheye", (0.02, -0.005, 0.0, 0.0)),
]


def plate(x: tuple[float, float], y: tuple[float, float], z: float) -> Float:
    """(3, 4) corners of a rectangle across the optical axis, metres, camera frame."""
    return np.array([[x[i], y[j], z] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]).T


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("x", [(-0.45, 0.45), (0.1, 0.5), (-1.2, 0.2)])
@pytest.mark.parametrize("y", [(-0.33, 0.33), (-0.3, -0.28), (0.2, 0.9)])
def test_it_holds_every_point_between_the_vertices(
    lens: LensPlan | None, x: tuple[float, float], y: tuple[float, float]
) -> None:
    """Straight edges bend behind a lens: the middle of one may lie farther out than both of its ends."""
    camera = CameraPlan((320, 240), 300.0, 300.0, 158.0, 122.5, POSE, lens=lens)
    window, reach = object_window(camera, np.eye(4), plate(x, y, 1.0))
    u, v = np.meshgrid(np.linspace(*x, 60), np.linspace(*y, 60))
    points = project_local(camera, np.stack([u.ravel(), v.ravel(), np.ones(u.size)], axis=1))[:, :2]
    points = points[np.isfinite(points).all(axis=1)]
    for box, low, high in ((window, (0, 0), (320, 240)), (reach, (-320, -240), (640, 480))):
        inside = points[((points >= low) & (points < high)).all(axis=1)]
        if len(inside):
            left, top, right, bottom = box_edges(box)
            assert (inside >= (left, top)).all()
            assert (inside <= (right, bottom)).all()


def test_a_pinhole_casts_no_more_than_it_must() -> None:
    camera = CameraPlan((320, 240), 100.0, 100.0, 160.0, 120.0, POSE)
    window, reach = object_window(camera, np.eye(4), plate((-0.105, 0.104), (-0.096, 0.309), 1.0))
    assert window == reach == (149, 110, 22, 41)


def test_what_reaches_behind_the_camera_may_be_anywhere() -> None:
    camera = CameraPlan((320, 240), 100.0, 100.0, 160.0, 120.0, POSE, near_m=0.01)
    behind, through = (
        np.diag([1.0, 1.0, -1.0, 1.0]),
        np.array([[1.0, 0, 0, 0], [0, 0, 1, -1.0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    )
    corners = plate((-0.1, 0.1), (-0.1, 0.3), 1.0)
    assert object_window(camera, behind, corners) == ((0, 0, 0, 0), (0, 0, 0, 0))
    assert object_window(camera, through, corners) == ((0, 0, 320, 240), (-320, -240, 960, 720))


def test_boxes_and_masks() -> None:
    assert edge_distance((0, 0, 10, 10), (0, 0, 10, 10)) == 0
    assert edge_distance((0, 0, 10, 10), (2, 0, 5, 10)) == 3  # the right edges are farthest apart
    mask = np.zeros((5, 6), bool)
    mask[0, 5] = True
    assert np.argwhere(grown(mask)).tolist() == [[0, 4], [0, 5], [1, 4], [1, 5]]


@pytest.mark.parametrize(
    ("rows", "fragile"),
    [
        (["....#", ".....", "###..", "###.."], True),  # above
        (["###..", "###..", ".....", "#...."], True),  # below
        (["##..#", "##..."], True),  # at the right
        (["#..##", "...##"], True),  # at the left
        (["#....", "##...", "###.."], False),  # a tip that belongs to the rest
        (["##...", ".....", "####."], False),  # two pixels hold it
        (["....."], False),
        (["..#.."], False),
    ],
)
def test_boxes_that_hang_by_a_single_pixel(rows: list[str], fragile: bool) -> None:
    assert hangs_by_a_pixel(np.array([[c == "#" for c in row] for row in rows])) is fragile
