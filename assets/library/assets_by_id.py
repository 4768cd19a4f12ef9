"""Assets by their ids: given ones, and those that are built in."""

from __future__ import annotations

from collections.abc import Mapping

from scanstage.assets.asset import Asset
from scanstage.assets.library.bevelled_boxes import bevelled_box
from scanstage.assets.library.primitives import primitive_assets


class AssetsById:
    """All that a plan may name.

    Args:
        scans: by id.

    Raises OSError where the cache of what is built in can't be written, InputError where it was damaged.
    """

    def __init__(self, scans: Mapping[str, Asset]) -> None:
        self._known = {**scans, **primitive_assets()}

    def get(self, asset_id: str) -> Asset | None:
        """The asset of an id; None where there is none. Boxes of furniture are made when they are asked for."""
        if asset_id not in self._known and (box := bevelled_box(asset_id)) is not None:
            self._known[asset_id] = box
        return self._known.get(asset_id)
