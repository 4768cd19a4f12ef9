"""A real camera's calibration: read from the files that OpenCV, ROS and people write.

Understood are OpenCV's YAML (``camera_matrix`` and ``distortion_coefficients`` as ``!!opencv-matrix``), ROS's
``camera_info`` YAML (the same as ``data`` lists, with ``distortion_model``), and plain ``fx``, ``fy``, ``cx``, ``cy``
with ``width``, ``height`` and a ``distortion`` mapping as in a config.

OpenCV and ROS put the centre of the first pixel at (0, 0), scanstage puts it at (0.5, 0.5): half a pixel is added to
their principal point. Plain numbers are taken as they stand. ``pixel_center: 0`` or ``0.5`` in a file overrules either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from assets.errors import InputError
from scenes.config.camera import BrownConrady, CameraConfig, Distortion, Fisheye, Intrinsics

MAX_BYTES = 1_000_000
_MEND = "expected OpenCV's or ROS's calibration YAML, or fx, fy, cx, cy, width, height"
_MATRIX = ("camera_matrix", "cameraMatrix", "K", "M")
_COEFFICIENTS = ("distortion_coefficients", "dist_coeffs", "distCoeffs", "dist_coeff", "D")
_SIZES = (("image_width", "image_height"), ("width", "height"))
_FISHEYE_NAMES = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")
_BROWN_NAMES = ("plumb_bob", "rational_polynomial", "radtan", "brown_conrady", "opencv")
_ASPECT_TOLERANCE = 0.002


@dataclass(frozen=True)
class Calibration:
    """What a calibration file says; what it doesn't say is None. ``intrinsics`` is in scanstage's convention."""

    intrinsics: Intrinsics
    resolution_wh: tuple[int, int] | None
    distortion: BrownConrady | Fisheye | None


class _Loader(yaml.SafeLoader):
    """Plain data, and OpenCV's matrices as mappings."""


def _matrix(loader: yaml.SafeLoader, node: Any) -> Any:
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _matrix)


def calibrated(camera: CameraConfig, base: Path) -> CameraConfig:
    """The camera with the numbers of its calibration file in place of the file's name.

    Args:
        camera: as configured. Its own ``resolution`` and ``distortion``, where given, stand above the file's: at
            another resolution of the same proportions, the matrix is scaled.
        base: folder that the path is relative to.

    Raises:
        InputError: the file is missing, isn't a calibration, or its proportions are others than the resolution's.
    """
    if not isinstance(camera.intrinsics, Path):
        return camera
    path = (base / camera.intrinsics.expanduser()).resolve()
    found = read_calibration(path)
    given = camera.model_fields_set
    resolution = camera.resolution if "resolution" in given else found.resolution_wh
    if resolution is None:
        raise InputError(f"{path}: says no image size", "add width and height to it, or give camera.resolution")
    intrinsics = _scaled(found, resolution, path)
    distortion = camera.distortion if "distortion" in given else found.distortion
    update = {"intrinsics": intrinsics, "resolution": resolution, "distortion": distortion}
    try:
        return CameraConfig.model_validate({**camera.model_dump(exclude_unset=True), **_dumped(update)})
    except ValidationError as e:
        raise InputError([f"{path}: {x['msg']}" for x in e.errors()], _MEND) from None


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises InputError where it isn't one."""
    data = _read(path)
    matrix = next((data[k] for k in _MATRIX if k in data), None)
    try:
        if matrix is not None:
            fx, fy, cx, cy = _from_matrix(_numbers(matrix))
            center = 0.0
        else:
            fx, cx, cy = (float(data[k]) for k in ("fx", "cx", "cy"))
            fy, center = float(data.get("fy", fx)), 0.5
        shift = 0.5 - float(data.get("pixel_center", center))
        intrinsics = Intrinsics(fx=fx, fy=fy, cx=cx + shift, cy=cy + shift)
        return Calibration(intrinsics, _resolution(data), _distortion(data))
    except KeyError as e:
        raise InputError(f"{path}: has neither camera_matrix nor {e.args[0]}", _MEND) from None
    except ValidationError as e:
        raise InputError([f"{path}: {'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors()], _MEND) from None
    except (TypeError, ValueError) as e:
        raise InputError(f"{path}: {e}", _MEND) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: too large for a calibration", _MEND)
        text = path.read_text("utf-8")
    except OSError as e:
        mend = "paths in a config are relative to the config's own folder"
        raise InputError(f"camera.intrinsics: {path}: {e.strerror or e}", mend) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file", _MEND) from None
    # OpenCV writes "%YAML:1.0", which YAML itself doesn't allow.
    lines = [line for line in text.splitlines() if not line.startswith("%YAML")]
    try:
        data = yaml.load("\n".join(lines), Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(e).split())}", _MEND) from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds no calibration", _MEND)
    return data


def _numbers(value: Any) -> list[float]:
    """The numbers of a matrix: ``{rows, cols, data: […]}``, a list, or a list of rows."""
    values = value.get("data") if isinstance(value, dict) else value
    if not isinstance(values, list):
        raise ValueError(f"expected a matrix, got {value!r}")
    flat = [x for row in values for x in (row if isinstance(row, list) else [row])]
    numbers = [float(x) for x in flat]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a matrix holds numbers that are not finite")
    return numbers


def _from_matrix(k: Sequence[float]) -> tuple[float, float, float, float]:
    if len(k) != 9:
        raise ValueError(f"the camera matrix has {len(k)} numbers, expected 9")
    if abs(k[1]) > 1e-6 * k[0]:
        raise ValueError(f"the camera matrix has skew ({k[1]:g}), which no engine renders")
    return k[0], k[4], k[2], k[5]


def _resolution(data: dict[str, Any]) -> tuple[int, int] | None:
    for width, height in _SIZES:
        if width in data and height in data:
            return int(data[width]), int(data[height])
    return None


def _distortion(data: dict[str, Any]) -> BrownConrady | Fisheye | None:
    own = {k: data[k] for k in ("model", *BrownConrady.model_fields) if k in data}
    if "distortion" in data or own:
        plain: BrownConrady | Fisheye = TypeAdapter(Distortion).validate_python(data.get("distortion", own))
        return plain
    listed = next((data[k] for k in _COEFFICIENTS if k in data), None)
    if listed is None:
        return None
    numbers = _numbers(listed)
    model = str(data.get("distortion_model", "")).lower()
    if model and model not in (*_FISHEYE_NAMES, *_BROWN_NAMES, "none"):
        raise ValueError(
            f"distortion_model {model!r} is not known; one of {', '.join((*_BROWN_NAMES, *_FISHEYE_NAMES))}"
        )
    if model in _FISHEYE_NAMES or data.get("fisheye_model") in (1, True):
        if len(numbers) != 4:
            raise ValueError(f"a fisheye has 4 coefficients, got {len(numbers)}")
        return Fisheye(**dict(zip(("k1", "k2", "k3", "k4"), numbers, strict=True)))
    if len(numbers) > 8 and any(numbers[8:]):
        raise ValueError("thin prism and tilted sensor coefficients are not supported; calibrate without them")
    names = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    return BrownConrady(**dict(zip(names, numbers[:8], strict=False))) if any(numbers) else None


def _scaled(found: Calibration, resolution: tuple[int, int], path: Path) -> Intrinsics:
    numbers = found.intrinsics
    if found.resolution_wh is None or found.resolution_wh == resolution:
        return numbers
    (width, height), (own_width, own_height) = resolution, found.resolution_wh
    x, y = width / own_width, height / own_height
    if abs(x / y - 1) > _ASPECT_TOLERANCE:
        raise InputError(
            f"camera.resolution is {width} x {height}, but {path} was calibrated at {own_width} x {own_height}",
            "give a resolution of the same proportions, or none: the file's is used then",
        )
    return Intrinsics(**{k: float(getattr(numbers, k)) * s for k, s in (("fx", x), ("fy", y), ("cx", x), ("cy", y))})


def _dumped(update: dict[str, Any]) -> dict[str, Any]:
    return {k: v.model_dump() if hasattr(v, "model_dump") else v for k, v in update.items()}
