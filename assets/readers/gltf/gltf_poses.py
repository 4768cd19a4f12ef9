"""An animation of a glTF file at a moment, written into the document's nodes (section 3.11 of the specification).

What then reads the document, this house's reader or Blender, finds nodes that stand in that pose.
"""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean
from scanstage.assets.raw_scans.scan_bounds import MAX_VERTICES
from scanstage.assets.raw_scans.scan_pose import FRAMES_A_SECOND, ScanPose
from scanstage.assets.readers.gltf.gltf_document import GltfDocument

Floats = npt.NDArray[np.float64]

_WIDTHS = {"translation": 3, "rotation": 4, "scale": 3}
_SHOWN = 8  # clips in a message
_SLACK_S = 1e-4  # beyond a clip's end: frames and seconds of the same moment differ in their last digits


def take_pose(document: GltfDocument, pose: ScanPose | None) -> None:
    """Pose the document's nodes, and note what it holds besides. Raises InputError for a pose that it doesn't have."""
    clips = _clips(document)
    if pose is None:
        if clips:
            named = _listed(document, clips)
            example = f"--pose {shlex.quote(_plain(next(iter(clips))) + ':0.5s')}"
            document.folder.note(
                "animation", f"holds {named}", f"takes the pose that its nodes stand in; {example} takes another"
            )
        return
    if not clips:
        raise InputError(f"has no animation to take {option('pose')} {pose.text} from", f"leave {option('pose')} out")
    name = _chosen(document, clips, pose)
    length = _length(document, clips[name])
    if pose.time_s > length + _SLACK_S:
        raise InputError(
            f"{option('pose')} {pose.text} is behind the end of its animation {name!r}: {_long(length)}",
            f"a frame is a whole number, at {FRAMES_A_SECOND} a second; seconds end in s, as in 0.5s",
        )
    _apply(document, clips[name], min(pose.time_s, length))
    document.folder.note("pose", f"{name!r} at {pose.time_s:.4g} s", "takes this pose", "info")


def _clips(document: GltfDocument) -> dict[str, dict[str, Any]]:
    """Animations by name, as importers number those without."""
    found: dict[str, dict[str, Any]] = {}
    for number, clip in enumerate(document.items("animations")):
        if isinstance(clip, dict):
            name = str(clip.get("name") or f"animation{number}")
            found[name if name not in found else f"{name}.{number}"] = clip
    return found


def _chosen(document: GltfDocument, clips: dict[str, dict[str, Any]], pose: ScanPose) -> str:
    if pose.clip is None and len(clips) == 1:
        return next(iter(clips))
    same = [name for name in clips if pose.clip and _plain(name) == _plain(pose.clip)]
    if len(same) == 1:
        return same[0]
    what = (
        f"holds several animations, and {option('pose')} {pose.text} names none"
        if pose.clip is None
        else f"has no animation {pose.clip!r}{did_you_mean(pose.clip, list(clips))}"
    )
    moment = pose.text.rpartition(":")[2]
    hint = f"it has {_listed(document, clips)}: {option('pose')} {_plain(next(iter(clips)))}:{moment}"
    raise InputError(what, hint)


def _plain(name: str) -> str:
    return " ".join(name.split())


def _listed(document: GltfDocument, clips: dict[str, dict[str, Any]]) -> str:
    names = [f"{name[:60]!r} ({_long(_length(document, clip))})" for name, clip in list(clips.items())[:_SHOWN]]
    more = f" and {len(clips) - _SHOWN:,} more" if len(clips) > _SHOWN else ""
    return f"{'the animation' if len(clips) == 1 else 'the animations'} {', '.join(names)}{more}"


def _long(seconds: float) -> str:
    return f"{seconds:.4g} s, frames 0 to {seconds * FRAMES_A_SECOND:.4g}"


def _length(document: GltfDocument, clip: dict[str, Any]) -> float:
    """Seconds up to its last key, by what accessors of times must declare; else by the times."""
    ends = [0.0]
    for index in {s.get("input") for s in clip.get("samplers", []) if isinstance(s.get("input"), int)}:
        accessor = document.item("accessors", index)
        last = accessor.get("max")
        if isinstance(last, list) and last and isinstance(last[0], int | float):
            ends.append(float(last[0]))
        else:
            times = document.floats(index)
            ends += [float(times.max())] if times.size else []
    return max(ends)


def _apply(document: GltfDocument, clip: dict[str, Any], time_s: float) -> None:
    samplers, left_out, work = clip.get("samplers", []), 0, 0
    for channel in clip.get("channels", []):
        target = channel.get("target", {})
        path, index, number = target.get("path"), target.get("node"), channel.get("sampler")
        if not isinstance(number, int) or not 0 <= number < len(samplers):
            raise InputError("an animation names a sampler that it doesn't have")
        if path not in (*_WIDTHS, "weights") or index is None:
            left_out += 1
            continue
        node, sampler = document.item("nodes", index), samplers[number]
        work += document.declared(sampler.get("output"))[0]
        if work > MAX_VERTICES:
            raise InputError("an animation has more keys than intake takes", "export just the clip that is meant")
        value = _sampled(document, sampler, path, time_s)
        if "matrix" in node and path != "weights":
            left_out += 1
        else:
            node[path] = value.tolist()
    if left_out:
        what = f"{left_out:,} channels of the animation move what isn't a node's place, turn, scale or shape"
        document.folder.note("animation", what, "leaves that as it is")


def _sampled(document: GltfDocument, sampler: dict[str, Any], path: str, time_s: float) -> Floats:
    """The value of a channel at a moment: (3,), (4,) or, of a morph, (targets,)."""
    times = document.floats(sampler.get("input"))[:, 0]
    values = document.floats(sampler.get("output"))
    kind = sampler.get("interpolation", "LINEAR")
    rows = 3 * len(times) if kind == "CUBICSPLINE" else len(times)
    width = _WIDTHS.get(path, values.size // rows if rows else 0)
    if not rows or values.size != rows * width or kind not in ("LINEAR", "STEP", "CUBICSPLINE"):
        raise InputError(f"an animation of {path} has another number of values than of times")
    if not np.isfinite(times).all() or (np.diff(times) < 0).any() or not np.isfinite(values).all():
        raise InputError(f"an animation of {path} has times or values that are none")
    keys = values.reshape(len(times), -1, width)
    before = int(np.clip(np.searchsorted(times, time_s, "right") - 1, 0, len(times) - 1))
    after = min(before + 1, len(times) - 1)
    span = float(times[after] - times[before])
    part = min(max((time_s - float(times[before])) / span, 0.0), 1.0) if span > 0 else 0.0
    if kind == "CUBICSPLINE":
        value = _spline(keys[before], keys[after], part, span)
    elif kind == "STEP" or part == 0:
        value = keys[before, 0]
    elif path == "rotation":
        value = _turned(keys[before, 0], keys[after, 0], part)
    else:
        value = keys[before, 0] + part * (keys[after, 0] - keys[before, 0])
    return _unit(value) if path == "rotation" else value


def _spline(first: Floats, second: Floats, s: float, span: float) -> Floats:
    """Between two keys of (tangent in, value, tangent out), appendix C.5: a Hermite cubic."""
    value: Floats = (
        (2 * s**3 - 3 * s**2 + 1) * first[1]
        + span * (s**3 - 2 * s**2 + s) * first[2]
        + (3 * s**2 - 2 * s**3) * second[1]
        + span * (s**3 - s**2) * second[0]
    )
    return value


def _turned(first: Floats, second: Floats, part: float) -> Floats:
    """Spherical linear interpolation of unit quaternions, the shorter way round (appendix C.4)."""
    cosine = float(first @ second)
    angle = float(np.arccos(min(abs(cosine), 1.0)))
    if angle < 1e-4:
        value: Floats = first + part * (np.copysign(1.0, cosine) * second - first)
        return value
    near, far = np.sin((1 - part) * angle), np.copysign(1.0, cosine) * np.sin(part * angle)
    value = (near * first + far * second) / np.sin(angle)
    return value


def _unit(quaternion: Floats) -> Floats:
    length = float(np.linalg.norm(quaternion))
    return quaternion / length if length > 0 else np.array([0.0, 0.0, 0.0, 1.0])
