"""What an engine delivers for a plan, and how it is read from Blender's multilayer EXR files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenEXR

from scanstage.render.denoise.demodulated import AlbedoPasses, LightPasses
from scanstage.render.engine.soft_masks import SoftMask, ids_from_cryptomatte, soft_masks_from_cryptomatte

Float32Array = npt.NDArray[np.float32]


class BrokenPasses(Exception):
    """A file of passes is missing, truncated or lacks a pass; the message says which."""


@dataclass(frozen=True)
class Passes:
    """A rendered picture, before it is developed.

    With depth of field or motion blur, ids, depth and normals stay those of a pinhole at the middle of the exposure;
    radiance, alpha and soft masks are blurred.

    Attributes:
        radiance: (H, W, 3) float32, linear, scene-referred, Rec.709 primaries, multiplied by ``alpha``.
        alpha: (H, W) float32 in 0..1: how much of the pixel is covered; 1 everywhere where the world is the background.
            Composite over a background with ``radiance + (1 - alpha) * background``.
        instance_ids: (H, W) uint16, ``ObjectPlan.instance_id`` of what the pixel's centre sees, 0 for anything else.
        depth_m: (H, W) float32, metres along the camera's z axis (through a fisheye: along the pixel's ray), at the
            pixel's centre; ``inf`` where nothing is; or None where it wasn't asked for.
        normals: (H, W, 3) float32, world frame, of the shading (with relief and normal maps), 0 where nothing is; the
            mean over the pixel, shorter than 1 at edges, or with blur its centre's; or None where they weren't asked
            for.
        soft_masks: one for each object that is seen at all; or None where they weren't asked for.
    """

    radiance: Float32Array
    alpha: Float32Array
    instance_ids: npt.NDArray[np.uint16]
    depth_m: Float32Array | None = None
    normals: Float32Array | None = None
    soft_masks: tuple[SoftMask, ...] | None = None


# Blender writes this for pixels where no surface is.
_NO_DEPTH_M = 1e9
_ALBEDO_PASS = "albedo"  # as render/blender/scene/nodes/node_graph.py names it
# Passes of light until 4.5 are named by these, without spaces: DiffDir is Diffuse Direct.
_OLD_WORDS = {
    "Diffuse": "Diff",
    "Direct": "Dir",
    "Indirect": "Ind",
    "Color": "Col",
    "Emission": "Emit",
    "Environment": "Env",
}
_INDEX_PASSES = ("IndexOB.X", "Object Index.X")  # until 4.5, from 5.0


def read_passes(path: Path, names: Mapping[str, int] | None = None, wanted: tuple[str, ...] = ()) -> Passes:
    """Read the passes of one picture.

    Args:
        path: a multilayer OpenEXR file, of one part or many, as Blender 3.4 to 5.2 write it.
        names: instance ids by object name; needed only for what comes from a Cryptomatte: soft masks, and ids in files
            without object indices.
        wanted: further passes that must be there, of ``depth``, ``normals`` and ``soft_masks``.

    Raises:
        BrokenPasses: the file can't be read or lacks a pass.
    """
    return _passes(_channels(path), path, names or {}, wanted)


def _passes(channels: dict[str, Float32Array], path: Path, names: Mapping[str, int], wanted: tuple[str, ...]) -> Passes:
    combined = np.stack([_take(channels, path, f"Combined.{c}") for c in "RGBA"], axis=-1)
    depth = normals = None
    if "depth" in wanted:
        depth = _take(channels, path, "Depth.Z")
        depth = np.where(depth < _NO_DEPTH_M, depth, np.float32(np.inf))
    if "normals" in wanted:
        normals = np.stack([_take(channels, path, f"Normal.{c}") for c in "XYZ"], axis=-1)
    return Passes(
        radiance=np.ascontiguousarray(combined[..., :3]),
        alpha=np.clip(combined[..., 3], 0.0, 1.0),
        instance_ids=_instance_ids(channels, path, names),
        depth_m=depth,
        normals=normals,
        soft_masks=_soft_masks(channels, path, names) if "soft_masks" in wanted else None,
    )


def read_light(
    path: Path, samples: int, names: Mapping[str, int], wanted: tuple[str, ...], sky: bool = True
) -> tuple[Passes, LightPasses]:
    """Read a picture of ``samples`` paths a pixel, and with it the passes by which its light is denoised.

    ``sky``: whether the world is the picture's background; its pass is there either way. For the rest, and what is
    raised, see :func:`read_passes`.
    """
    channels = _channels(path)
    passes = _passes(channels, path, names, wanted)

    light = _color(channels, path, "Diffuse Direct") + _color(channels, path, "Diffuse Indirect")
    diffuse = light * _color(channels, path, "Diffuse Color")  # Cycles keeps both as means: their product is exact
    emission, seen = _color(channels, path, "Emission"), _albedo(channels, path, samples, sky)
    # Parts add up to the picture; what is left is reflected or let through. Asking for its parts would cost samples.
    glossy = passes.radiance - diffuse - emission - seen.sky
    return passes, LightPasses(diffuse, glossy, emission, seen, passes.instance_ids)


def read_albedo(path: Path, samples: int, sky: bool = True) -> AlbedoPasses:
    """Read a render of albedo and sky alone, see :func:`read_light`. Raises BrokenPasses."""
    return _albedo(_channels(path), path, samples, sky)


def _albedo(channels: dict[str, Float32Array], path: Path, samples: int, sky: bool) -> AlbedoPasses:
    albedo = np.stack([_take(channels, path, f"{_ALBEDO_PASS}.{c}") for c in "RGB"], axis=-1)
    alpha = np.clip(_take(channels, path, "Combined.A"), 0.0, 1.0)
    background = _color(channels, path, "Environment") if sky else np.zeros_like(albedo)
    return AlbedoPasses(albedo, background, alpha, samples)


def _color(channels: dict[str, Float32Array], path: Path, name: str) -> Float32Array:
    """An (H, W, 3) pass by its name since 5.0, or the one before."""
    stored = name if f"{name}.R" in channels else "".join(_OLD_WORDS[word] for word in name.split())
    return np.stack([_take(channels, path, f"{stored}.{c}") for c in "RGB"], axis=-1)


def with_sharp(blurred: Passes, sharp: Passes) -> Passes:
    """The passes of a blurred render, with ids, depth and normals of one of the same plan without blur."""
    return replace(blurred, instance_ids=sharp.instance_ids, depth_m=sharp.depth_m, normals=sharp.normals)


def _channels(path: Path) -> dict[str, Float32Array]:
    """All channels by name without the view layer's (``Combined.R``, ``Depth.Z`` …)."""
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            found = {
                name.partition(".")[2]: channel.pixels for part in file.parts for name, channel in part.channels.items()
            }
    except (RuntimeError, ValueError, IndexError, OSError) as e:
        raise BrokenPasses(f"{path}: can't read the passes ({e})") from e
    if not found:
        raise BrokenPasses(f"{path}: holds no passes; it may be cut short")
    if len({pixels.shape for pixels in found.values()}) != 1:
        raise BrokenPasses(f"{path}: its passes differ in size")
    return found


def _take(channels: dict[str, Float32Array], path: Path, name: str) -> Float32Array:
    if name not in channels:
        raise BrokenPasses(f"{path}: lacks the pass {name}; it has {', '.join(sorted(channels))}")
    return channels[name].astype(np.float32, copy=False)


def _instance_ids(channels: dict[str, Float32Array], path: Path, names: Mapping[str, int]) -> npt.NDArray[np.uint16]:
    for name in _INDEX_PASSES:
        if name in channels:
            return np.rint(channels[name]).astype(np.uint16)
    return ids_from_cryptomatte(_take(channels, path, "CryptoObject00.r"), names)


def _soft_masks(channels: dict[str, Float32Array], path: Path, names: Mapping[str, int]) -> tuple[SoftMask, ...]:
    _take(channels, path, "CryptoObject00.r")
    # An id and a coverage, twice in each of the Cryptomatte's layers.
    layers = sorted({name.partition(".")[0] for name in channels if name.startswith("CryptoObject")})
    pairs = [(f"{layer}.{i}", f"{layer}.{c}") for layer in layers for i, c in ("rg", "ba")]
    ranks = [(_take(channels, path, i), _take(channels, path, c)) for i, c in pairs]
    return soft_masks_from_cryptomatte(ranks, names)
