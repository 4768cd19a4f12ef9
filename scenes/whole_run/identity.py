"""What decides every picture of a run: two runs of one identity make the same pictures."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import sys
from pathlib import Path
from typing import Any

from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.planning.preflight import named_files

PACKAGES = ("scanstage", "numpy", "embreex", "mujoco", "trimesh", "opencv-python", "OpenEXR", "pycocotools", "bpy")
FREE_KEYS = ("images", "name", "workers")
"""Config keys that may change between runs into one folder without changing any picture."""


def identity(config: RunConfig, catalogue: Catalogue, base: Path) -> dict[str, Any]:
    """What decides every picture: the config, resolved, the scans and files that it can show, and our own version."""
    resolved = config.model_dump(mode="json", exclude={*FREE_KEYS})
    for key in ("threads", "device"):
        resolved["render"].pop(key)
    assets = {asset.meta.asset_id: asset.digest()[:16] for group in catalogue.by_class.values() for asset in group}
    files = {str(p): p.stat().st_size for p in named_files(config, base)}
    return {
        "scanstage": own_version(),
        "config": resolved,
        "classes": list(catalogue.classes),
        "assets": assets,
        "files": files,
    }


def own_version() -> str:
    """scanstage's version; ``0`` where it runs from a checkout without being installed."""
    return versions().get("scanstage", "0")


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that matter."""
    found = {"python": sys.version.split()[0], "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = _version_of(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def _version_of(package: str) -> str:
    """Of an installed package; a package's metadata holds its whole README, which takes long to read."""
    return importlib.metadata.version(package)
