"""Rays that go through what is cut out of a scan by alpha (:mod:`openings`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.library.openings import Openings

MOST_LAYERS = 32
"""Open surfaces, one behind the other, that a ray goes through."""
_STEP = 1e-5  # of the way so far, which a ray goes on from an opening so that it doesn't meet it again


class CutScene:
    """An acceleration structure whose rays go through openings; asked as embreex's own is."""

    def __init__(self, scene: EmbreeScene, openings: Openings) -> None:
        self._scene, self._openings = scene, openings

    def run(
        self,
        origins: npt.NDArray[np.float32],
        directions: npt.NDArray[np.float32],
        query: str = "INTERSECT",
        output: bool = False,
    ) -> Any:
        """As ``EmbreeScene.run``: distances, faces (-1: none), or with ``output`` all that is known of each hit."""
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
            there = behind["primID"].astype(np.int64) >= 0
            found["tfar"][open_[there]] += passed[there]
            open_ = open_[self._not_solid(behind)]
        if output:
            return found
        return found["tfar"] if query == "DISTANCE" else found["primID"].astype(np.int32)

    def _not_solid(self, found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
        hit = np.flatnonzero(found["primID"].astype(np.int64) >= 0)
        u, v = (found[key][hit].astype(np.float64) for key in ("u", "v"))
        return hit[~self._openings.is_solid(found["primID"][hit].astype(np.int64), u, v)]
