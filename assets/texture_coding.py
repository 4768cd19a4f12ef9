"""Images of untrusted scans: their size is known before a pixel is decoded, and a bad one is an InputError."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from assets.errors import InputError

MAX_SIDE = 16384  # the largest texture that photogrammetry tools write; 16384 x 16384 RGB decodes to 0.8 GB
DEFAULT_MAX_PX = 4096
# Nothing that runs another program (EPS starts Ghostscript) or holds many pictures.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "TGA", "WEBP", "PPM")
_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}
_PILLOW_LIMIT = threading.Lock()


@dataclass(frozen=True)
class CodedTexture:
    """An image ready for an asset's folder.

    Attributes:
        data: PNG or JPEG bytes.
        suffix: ``.png`` or ``.jpg``.
        size_wh: pixels, after scaling.
        source_wh: pixels, before.
        pixels: (h, w, 3 or 4) uint8, at most 1024 px a side, for thumbnails.
    """

    data: bytes
    suffix: str
    size_wh: tuple[int, int]
    source_wh: tuple[int, int]
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@contextmanager
def open_image(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open an encoded image without decoding it. Raises InputError, naming ``name``, if it is broken or too big."""
    # Pillow's own bound is lower than real textures and can only be set globally; ours is checked just below.
    with _PILLOW_LIMIT, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            if max(image.size) > MAX_SIDE or min(image.size) < 1:
                raise InputError(
                    f"{name}: an image of {image.size[0]} x {image.size[1]} pixels is refused",
                    f"scale it down to at most {MAX_SIDE} pixels a side",
                )
            yield image
        except InputError:
            raise
        except Exception as e:  # decoders raise anything on crafted files
            reason = "not an image of a known kind" if isinstance(e, UnidentifiedImageError) else e
            raise InputError(
                f"{name}: can't be read as an image ({reason})", "export the texture anew as PNG or JPEG"
            ) from e
        finally:
            Image.MAX_IMAGE_PIXELS = before


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """(width, height) from the header alone. Raises InputError."""
    with open_image(data, name) as image:
        return image.size


def code_texture(data: bytes, name: str, max_px: int, color: bool, keep_alpha: bool) -> CodedTexture:
    """Make an image fit for an asset: 8 bits, at most ``max_px`` a side, PNG or JPEG. Good files keep their bytes.

    Args:
        data: encoded image.
        name: for messages.
        max_px: longest side allowed; larger ones are reduced with a Lanczos filter.
        color: a colour picture (16-bit ones become 8-bit sRGB bytes); False for data such as normals.
        keep_alpha: False drops an alpha channel that the material doesn't use when the image is written anew.

    Raises InputError for a broken or oversized image.
    """
    with open_image(data, name) as image:
        source_wh = image.size
        deep = image.format == "PNG" and data[24:25] == b"\x10"  # 16 bits, which Pillow reads as 8
        plain = image.format in _SUFFIX and image.mode in ("RGB", "RGBA", "L") and not deep
        if max(source_wh) > max_px and image.format == "JPEG":
            image.draft("RGB", (max_px, max_px))  # libjpeg decodes at a fraction of the size
        picture = _eight_bit(image)
    if plain and max(source_wh) <= max_px and source_wh == picture.size:
        return CodedTexture(data, _SUFFIX[str(image.format)], source_wh, source_wh, _small(picture))
    if max(picture.size) > max_px:
        scale = max_px / max(picture.size)
        target = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(target, Image.Resampling.LANCZOS)
    if picture.mode == "RGBA" and not keep_alpha:
        picture = picture.convert("RGB")
    buffer = io.BytesIO()
    if image.format == "JPEG" and color:
        picture.convert("RGB").save(buffer, "JPEG", quality=95, subsampling=0)
        return CodedTexture(buffer.getvalue(), ".jpg", picture.size, source_wh, _small(picture))
    picture.save(buffer, "PNG", compress_level=1)
    return CodedTexture(buffer.getvalue(), ".png", picture.size, source_wh, _small(picture))


def _eight_bit(image: Image.Image) -> Image.Image:
    """Decode to 8-bit RGB, RGBA or L."""
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image).astype(np.float64)
        peak = 65535.0 if image.mode != "I" or values.max() > 255 else 255.0
        return Image.fromarray(np.clip(values / peak * 255 + 0.5, 0, 255).astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        return Image.fromarray(np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8))
    if image.mode in ("RGB", "RGBA", "L"):
        image.load()
        return image.copy()
    has_alpha = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _small(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    reduced = picture.reduce(max(1, max(picture.size) // 1024)) if max(picture.size) > 1024 else picture
    return np.asarray(reduced if reduced.mode in ("RGB", "RGBA") else reduced.convert("RGB"))


def decode_rgb(data: bytes, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(h, w, 3) uint8 pixels at full size. Raises InputError."""
    with open_image(data, name) as image:
        return np.asarray(_eight_bit(image).convert("RGB"))


def is_normal_map(data: bytes) -> bool:
    """Whether a picture is plainly a tangent-space normal map: on average (128, 128, 255), and unit vectors."""
    try:
        with open_image(data, "texture") as image:
            if image.mode not in ("RGB", "RGBA"):
                return False
            image.draft("RGB", (128, 128))
            rgb = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BOX), dtype=np.float64)
    except InputError:
        return False
    mean = rgb.reshape(-1, 3).mean(axis=0)
    length = np.linalg.norm(rgb / 127.5 - 1.0, axis=-1)
    return bool(abs(mean[0] - 128) < 32 and abs(mean[1] - 128) < 32 and mean[2] > 180 and np.median(length) > 0.8)


def with_alpha(color: bytes, alpha: bytes) -> bytes | None:
    """PNG of ``color`` with the alpha (else the grey) of ``alpha``; None where that is opaque everywhere."""
    with open_image(alpha, "opacity texture") as image:
        has_alpha = image.mode in ("RGBA", "LA", "PA")
        mask = image.convert("RGBA").getchannel("A") if has_alpha else image.convert("L")
    if color == alpha and not has_alpha:
        return None
    if mask.getextrema()[0] == 255:
        return None
    with open_image(color, "texture") as image:
        picture = image.convert("RGB")
    picture.putalpha(mask.resize(picture.size, Image.Resampling.BILINEAR))
    return _png(picture)


def pack_channels(green: bytes | None, blue: bytes | None) -> bytes | None:
    """PNG with roughness in G and metallic in B (glTF's layout); a missing one is 255 (factors apply)."""
    pictures: list[Image.Image | None] = []
    for data in (green, blue):
        if data is None:
            pictures.append(None)
            continue
        with open_image(data, "roughness or metallic texture") as image:
            pictures.append(_eight_bit(image).convert("L"))
    first = next((p for p in pictures if p is not None), None)
    if first is None:
        return None
    full = Image.new("L", first.size, 255)
    g, b = (full if p is None else p.resize(first.size, Image.Resampling.BILINEAR) for p in pictures)
    return _png(Image.merge("RGB", (full, g, b)))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
