"""A picture that a scan doesn't name."""

from __future__ import annotations

from scanstage.assets.raw_scans.scan_folder import ScanFolder


def beside_texture(folder: ScanFolder) -> tuple[str, bytes] | None:
    """The image of the scan's own name, for scans that name no texture at all; noted as a finding."""
    for suffix in (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"):
        name = folder.source.stem + suffix
        if folder.has(name) and (data := folder.read(f"./{name}", "texture")) is not None:
            what = f"names no texture, but {name} lies beside it"
            folder.note("texture", what, f"takes {name} as the base colour", "info")
            return name, data
    return None
