"""A scan whose colours all lay in textures that aren't there comes in only if that is asked for."""

from __future__ import annotations

import numpy as np

from scanstage.assets.asset import Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.raw_scan import RawScan

_LEAST_CHROMA = 0.03  # between channels, of linear light


def check_colors_are_there(scan: RawScan) -> None:
    """Raises InputError where textures of a scan's colours are named, none is there, and it has no other colours."""
    if not scan.lost_textures or scan.vertex_color is not None:
        return
    if any(m.base_color_texture for m in scan.materials):
        return
    used = set(np.unique(scan.face_material).tolist())
    if any(_is_colorful(m) for k, m in enumerate(scan.materials) if k in used and m.name not in scan.uncolored):
        return
    missing = [f.what for f in scan.findings if f.topic.startswith("missing ")]
    told = "; ".join(missing[:3]) or ", ".join(scan.lost_textures[:3])
    raise InputError(
        f"would lose all of its colours: {told}",
        "copy what is missing beside the scan, or name the folder that holds both; "
        f"{option('allow_plain')} takes it in plain",
    )


def _is_colorful(material: Material) -> bool:
    """Whether a plain material has a colour that somebody gave it; many have a grey that nobody chose."""
    rgb = material.base_color[:3]
    return max(rgb) - min(rgb) > _LEAST_CHROMA or max(material.emissive) - min(material.emissive) > _LEAST_CHROMA
