"""Pictures that MTL files name, read when they are asked for, and made of two where a material wants one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from scanstage.assets.raw_scans.raw_scan import Severity
from scanstage.assets.raw_scans.scan_folder import ScanFolder, leads_elsewhere
from scanstage.assets.textures.texture_coding import is_normal_map, pack_channels, with_alpha


class MtlTextures:
    """Textures of a scan's MTL files; ``images`` grows along.

    Args:
        folder: of the scan.

    Attributes:
        images: encoded, by the path that names them.
        lost: textures of base colours, and material files, that are named and not there.
        uncolored: names of the materials that these textures are of.
        silent_alpha: keys of base colours beside which neither ``map_d`` nor ``d`` says whether their alpha counts.
    """

    def __init__(self, folder: ScanFolder) -> None:
        self.images: dict[str, bytes] = {}
        self.lost: list[str] = []
        self.uncolored: set[str] = set()
        self.silent_alpha: set[str] = set()
        self._folder = folder
        self._made: dict[tuple[str | None, ...], str | None] = {}
        self._normal_maps: dict[str, bool] = {}

    def read(self, reference: str, base: PurePosixPath) -> str | None:
        """Read a texture that an MTL names (relative to the MTL) and return its key in ``images``."""
        key = located(reference, base)
        if key in self.images:
            return key
        data = self._folder.read(key, "texture")
        if data is None:
            return None
        self.images[key] = data
        return key

    def with_alpha(self, color: str, alpha: str) -> str | None:
        """Key of a colour texture with the opacity of another; None where that is opaque."""
        return self._joined(f"{PurePosixPath(color).stem}-alpha", with_alpha, color, alpha)

    def packed(self, roughness: str | None, metallic: str | None) -> str | None:
        """Key of a texture with roughness in G and metallic in B."""
        return self._joined(
            f"{PurePosixPath(roughness or metallic or '').stem}-packed", pack_channels, roughness, metallic
        )

    def _joined(self, stem: str, join: Callable[..., bytes | None], *keys: str | None) -> str | None:
        """Key of what is made of two images; each pair is made once, and its pixels count as those of a texture."""
        made = (join.__name__, *keys)
        if made not in self._made:
            sources = [None if key is None else self.images[key] for key in keys]
            data = join(*sources)
            key = f"{stem}.png" if f"{stem}.png" not in self.images else f"{stem}{len(self._made)}.png"
            if data is not None:
                self.images[key] = data
            self._made[made] = key if data is not None else None
        return self._made[made]

    def is_normal_map(self, key: str) -> bool:
        """Whether a texture is plainly a tangent-space normal map."""
        if key not in self._normal_maps:
            self._normal_maps[key] = is_normal_map(self.images[key])
        return self._normal_maps[key]

    def note(self, topic: str, what: str, action: str, severity: Severity = "info") -> None:
        """Add to the findings."""
        self._folder.note(topic, what, action, severity)


def located(reference: str, base: PurePosixPath) -> str:
    """A path that an MTL in the folder ``base`` names, relative to the scan's folder."""
    cleaned = reference.replace("\\", "/")
    return str(base / cleaned) if str(base) != "." and not leads_elsewhere(cleaned) else cleaned
