"""Quadratic forms against what they stand for: squared distances from planes, walls and linear attributes."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.assets.meshes.error_quadrics import attribute_quadrics, plane_quadrics

NOWHERE = np.zeros(0, np.int64)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def unit_normal(corners: np.ndarray) -> np.ndarray:
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return np.asarray(normal / np.linalg.norm(normal))


def doubled_area(corners: np.ndarray) -> float:
    return float(np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0])))


def test_distances_from_planes(rng: np.random.Generator) -> None:
    positions, faces = rng.uniform(size=(5, 3)), np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    place = rng.uniform(size=(1, 3))
    seen = plane_quadrics(positions, faces, NOWHERE, np.zeros(0, bool)).of(np.array([0])).at(place, np.zeros((1, 0)))
    corners = positions[faces]
    weight = [np.sqrt(doubled_area(c) / 2) for c in corners]
    squares = [float((place[0] - c[0]) @ unit_normal(c)) ** 2 for c in corners]
    assert seen[0] == pytest.approx(np.average(squares, weights=weight))


def test_walls_on_open_edges(rng: np.random.Generator) -> None:
    """Along the edge a move costs nothing, across it within the plane it costs the square of the way."""
    positions, faces = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]])
    forms = plane_quadrics(positions, faces, np.array([0]), np.array([True])).of(np.array([0, 0]))
    along, across = forms.at(np.array([[1.5, 0, 0], [0, 0.5, 0]]), np.zeros((2, 0)))
    assert along == pytest.approx(0, abs=1e-15)
    wall, plane = 10.0 * 2, 1.0
    assert across == pytest.approx(0.25 * wall / (wall + plane))


def test_distances_of_attributes(rng: np.random.Generator) -> None:
    places, faces = rng.uniform(size=(4, 3)), np.array([[0, 1, 2], [0, 2, 3]])
    values, place, value = rng.uniform(size=(4, 2)), rng.uniform(size=(1, 3)), rng.uniform(size=(1, 2))
    seen = attribute_quadrics(places, faces, values).of(np.array([0])).at(place, value)
    squares, weight = [], []
    for face in faces:
        corners = places[face]
        frame = np.stack([corners[1] - corners[0], corners[2] - corners[0]], axis=1)
        s, t = np.linalg.lstsq(frame, place[0] - corners[0], rcond=None)[0]  # of the foot of the perpendicular
        there = values[face[0]] + s * (values[face[1]] - values[face[0]]) + t * (values[face[2]] - values[face[0]])
        squares.append(float(((value[0] - there) ** 2).sum()))
        weight.append(doubled_area(corners) / 2)
    assert seen[0] == pytest.approx(np.average(squares, weights=weight))


def test_merged_forms_are_sums(rng: np.random.Generator) -> None:
    positions, faces = rng.uniform(size=(5, 3)), np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    forms = plane_quadrics(positions, faces, NOWHERE, np.zeros(0, bool))
    kept = np.array([True, False, False, True, True])
    left = forms.merged(np.array([1, 2]), np.array([0, 0]), kept)
    assert np.allclose(left.form[:, 0], forms.form[:, [0, 1, 2]].sum(axis=1))
    assert np.allclose(left.weight, [forms.weight[:3].sum(), forms.weight[3], forms.weight[4]])
