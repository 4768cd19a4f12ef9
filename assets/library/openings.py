"""Where a scan's surface is cut out by alpha, so that rays, and with them labels, go through.

An engine cuts a surface where its material's alpha is below the cutoff (MASK), and lets all light through where alpha
is 0 (BLEND); what is clear but not gone is still there for its instance pass, from an alpha of 1/255 on. Here the same
is looked up where a ray hits: linearly between texels, repeating, as engines do, times the material's and the
vertices' alpha.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Asset, Material, MeshArrays
from scanstage.assets.files.outside_files import read_outside
from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.texture_coding import alpha_channel

Floats = npt.NDArray[np.float64]
OpeningsSource = Callable[[str, MeshArrays], "Openings | None"]
"""Of an asset's id, and its arrays."""

LEAST_ALPHA = 1.0 / 255.0
"""Of a BLEND material that an engine's instance pass shows; the worker sets it there."""
_MAX_TEXTURE_BYTES = 1 << 30


@dataclass(frozen=True)
class _Cut:
    """Of one material with alpha: from which alpha on it is there, its own, and its texture's, (h, w) uint8."""

    least: float
    alpha: float
    texture: npt.NDArray[np.uint8] | None
    vertex_alpha: bool


@dataclass(frozen=True)
class Openings:
    """What of a mesh is cut out.

    Attributes:
        mesh: its arrays.
        cuts: by number of the material; the others are whole.
    """

    mesh: MeshArrays
    cuts: dict[int, _Cut]

    def is_solid(self, face: npt.NDArray[np.int32], u: Floats, v: Floats) -> npt.NDArray[np.bool_]:
        """(N,) whether there is a surface at places of faces: ``u`` and ``v`` weigh their second and third corner."""
        solid = np.ones(len(face), bool)
        weights = np.stack([1 - u - v, u, v], axis=1)
        material = self.mesh.face_material[face]
        for number, cut in self.cuts.items():
            at = np.flatnonzero(material == number)
            if len(at):
                solid[at] = self._alpha(cut, face[at], weights[at]) >= cut.least
        return solid

    def _alpha(self, cut: _Cut, face: npt.NDArray[np.int32], weights: Floats) -> Floats:
        alpha = np.full(len(face), float(cut.alpha))
        if cut.vertex_alpha and self.mesh.vertex_color is not None:
            alpha *= (self.mesh.vertex_color[self.mesh.faces[face], 3] / 255 * weights).sum(axis=1)
        if cut.texture is not None and self.mesh.corner_uv is not None:
            corners = self.mesh.corner_uv.reshape(-1, 3, 2)[face].astype(np.float64)
            alpha *= _sampled(cut.texture, np.einsum("nc,ncd->nd", weights, corners))
        return alpha


def whole(asset_id: str, mesh: MeshArrays) -> Openings | None:
    """For scans without alpha: there are none."""
    return None


def openings_of(asset: Asset, mesh: MeshArrays) -> Openings | None:
    """The openings of an asset; None where nothing of it is cut out. Raises InputError where a texture is broken."""
    materials = asset.meta.materials
    cuts = {k: _cut(asset, m, mesh) for k, m in enumerate(materials) if m.alpha_mode != "OPAQUE"}
    return Openings(mesh, cuts) if cuts else None


def _cut(asset: Asset, material: Material, mesh: MeshArrays) -> _Cut:
    texture = None
    if material.base_color_texture is not None and mesh.corner_uv is not None:
        path = asset.folder / material.base_color_texture
        try:
            texture = alpha_channel(read_outside(path, _MAX_TEXTURE_BYTES), str(path))
        except OSError as e:
            raise InputError(f"{path}: can't be read ({e.strerror or e})", "take the scan in again") from e
    least = material.alpha_cutoff if material.alpha_mode == "MASK" else LEAST_ALPHA
    return _Cut(least, material.base_color[3], texture, material.vertex_colors)


def _sampled(channel: npt.NDArray[np.uint8], uv: Floats) -> Floats:
    """(N,) values in 0..1 at (N, 2) texture coordinates (V up): linear between texels' middles, repeating."""
    height, width = channel.shape
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    columns = [(left.astype(np.int64) + i) % width for i in (0, 1)]
    rows = [(top.astype(np.int64) + i) % height for i in (0, 1)]
    above = channel[rows[0], columns[0]] * (1 - fx) + channel[rows[0], columns[1]] * fx
    below = channel[rows[1], columns[0]] * (1 - fx) + channel[rows[1], columns[1]] * fx
    result: Floats = (above * (1 - fy) + below * fy) / 255.0
    return result
