"""What decides every picture of a run: two runs of one identity make the same pictures."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import sys
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue

PACKAGES = ("scanstage", "numpy", "embreex", "mujoco", "opencv-python", "OpenEXR", "pycocotools", "bpy")
SAME_PICTURES_SINCE = "0.7.0"
"""The first version that makes, of the same config and scans, the very pictures that this one makes. To be raised by
every change of plans, labels or pixels: a dataset is only gone on with by a version that makes the same."""
FREE_KEYS = ("images", "name", "workers", "fit", "survey")
"""Config keys that may change between runs into one folder without changing any picture."""


@dataclass(frozen=True)
class Aims:
    """Where a run is to end; in a balanced run that decides what its pictures show.

    Attributes:
        images: pictures in all; None where the targets decide.
        targets: labels or shares by class, of a balanced run.
    """

    images: int | None = None
    targets: dict[str, int | float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` holds it."""
        return {"images": self.images} | ({} if self.targets is None else {"targets": self.targets})


@dataclass(frozen=True)
class Identity:
    """What decides every picture.

    Attributes:
        config: resolved, without what changes no picture (:data:`FREE_KEYS`).
        classes: labelled ones, in the order of their ids.
        assets: digests of the scans that can be shown, by id.
        files: sizes in bytes of the files that the config names, by path.
        aims: where the run is to end.
        scanstage: the version since which the same input gives the same pictures.
    """

    config: dict[str, Any]
    classes: tuple[str, ...] = ()
    assets: dict[str, str] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    aims: Aims = Aims()
    scanstage: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` holds it."""
        return {
            "scanstage": self.scanstage,
            "config": self.config,
            "classes": list(self.classes),
            "assets": self.assets,
            "files": self.files,
            "aims": self.aims.to_json(),
        }


def identity(config: RunConfig, catalogue: Catalogue, aims: Aims = Aims()) -> Identity:
    """The identity of a run.

    Args:
        config: of the run.
        catalogue: its scans and files.
        aims: where it is to end.
    """
    assets = {asset.meta.asset_id: asset.digest()[:16] for asset in catalogue.scans}
    return Identity(_resolved(config), catalogue.label_classes, assets, catalogue.files, aims, SAME_PICTURES_SINCE)


def completed(config: dict[str, Any]) -> dict[str, Any]:
    """A config that ``run.json`` holds, with the defaults of keys that scanstage got after it was written.

    What isn't a config of today any more is given back as it is.
    """
    try:
        return _resolved(RunConfig.model_validate(config))
    except ValidationError:
        return config


def _resolved(config: RunConfig) -> dict[str, Any]:
    found = config.model_dump(mode="json", exclude={*FREE_KEYS})
    for key in ("threads", "device"):
        found["render"].pop(key)
    return found


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
