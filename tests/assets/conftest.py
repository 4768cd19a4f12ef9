"""Fixtures of the tests of scans: most care nothing for how a scan collides, and cutting it takes seconds."""

from __future__ import annotations

from typing import Any

import pytest

from scanstage.assets.intake import take_in


@pytest.fixture
def collision_parts() -> None:
    """For tests in which scans are to be cut into convex parts as they come in."""


@pytest.fixture(autouse=True)
def _collides_by_its_hull(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "collision_parts" not in request.fixturenames:
        nothing: tuple[Any, ...] = ((), ())
        monkeypatch.setattr(take_in, "convex_parts", lambda surface, hull: nothing)
