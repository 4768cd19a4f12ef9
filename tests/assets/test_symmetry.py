"""From a few turns all that follow; none that no body has."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scanstage.assets.symmetry import Symmetries, SymmetryAxis, rigid_transform, rotation_about, turn

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
ORIGIN = (0.0, 0.0, 0.0)
DIAGONAL = tuple(float(v) for v in np.ones(3) / np.sqrt(3))


@pytest.mark.parametrize(
    ("turns", "count"),
    [
        ([(Z, 2)], 1),
        ([(Z, 5)], 4),
        ([(Z, 100)], 99),
        ([(X, 2), (Y, 2)], 3),
        ([(Z, 6), (X, 2)], 11),
        ([(Z, 4), (X, 4)], 23),
        ([(Z, 2), (DIAGONAL, 3)], 11),
    ],
)
def test_all_turns_follow_from_a_few(turns: list, count: int) -> None:
    center = (0.3, -0.2, 0.05)
    made = Symmetries(discrete=tuple(turn(axis, center, n) for axis, n in turns)).transforms()
    assert len(made) == count
    for matrix in made:
        assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-9)
        assert np.allclose(matrix @ [*center, 1], [*center, 1], atol=1e-9)
        assert any(np.allclose(matrix @ other, np.eye(4), atol=1e-6) for other in made)


def test_what_a_round_axis_gives_is_not_listed_again() -> None:
    half = turn(X, (0, 0, 0.05), 2)
    can = Symmetries((SymmetryAxis(Z, ORIGIN),), (half, turn(Y, (0, 0, 0.05), 2), turn(Z, ORIGIN, 6)))
    assert [m.ravel().tolist() for m in can.transforms()] == [list(half)]


def test_turns_that_no_body_has_together_are_told() -> None:
    with pytest.raises(ValueError, match="meet in one point"):
        Symmetries(discrete=(turn(X, ORIGIN, 2), turn(X, (0, 0, 0.1), 2))).transforms()
    with pytest.raises(ValueError, match="more than 200"):
        Symmetries(discrete=(turn(X, ORIGIN, 5), turn(Z, ORIGIN, 4))).transforms()


def test_matrices_with_few_decimals_are_made_rigid() -> None:
    third = rotation_about(Z, 2 * np.pi / 3)
    rough = np.eye(4)
    rough[:3, :3] = np.round(third, 3)
    found = np.array(rigid_transform(rough.ravel().tolist())).reshape(4, 4)
    assert np.allclose(found[:3, :3], third, atol=1e-3)
    assert np.allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-11)
    assert len(Symmetries(discrete=(tuple(found.ravel()),)).transforms()) == 2


def test_they_go_through_json_and_scale() -> None:
    known = Symmetries((SymmetryAxis(DIAGONAL, (0.1, 0.0, 0.2)),), (turn(DIAGONAL, (0.1, 0.0, 0.2), 3),))
    text = json.dumps({"continuous": [vars(a) for a in known.continuous], "discrete": known.discrete})
    assert Symmetries.from_json(json.loads(text)) == known
    larger = known.scaled(10)
    assert larger.continuous[0].offset_m == (1.0, 0.0, 2.0)
    np.testing.assert_allclose(larger.discrete[0], turn(DIAGONAL, (1.0, 0.0, 2.0), 3), atol=1e-9)
    assert known
    assert not Symmetries()


@pytest.mark.parametrize(
    "broken",
    [
        {"continuous": [{"axis": [0, 0, 0], "offset_m": [0, 0, 0]}], "discrete": []},
        {"continuous": [{"axis": [0, 0, 1], "offset_m": [0, 0, float("nan")]}], "discrete": []},
        {"continuous": [], "discrete": [[1.0] * 16]},
        {"continuous": [], "discrete": [[1.0] * 15]},
        {"continuous": [], "discrete": [list(turn(Z, ORIGIN, 2))] * 101},
        {"continuous": []},
    ],
)
def test_a_library_of_others_may_hold_anything(broken: dict) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Symmetries.from_json(broken)
