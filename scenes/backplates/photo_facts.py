"""What is known of a photo besides its pixels: its EXIF data, and a YAML file beside it that a person wrote."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scanstage.assets.files.outside_files import open_outside, read_outside
from scanstage.assets.files.plain_yaml import PlainLoader, what_is_wrong
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.inputs.image_files import MAX_PHOTO_BYTES

SUFFIX = ".yaml"
MAX_SIDECAR_BYTES = 65_536
ORIENTATION, EXIF_IFD, FOCAL_35MM = 0x0112, 0x8769, 0xA405
SIDEWAYS = (5, 6, 7, 8)
FULL_FRAME_MM = 36.0
SHORTEST_MM, LONGEST_MM = 8, 600
STANDARD_LUMINANCE_SUM = 3688
"""Of the 64 steps of JPEG's example table for brightness (ITU-T T.81, table K.1)."""


class Sidecar(BaseModel):
    """``photo.yaml`` beside ``photo.jpg``; all shares are of the whole photo."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon: Annotated[float, Field(ge=-3, le=0.9)] | None = None
    fov_deg: Annotated[float, Field(ge=5, le=150)] | None = None
    height_m: Annotated[float, Field(ge=0.05, le=100)] | None = None
    floor: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _floor_has_an_area(self) -> Sidecar:
        if self.floor is not None and not (self.floor[0] < self.floor[2] and self.floor[1] < self.floor[3]):
            raise ValueError("floor: expected [left, top, right, bottom], left below right and top below bottom")
        return self


class PhotoFacts(BaseModel):
    """What is known of a photo.

    Attributes:
        size_wh: in pixels, turned upright.
        focal_px: of its pixels; None where nothing tells.
        jpeg_quality: 1 to 100, of libjpeg's scale; None where it is no JPEG.
        sidecar: empty where there is none.
    """

    model_config = ConfigDict(frozen=True)

    size_wh: tuple[int, int]
    focal_px: float | None
    jpeg_quality: int | None
    sidecar: Sidecar


@lru_cache(maxsize=4096)
def photo_facts(path: Path) -> PhotoFacts:
    """Raises InputError where the photo, or a YAML file beside it, can't be read or is wrong."""
    sidecar = read_sidecar(path)
    try:
        with warnings.catch_warnings(), open_outside(path, MAX_PHOTO_BYTES) as file:
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                width, height = image.size
                exif = image.getexif()
                sideways = exif.get(ORIENTATION) in SIDEWAYS
                focal_mm = exif.get_ifd(EXIF_IFD).get(FOCAL_35MM)
                tables = getattr(image, "quantization", None) if image.format == "JPEG" else None
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from None
    except Exception as e:  # Pillow's decoders raise whatever they like on broken files
        raise InputError(f"{path}: can't be read as an image ({e})") from None
    size = (height, width) if sideways else (width, height)
    focal = _focal_px(focal_mm, size) if sidecar.fov_deg is None else size[0] / 2 / math.tan(_half(sidecar.fov_deg))
    return PhotoFacts(size_wh=size, focal_px=focal, jpeg_quality=_quality(tables), sidecar=sidecar)


def _half(degrees: float) -> float:
    return math.radians(degrees) / 2


def _focal_px(focal_mm: object, size_wh: tuple[int, int]) -> float | None:
    """Of EXIF's focal length for 35 mm film, whose frame is 36 mm wide; 0 stands for unknown."""
    if not isinstance(focal_mm, int) or not SHORTEST_MM <= focal_mm <= LONGEST_MM:
        return None
    return max(size_wh) * focal_mm / FULL_FRAME_MM


def _quality(tables: dict[int, list[int]] | None) -> int | None:
    """On libjpeg's scale: it multiplies the example table by 50 / q below 50, and by 2 - q / 50 above."""
    if not tables or not tables.get(0):
        return None
    factor = sum(tables[0]) / STANDARD_LUMINANCE_SUM
    quality = 100 - 50 * factor if factor < 1 else 50 / factor
    return round(min(max(quality, 1), 100))


def read_sidecar(photo: Path) -> Sidecar:
    """What the YAML file beside a photo says. Raises InputError where that is wrong."""
    path = photo.with_suffix(SUFFIX)
    if not path.exists():
        return Sidecar()
    try:
        found = yaml.load(read_outside(path, MAX_SIDECAR_BYTES).decode("utf-8"), PlainLoader)
        return Sidecar.model_validate({} if found is None else found)
    except ValidationError as e:
        problems = [f"{path}: {'.'.join(str(p) for p in x['loc'])}: {x['msg']}" for x in e.errors()]
        raise InputError(problems, "known are horizon, fov_deg, height_m and floor (docs/backplates.md)") from None
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from None
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise InputError(f"{path}: can't be read as YAML ({what_is_wrong(e)})") from None
