"""Images of untrusted scans: their size is known before a pixel is decoded, and a bad one is an InputError."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_JPEG_SCANS, MAX_PIXELS, MAX_PX, MAX_TEXTURES, MAX_WEBP_PX

DEFAULT_MAX_PX = 4096
# Nothing that runs another program (EPS starts Ghostscript) or holds many pictures.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "TGA", "WEBP", "PPM")
_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}
_PILLOW_LIMIT = threading.Lock()
_STRIP = 1 << 22  # pixels whose values are turned into bytes at a time


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
            most = MAX_WEBP_PX if image.format == "WEBP" else MAX_PX
            if max(image.size) > most or min(image.size) < 1:
                raise InputError(
                    f"{name}: an image of {image.size[0]} x {image.size[1]} pixels is refused",
                    f"scale it down to at most {most} pixels a side",
                )
            if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
                raise InputError(f"{name}: a JPEG with more than {MAX_JPEG_SCANS} passes is refused", "save it anew")
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


def pixel_count(data: bytes) -> int:
    """Pixels of an image by its header; 0 for what isn't one, which whoever decodes it will say."""
    try:
        width, height = image_size(data, "texture")
    except InputError:
        return 0
    return width * height


def check_textures(images: Mapping[str, bytes]) -> None:
    """Refuse more images, or more pixels in all, than a scan may have. Raises InputError."""
    if len(images) > MAX_TEXTURES:
        raise InputError(f"has {len(images):,} textures (at most {MAX_TEXTURES:,})", "join its textures")
    check_pixels(sum(pixel_count(data) for data in images.values()))


def check_pixels(total: int) -> None:
    """Refuse more pixels than all textures of a scan may have together. Raises InputError."""
    if total > MAX_PIXELS:
        raise InputError(
            f"its textures have {total / 1e9:.1f} thousand million pixels in all (at most {MAX_PIXELS / 1e9:.1f})",
            "scale them down",
        )


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
    if image.mode.startswith("I;16"):
        table = ((np.arange(1 << 16) + 128) // 257).astype(np.uint8)
        return _to_bytes(image, lambda values: table[values])
    if image.mode == "I":  # its peak decides on the scale: it may hold no more than 8 bits
        scale = 255 / 65535 if float(image.getextrema()[1]) > 255 else 1.0  # type: ignore[arg-type]
        return _to_bytes(image, lambda values: np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))
    if image.mode == "F":
        return _to_bytes(image, _bytes_of_floats)
    if image.mode in ("RGB", "RGBA", "L"):
        image.load()
        return image
    has_alpha = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _bytes_of_floats(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.clip(np.nan_to_num(values, posinf=1.0, neginf=0.0) * np.float32(255) + 0.5, 0, 255).astype(np.uint8)


def _to_bytes(image: Image.Image, convert: Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]]) -> Image.Image:
    """An image of numbers as one of bytes, in strips: floats of the whole take eight times its size, several times."""
    image.load()
    width, height = image.size
    result = Image.new("L", image.size)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        result.paste(Image.fromarray(convert(np.asarray(strip))), (0, top))
    return result


def _small(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    reduced = picture.reduce(max(1, max(picture.size) // 1024)) if max(picture.size) > 1024 else picture
    return np.asarray(reduced if reduced.mode in ("RGB", "RGBA") else reduced.convert("RGB"))


def decode_rgb(data: bytes, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(h, w, 3) uint8 pixels at full size. Raises InputError."""
    with open_image(data, name) as image:
        picture = _eight_bit(image)
        return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def alpha_channel(data: bytes, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """(h, w) uint8 opacity of an image; None for images without. Raises InputError."""
    with open_image(data, name) as image:
        if not _has_alpha(image):
            return None
        return np.asarray((image if image.mode == "RGBA" else image.convert("RGBA")).getchannel("A"))


def may_have_alpha(data: bytes) -> bool:
    """Whether an image has opacities, by its header; no for what isn't one, which whoever decodes it will say."""
    try:
        with open_image(data, "texture") as image:
            return _has_alpha(image)
    except InputError:
        return False


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def decode_rgba(data: bytes, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(h, w, 4) uint8 pixels, at most 4096 a side, channels kept apart; alpha 255 without. Raises InputError."""
    with open_image(data, name) as image:
        picture = _eight_bit(image).convert("RGBA")
    if max(picture.size) <= DEFAULT_MAX_PX:
        return np.asarray(picture)
    scale = DEFAULT_MAX_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    bands = [band.resize(size, Image.Resampling.BOX) for band in picture.split()]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def laid_out(data: bytes, name: str, columns: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> bytes:
    """PNG of the pixels at places of an image, in pixels (0.5 is the middle of the first). Raises InputError.

    Places between middles take the nearer pixel.
    """
    with open_image(data, name) as image:
        pixels = np.asarray(_eight_bit(image))
    y, x = (
        np.clip(np.floor(places).astype(np.int64), 0, side - 1)
        for places, side in zip((rows, columns), pixels.shape[:2], strict=True)
    )
    return _png(Image.fromarray(np.ascontiguousarray(pixels[y][:, x])))


def is_normal_map(data: bytes) -> bool:
    """Whether a picture is plainly a tangent-space normal map: on average (128, 128, 255), and unit vectors."""
    try:
        with open_image(data, "texture") as image:
            if image.mode not in ("RGB", "RGBA"):
                return False
            image.draft("RGB", (128, 128))
            opaque = image if image.mode == "RGB" else image.convert("RGB")
            rgb = np.asarray(opaque.resize((64, 64), Image.Resampling.BOX), dtype=np.float64)
    except InputError:
        return False
    mean = rgb.reshape(-1, 3).mean(axis=0)
    length = np.linalg.norm(rgb / 127.5 - 1.0, axis=-1)
    return bool(abs(mean[0] - 128) < 32 and abs(mean[1] - 128) < 32 and mean[2] > 180 and np.median(length) > 0.8)


def with_alpha(color: bytes, alpha: bytes) -> bytes | None:
    """PNG of ``color`` with the alpha (else the grey) of ``alpha``; None where that is opaque everywhere."""
    with open_image(alpha, "opacity texture") as image:
        has_alpha = image.mode in ("RGBA", "LA", "PA")
        whole = image.convert("RGBA") if image.mode == "PA" else image
        mask = whole.getchannel("A") if has_alpha else image.convert("L")
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
