"""What assets of a library are called, and which of them are one scan."""

from __future__ import annotations

import re
from pathlib import Path

from scanstage.assets.library.class_names import class_folder, class_name_of
from scanstage.assets.raw_scans.scan_pose import ScanPose

_SCAN = re.compile(r"(?P<name>.+?)(?:-pose-.+)?-(?P<file>[0-9a-f]{8})")


def asset_id_of(class_name: str, file_name: str, sha256: str, pose: ScanPose | None = None) -> str:
    """The id, below its library, of the asset that a scan file becomes: the same for copies of the same name.

    Args:
        class_name: of it.
        file_name, sha256: of the scan's file.
        pose: that it was taken in at; None for the one it is in.
    """
    name = re.sub(r"[^a-z0-9_-]+", "-", Path(file_name).stem.lower()).strip("-_")[:40] or "scan"
    posed = f"-{pose.slug}" if pose else ""
    return f"{class_folder(class_name_of(class_name))}/{name}{posed}-{sha256[:8]}"


def scan_of(asset_id: str) -> str:
    """What assets of one scan have in common, its poses, and the same under another class; else the id itself."""
    found = _SCAN.fullmatch(asset_id.rpartition("/")[2])
    return f"{found['name']}-{found['file']}" if found else asset_id
