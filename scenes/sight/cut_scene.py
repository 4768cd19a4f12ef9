"""Rays that go through what is cut out of a scan by alpha (:mod:`openings`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.library.openings import Openings

MOST_LAYERS = 32
"""Open surfaces, one behind the other, that a ray goes through."""
_STEP = 1e-5  # of the way so far, which a ray goes on from an opening so that it doesn't meet it again


class CutScene:
    """An acceleration structure whose rays go through openings; asked as embreex's own is.

    Args:
        scene: the structure.
        openings: of its meshes, by their number in it; the others are whole.
    """

    def __init__(self, scene: EmbreeScene, openings: Mapping[int, Openings]) -> None:
        self._scene, self.openings = scene, dict(openings)

    def run(
        self,
        origins: npt.NDArray[np.float32],
        directions: npt.NDArray[np.float32],
        query: str = "INTERSECT",
        output: bool = False,
    ) -> Any:
        """As ``EmbreeScene.run``: distances, faces (-1: none), 0 for what is occluded, or with ``output`` all of it."""
        found = self._scene.run(origins, directions, query="INTERSECT", output=True)
        open_ = self._not_solid(found)
        for _ in range(MOST_LAYERS):
            if not len(open_):
                break
            passed = found["tfar"][open_] * np.float32(1 + _STEP)
            starts = origins[open_] + passed[:, None] * directions[open_]
            behind = self._scene.run(starts, np.ascontiguousarray(directions[open_]), query="INTERSECT", output=True)
            for key, values in behind.items():
                found[key][open_] = values
            there = behind["primID"] >= 0
            found["tfar"][open_[there]] += passed[there]
            open_ = open_[self._not_solid(behind)]
        if output:
            return found
        if query == "OCCLUDED":
            return np.where(found["primID"] >= 0, 0, -1).astype(np.int32)
        return found["tfar"] if query == "DISTANCE" else found["primID"]

    def _not_solid(self, found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
        passed = []
        for number, openings in self.openings.items():
            hit = np.flatnonzero((found["geomID"] == number) & (found["primID"] >= 0))
            u, v = (found[key][hit].astype(np.float64) for key in ("u", "v"))
            passed.append(hit[~openings.is_solid(found["primID"][hit], u, v)])
        return np.concatenate(passed)
