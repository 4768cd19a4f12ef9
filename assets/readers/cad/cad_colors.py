"""What CAD files say of colours."""

from __future__ import annotations

from scanstage.assets.raw_scans.raw_scan import ScanFinding


def uncolored(triangles: int) -> ScanFinding:
    """That so many triangles have no colour, where others have one."""
    what = f"shapes without a colour beside coloured ones: {triangles:,} triangles"
    return ScanFinding("info", "color", what, "makes them plain grey")
