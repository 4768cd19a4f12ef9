"""A real camera's calibration: read from the files that OpenCV, ROS, Kalibr and people write.

Understood are OpenCV's YAML, JSON and XML (``camera_matrix`` and ``distortion_coefficients`` as ``!!opencv-matrix``),
ROS's ``camera_info`` YAML (the same as ``data`` lists, with ``distortion_model``) and echoed message, Kalibr's camchain
of one camera, and plain ``fx``, ``fy``, ``cx``, ``cy`` with ``width``, ``height`` and a ``distortion`` mapping as in a
config.

OpenCV, ROS and Kalibr put the centre of the first pixel at (0, 0), scanstage puts it at (0.5, 0.5): half a pixel is
added to their principal point. Plain numbers are taken as they stand. ``pixel_center: 0`` or ``0.5`` in a file
overrules either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from scanstage.assets.files.outside_files import read_outside
from scanstage.assets.files.plain_yaml import PlainLoader
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import bounded, listed, shortened, shown
from scanstage.scenes.config.opencv_xml import read_opencv_xml
from scanstage.scenes.config.plain_nodes import NotPlain, compose, dotted
from scanstage.scenes.config.sections.camera_settings import BrownConrady, CameraConfig, Distortion, Fisheye, Intrinsics
from scanstage.scenes.inputs.image_files import located
from scanstage.scenes.values.bounded_numbers import take_count, take_number

MAX_BYTES = 1_000_000
_LARGEST_SIDE = 100_000
_HINT = "expected OpenCV's, ROS's or Kalibr's calibration, or fx, fy, cx, cy, width, height"
_MATRIX = ("camera_matrix", "cameraMatrix", "K", "M", "k", "mtx")
_COEFFICIENTS = (
    *("distortion_coefficients", "distortion_coeffs", "dist_coeffs", "distCoeffs", "dist_coeff", "D", "d", "dist"),
)
_SIZES = (("image_width", "image_height"), ("width", "height"))
_SIZE_PAIRS = ("image_size", "imageSize", "resolution", "image_resolution")
_OPENCV_COUNTS = (4, 5, 8, 12, 14)
_FISHEYE_NAMES = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")
_BROWN_NAMES = ("plumb_bob", "rational_polynomial", "radtan", "brown_conrady", "opencv")
_ASPECT_TOLERANCE = 0.002


@dataclass(frozen=True)
class Calibration:
    """What a calibration file says; what it doesn't say is None. ``intrinsics`` is in scanstage's convention."""

    intrinsics: Intrinsics
    resolution_wh: tuple[int, int] | None
    distortion: BrownConrady | Fisheye | None


class _Loader(PlainLoader):
    """Plain data with numbers as a config has them, and OpenCV's matrices as mappings."""


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
    path = located(camera.intrinsics, base)
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
        raise _invalid(e, path) from None


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises InputError where it isn't one."""
    data: dict[Any, Any] = {}
    try:
        data = _one_camera(_read(path), path)
        matrix = next((data[k] for k in _MATRIX if k in data), None)
        if matrix is not None:
            fx, fy, cx, cy = _from_matrix(_numbers(matrix, "the camera matrix"))
            center = 0.0
        elif "intrinsics" in data:
            fx, fy, cx, cy = _from_kalibr(data)
            center = 0.0
        else:
            fx, cx, cy = (take_number(data[k], k) for k in ("fx", "cx", "cy"))
            fy, center = take_number(data.get("fy", fx), "fy"), 0.5
        shift = 0.5 - take_number(data.get("pixel_center", center), "pixel_center")
        intrinsics = Intrinsics(fx=fx, fy=fy, cx=cx + shift, cy=cy + shift)
        return Calibration(intrinsics, _resolution(data), _distortion(data))
    except KeyError as e:
        has = listed(data) or "nothing"
        raise InputError(f"{path}: has neither camera_matrix nor {e.args[0]}, but {has}", _HINT) from None
    except ValidationError as e:
        raise _invalid(e, path) from None
    except (TypeError, ValueError) as e:
        raise InputError(f"{path}: {e}", _HINT) from None


def _read(path: Path) -> dict[Any, Any]:
    try:
        text = read_outside(path, MAX_BYTES).decode("utf-8")
    except OSError as e:
        hint = "paths in a config are relative to the config's own folder"
        raise InputError(f"camera.intrinsics: {path}: can't be read ({e.strerror or e})", hint) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file", _HINT) from None
    if text.lstrip("\ufeff \n").startswith(("<?xml", "<opencv_storage")):
        data: Any = read_opencv_xml(text.lstrip("\ufeff \n"))
    else:
        # OpenCV writes "%YAML:1.0", which YAML itself doesn't allow.
        data = _plain("\n".join(line for line in text.splitlines() if not line.startswith("%YAML")), path)
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: holds no calibration", _HINT)
    return data


def _plain(text: str, path: Path) -> Any:
    """The first document of YAML or JSON: what ROS echoes is followed by the next message. Raises InputError."""
    try:
        node = compose(text, _Loader, first_only=True)
        return None if node is None else _Loader("").construct_document(node)
    except NotPlain as e:
        raise InputError(f"{path}{e}", _HINT) from None
    except (yaml.YAMLError, ValueError, OverflowError) as e:
        raise InputError(f"{path}: not valid YAML: {shortened(' '.join(str(e).split()))}", _HINT) from None


def _one_camera(data: dict[Any, Any], path: Path) -> dict[Any, Any]:
    """Kalibr nests each camera of a chain: ``cam0: {…}``."""
    cameras = {
        k: v for k, v in data.items() if isinstance(k, str) and re.fullmatch(r"cam\d+", k) and isinstance(v, dict)
    }
    if len(cameras) > 1:
        raise InputError(f"{path}: holds {len(cameras)} cameras: {listed(cameras)}", "make a file of the one wanted")
    return next(iter(cameras.values()), data)


def _numbers(value: Any, what: str) -> list[float]:
    """The numbers of a matrix: ``{rows, cols, data: […]}``, a list, or a list of rows."""
    values = value.get("data") if isinstance(value, dict) else value
    if not isinstance(values, list):
        raise ValueError(f"{what} is {shown(values)}, expected a matrix")
    flat = [x for row in values for x in (row if isinstance(row, list) else [row])]
    return [take_number(x, f"a number of {what}") for x in flat]


def _from_matrix(k: Sequence[float]) -> tuple[float, float, float, float]:
    if len(k) != 9:
        raise ValueError(f"the camera matrix has {len(k)} numbers, expected 9")
    if not (k[0] > 0 and k[4] > 0):
        raise ValueError(f"the camera matrix has the focal lengths {k[0]:g} and {k[4]:g}, expected positive ones")
    if abs(k[1]) > 1e-6 * k[0]:
        raise ValueError(f"the camera matrix has skew ({k[1]:g}), which no engine renders")
    return k[0], k[4], k[2], k[5]


def _invalid(error: ValidationError, path: Path) -> InputError:
    return InputError(bounded([f"{path}: {dotted(x['loc'])}: {shortened(x['msg'])}" for x in error.errors()]), _HINT)


def _from_kalibr(data: dict[Any, Any]) -> tuple[float, float, float, float]:
    if (model := data.get("camera_model", "pinhole")) != "pinhole":
        raise ValueError(f"camera_model {shown(model)} is not supported; calibrate with pinhole-radtan or pinhole-equi")
    numbers = _numbers(data["intrinsics"], "intrinsics")
    if len(numbers) != 4:
        raise ValueError(f"intrinsics has {len(numbers)} numbers, expected fx, fy, cx, cy")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _resolution(data: dict[Any, Any]) -> tuple[int, int] | None:
    pairs: list[tuple[Any, ...]] = [
        (data[width], data[height]) for width, height in _SIZES if width in data and height in data
    ]
    pairs += [tuple(_numbers(data[k], k)) for k in _SIZE_PAIRS if k in data]
    if not pairs:
        return None
    try:
        width, height = (take_count(x, "a size", 1, _LARGEST_SIDE) for x in pairs[0])
    except ValueError:
        size = " x ".join(map(shown, pairs[0][:3]))
        raise ValueError(f"the image size is {size}, expected two whole numbers from 1 to {_LARGEST_SIDE}") from None
    return width, height


def _distortion(data: dict[Any, Any]) -> BrownConrady | Fisheye | None:
    coefficients = next((data[k] for k in _COEFFICIENTS if k in data), None)
    own = {k: data[k] for k in ("model", *BrownConrady.model_fields) if k in data} if coefficients is None else {}
    if "distortion" in data or own:
        plain: BrownConrady | Fisheye = TypeAdapter(Distortion).validate_python(data.get("distortion", own))
        return plain
    if coefficients is None:
        return None
    numbers = _numbers(coefficients, "the distortion")
    given = data.get("distortion_model", "")
    model = given.lower() if isinstance(given, str) else shown(given)
    if model and model not in (*_FISHEYE_NAMES, *_BROWN_NAMES, "none"):
        raise ValueError(
            f"distortion_model {shown(model)} is not known; one of {', '.join((*_BROWN_NAMES, *_FISHEYE_NAMES))}"
        )
    if model in _FISHEYE_NAMES or data.get("fisheye_model") in (1, True):
        if len(numbers) != 4:
            raise ValueError(f"a fisheye has 4 coefficients, got {len(numbers)}")
        return Fisheye(**dict(zip(("k1", "k2", "k3", "k4"), numbers, strict=True)))
    if numbers and len(numbers) not in _OPENCV_COUNTS:
        counts = ", ".join(map(str, _OPENCV_COUNTS))
        raise ValueError(f"there are {len(numbers)} distortion coefficients; OpenCV's models have {counts}")
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
