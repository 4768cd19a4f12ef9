"""What an estimator is asked for: ``test_targets_bop19.json``, as the toolkit's ``calc_test_targets.py`` makes it.

One target for each picture and object of which at least one instance is visible enough, with their number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TARGETS_FILE = "test_targets_bop19.json"
LEAST_VISIBLE = 0.1
"""``visib_fract`` of an instance that is to be found, as in the BOP challenges."""


class BopTargets:
    """A list in a file, written target by target: there may be millions.

    Args:
        path: of the file; complete once the targets are closed.

    Raises OSError where it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._file.write("[")
        self._between = "\n"

    def add(self, scene_id: int, im_id: int, poses: Sequence[dict[str, Any]], infos: Sequence[dict[str, Any]]) -> None:
        """The targets of one picture.

        Args:
            scene_id, im_id: of the picture.
            poses, infos: its entries in ``scene_gt.json`` and ``scene_gt_info.json``, instance by instance.
        """
        visible = (p["obj_id"] for p, i in zip(poses, infos, strict=True) if i["visib_fract"] >= LEAST_VISIBLE)
        for obj_id, count in Counter(visible).items():
            target = {"im_id": im_id, "inst_count": count, "obj_id": obj_id, "scene_id": scene_id}
            self._file.write(f"{self._between}  {json.dumps(target)}")
            self._between = ",\n"

    def __enter__(self) -> BopTargets:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write("\n]\n")
        self._file.close()
