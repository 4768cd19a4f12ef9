"""Which of a scan's surfaces can be seen through: alpha modes as glTF 2.0 defines them, judged by what they show.

Many exporters declare BLEND where nothing is transparent; such a material is made opaque, which renders faster. So is
glass (transmission) that lets nothing through. A label is the surface that rays meet: what is cut out is none, what is
clear is one (:mod:`openings`), and its owner is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material
from scanstage.assets.meshes.topology import face_normals_and_areas, groups
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.textures.texture_coding import alpha_channel, decode_rgb, may_have_alpha

Floats = npt.NDArray[np.float64]

_MOST_SAMPLES = 200_000
_FINEST = 24  # lattice steps along a triangle's edge
_CLEAR, _SOLID = 0.02, 0.98
_LEAST_SHARE = 0.002  # of the surface; less is the rim of a texture


def settle_see_through(scan: RawScan) -> tuple[RawScan, list[ScanFinding]]:
    """Make opaque what is opaque, by alpha and by transmission, and report what is not.

    Returns:
        the scan, with BLEND, MASK and transmission only on materials that use them, and a warning for each of those.

    Raises InputError where nothing of the scan is visible, or a texture that is needed to tell can't be read.
    """
    scan, cut = settle_alpha(scan)
    scan, clear = _settle_transmission(scan)
    return scan, [*cut, *clear]


def settle_alpha(scan: RawScan) -> tuple[RawScan, list[ScanFinding]]:
    """Make opaque what is opaque, and report what is not.

    Returns:
        the scan, BLEND and MASK left only on materials that use them, and a warning for each of those, and for each
        whose texture has an alpha that the file doesn't use.

    Raises InputError where nothing of the scan is visible, or a texture that is needed to tell can't be read.
    """
    silent = {name for name in scan.silent_alpha if name in scan.images and may_have_alpha(scan.images[name])}
    if all(m.alpha_mode == "OPAQUE" and m.base_color_texture not in silent for m in scan.materials):
        return scan, []
    _, areas = face_normals_and_areas(scan.vertices, scan.faces)
    materials, findings, visible = list(scan.materials), [], 0.0
    alphas = _TextureChannel(scan, "A")
    # One texture after the other, so that each is decoded once, and only one is held.
    for k, faces in sorted(groups(scan.face_material).items(), key=lambda g: materials[g[0]].base_color_texture or ""):
        material = materials[k]
        area = float(areas[faces].sum())
        if material.alpha_mode == "OPAQUE":
            visible += area
            if material.base_color_texture in silent:
                findings += _unused_alpha(scan, material, faces, alphas, areas[faces])
            continue
        alpha = _alpha(scan, material, faces, alphas)
        solid = alpha >= (material.alpha_cutoff if material.alpha_mode == "MASK" else _SOLID)
        shown = solid if material.alpha_mode == "MASK" else alpha > _CLEAR
        visible += float((shown.mean(axis=1) * areas[faces]).sum())
        open_share = float(((1 - solid.mean(axis=1)) * areas[faces]).sum()) / max(area, 1e-300)
        if open_share == 0:
            materials[k] = replace(material, alpha_mode="OPAQUE")
        elif open_share > _LEAST_SHARE:
            cut = material.alpha_mode == "MASK"
            kind = "is cut out" if cut else "can be seen through"
            what = f"{open_share:.0%} of the material {material.name!r} {kind} ({material.alpha_mode})"
            action = "renders and labels it so" if cut else "renders it so; labels leave out what has an alpha of 0"
            findings.append(ScanFinding("warning", "see-through", what, action))
    if visible <= 0:
        raise InputError(
            "all of it is invisible: its materials have an alpha of 0", "export it with opaque materials (alpha 1)"
        )
    return replace(scan, materials=tuple(materials)), findings


def _unused_alpha(
    scan: RawScan, material: Material, faces: npt.NDArray[np.int64], alphas: _TextureChannel, areas: Floats
) -> list[ScanFinding]:
    """Of an opaque material: a picture that is cut out, in a file that doesn't say so."""
    clear = (_alpha(scan, material, faces, alphas) < _SOLID).mean(axis=1)
    share = float((clear * areas).sum()) / max(float(areas.sum()), 1e-300)
    if share <= _LEAST_SHARE:
        return []
    what = f"{share:.0%} of the material {material.name!r} has an alpha below 1 in its texture, which nothing uses"
    action = "renders it opaque; map_d in an MTL, with the same picture, cuts it out"
    return [ScanFinding("warning", "see-through", what, action)]


def _settle_transmission(scan: RawScan) -> tuple[RawScan, list[ScanFinding]]:
    if all(m.transmission == 0 for m in scan.materials):
        return scan, []
    _, areas = face_normals_and_areas(scan.vertices, scan.faces)
    materials, findings = list(scan.materials), []
    channels = _TextureChannel(scan, "R")
    order = sorted(groups(scan.face_material).items(), key=lambda g: materials[g[0]].transmission_texture or "")
    for k, faces in ((k, faces) for k, faces in order if materials[k].transmission > 0):
        material, weights = materials[k], _weights(len(faces))
        passed = np.full((len(faces), len(weights)), material.transmission)
        if material.transmission_texture in scan.images and scan.corner_uv is not None:
            uv = np.einsum("sc,fcd->fsd", weights, scan.corner_uv[faces].astype(np.float64))
            uv = _as_it_lies(material, "transmission_texture", uv)
            passed *= channels.at(material.transmission_texture, uv)
        area = float(areas[faces].sum())
        share = float(((passed > _CLEAR).mean(axis=1) * areas[faces]).sum()) / max(area, 1e-300)
        metal = material.metallic == 1 and material.metallic_roughness_texture is None  # lets nothing through
        if share == 0 or metal:
            materials[k] = replace(material, transmission=0.0, transmission_texture=None)
        elif share > _LEAST_SHARE:
            kind = "transmission, with a volume" if material.thickness_m > 0 else "transmission, a thin wall"
            what = f"{share:.0%} of the material {material.name!r} lets light through ({kind})"
            findings.append(ScanFinding("warning", "see-through", what, "renders it so; labels count it as solid"))
    return replace(scan, materials=tuple(materials)), findings


def _alpha(scan: RawScan, material: Material, faces: npt.NDArray[np.int64], alphas: _TextureChannel) -> Floats:
    """(F, S) opacity at a lattice of points inside each face."""
    weights = _weights(len(faces))
    alpha = np.full((len(faces), len(weights)), material.base_color[3])
    if material.vertex_colors and scan.vertex_color is not None:
        alpha *= scan.vertex_color[scan.faces[faces], 3] / 255 @ weights.T
    if material.base_color_texture in scan.images and scan.corner_uv is not None:
        uv = np.einsum("sc,fcd->fsd", weights, scan.corner_uv[faces].astype(np.float64))
        alpha *= alphas.at(material.base_color_texture, uv)
    return alpha


def _as_it_lies(material: Material, key: str, uv: Floats) -> Floats:
    """UV of the mesh as that of one of its textures."""
    for transform in material.texture_transforms:
        if transform.key == key:
            matrix = np.array(transform.matrix).reshape(2, 3)
            return np.asarray(uv @ matrix[:, :2].T + matrix[:, 2])
    return uv


def _weights(faces: int) -> Floats:
    """(S, 3) barycentric weights of as many points in each of so many faces as there is time for."""
    return _lattice(min(_FINEST, max(1, int((2 * _MOST_SAMPLES / faces) ** 0.5))))


def _lattice(n: int) -> Floats:
    """(S, 3) barycentric weights of the centres of n² equal triangles' upright half: S = n (n + 1) / 2."""
    i, j = np.tril_indices(n)
    weights: Floats = np.stack([i - j, j, n - 1 - i], axis=1) + 1 / 3
    return weights / n


class _TextureChannel:
    """One channel of a scan's textures, A or R, of which the last one is kept decoded."""

    def __init__(self, scan: RawScan, band: Literal["A", "R"]) -> None:
        self._images, self._band = scan.images, band
        self._name: str | None = None
        self._channel: npt.NDArray[np.uint8] | None = None

    def at(self, name: str, uv: Floats) -> Floats:
        """Value of the nearest texel, repeating; 1 for images without. Raises InputError."""
        if name != self._name:
            decode = alpha_channel if self._band == "A" else _red_channel
            self._channel, self._name = decode(self._images[name], name), name
        return np.ones(uv.shape[:-1]) if self._channel is None else _nearest(self._channel, uv)


def _red_channel(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    return decode_rgb(data, name)[..., 0]


def _nearest(channel: npt.NDArray[np.uint8], uv: Floats) -> Floats:
    height, width = channel.shape
    place = uv - np.floor(uv)
    column = np.minimum((place[..., 0] * width).astype(np.int64), width - 1)
    row = np.minimum(((1 - place[..., 1]) * height).astype(np.int64), height - 1)
    result: Floats = channel[row, column] / 255.0
    return result
