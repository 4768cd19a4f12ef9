"""Named points and symmetries of a scan, from a small YAML file beside it.

::

    keypoints:
      spout: [0.102, 0.031, 0.09]     # in the scan file's own coordinates and unit
      handle: [-0.08, 0.031, 0.06]
    skeleton:                         # optional: which points belong together
      - [spout, handle]
    symmetries:                       # optional, and may stand alone; in the asset's frame and metres
      continuous: [{axis: z}]         # see :mod:`symmetry_declarations`

The file is named ``<stem of the scan>.keypoints.yaml``. Coordinates are those that the scan's vertices have in its
file, before intake turns, scales and moves them (glTF: in the scene; USD, FBX: in the glTF that Blender makes).
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from scanstage.assets.files.plain_yaml import PlainLoader, what_is_wrong
from scanstage.assets.messages.errors import InputError, Lines
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.raw_scans.scan_file import read_scan_file
from scanstage.assets.raw_scans.symmetry_declarations import DeclaredSymmetries, read_symmetries

SUFFIX = ".keypoints.yaml"
MOST = 1000
MOST_LINES = 10_000
MAX_BYTES = 1 << 20
KEYS = ("keypoints", "skeleton", "symmetries")
_MOST_PROBLEMS = 50
FAR = 0.1
"""Points farther from the mesh's bounding box than this share of its diagonal are worth a warning."""
_EXAMPLE = Lines.of(
    ["write for example:", "  keypoints:", "    handle: [0.1, 0.0, 0.05]", "  skeleton:", "    - [handle, lid]"]
)


@dataclass(frozen=True)
class Keypoints:
    """Named points, and what else the file of them says.

    Attributes:
        points: name to (x, y, z), in the order of the file.
        skeleton: pairs of names that belong together.
        symmetries: of the asset, in its own frame; None where the file declares none.
    """

    points: dict[str, tuple[float, float, float]]
    skeleton: tuple[tuple[str, str], ...] = ()
    symmetries: DeclaredSymmetries | None = None

    def array(self) -> npt.NDArray[np.float64]:
        """(K, 3) positions."""
        return np.array(list(self.points.values()), np.float64).reshape(-1, 3)

    def moved_to(self, positions: npt.NDArray[np.float64]) -> Keypoints:
        """The same names at (K, 3) other positions."""
        named = zip(self.points, positions, strict=True)
        return replace(self, points={n: (float(p[0]), float(p[1]), float(p[2])) for n, p in named})


def find_keypoints(scan: Path, given: Path | None = None) -> Keypoints | None:
    """The keypoints of a scan: those of the file ``given``, else of the one beside it, else None.

    Raises InputError where the file can't be used.
    """
    path = given or scan.with_name(scan.stem + SUFFIX)
    if given is None and not os.path.lexists(path):  # whatever it is that lies there, it is meant as such a file
        return None
    return read_keypoints(path)


def read_keypoints(path: Path) -> Keypoints:
    """Read a keypoint file. Raises InputError with all that is wrong in it."""
    try:
        content = yaml.load(read_scan_file(path, MAX_BYTES).decode("utf-8-sig"), Loader=PlainLoader)  # a SafeLoader
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: can't be read (byte {e.start} is not UTF-8)") from e
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise InputError(f"{path}: is not plain YAML ({what_is_wrong(e)})", _EXAMPLE) from e
    if isinstance(content, dict) and "symmetries" in content and not {"keypoints", "skeleton"} & set(content):
        content = {"keypoints": {}, **content}  # which may stand alone
    elif not isinstance(content, dict) or not isinstance(content.get("keypoints"), dict) or not content["keypoints"]:
        strange = ", ".join(repr(k)[:80] for k in content if k not in KEYS) if isinstance(content, dict) else ""
        got = f"; there is {strange}" if strange else ""
        raise InputError(f"{path}: keypoints: expected a mapping from names to [x, y, z]{got}", _EXAMPLE)
    problems = [_unknown(key) for key in itertools.islice((k for k in content if k not in KEYS), _MOST_PROBLEMS)]
    points = _points(content["keypoints"], problems)
    skeleton = _skeleton(content.get("skeleton"), content["keypoints"], problems)
    symmetries = read_symmetries(content["symmetries"], problems) if "symmetries" in content else None
    if problems:
        told = [*problems[:_MOST_PROBLEMS], *(["and more"] if len(problems) > _MOST_PROBLEMS else [])]
        raise InputError([f"{path}: {p}" for p in told], _EXAMPLE)
    return Keypoints(points, skeleton, symmetries)


def _unknown(key: Any) -> str:
    near = difflib.get_close_matches(str(key)[:100], KEYS, 1)
    return f"{str(key)[:80]}: unknown key{f'; did you mean {near[0]}?' if near else ''}"


def _points(given: dict[Any, Any], problems: list[str]) -> dict[str, tuple[float, float, float]]:
    points: dict[str, tuple[float, float, float]] = {}
    if len(given) > MOST:
        problems.append(f"keypoints: {len(given)} are more than an asset may have ({MOST})")
        return points
    for name, xyz in given.items():
        if len(problems) > _MOST_PROBLEMS:
            break
        if not isinstance(name, str) or not name.strip() or len(name) > 100 or not name.isprintable():
            problems.append(
                f"keypoints: {repr(name)[:100]} is no name (1 to 100 printable characters, in quotes if it is a number)"
            )
        elif not isinstance(xyz, list) or len(xyz) != 3 or not all(_is_number(v) for v in xyz):
            problems.append(f"keypoints.{name}: expected three finite numbers [x, y, z], got {_shown(xyz)}")
        else:
            points[name] = (float(xyz[0]), float(xyz[1]), float(xyz[2]))
    return points


def _shown(value: Any) -> str:
    """A value for a message; not the whole of what YAML's references may have blown up."""
    if isinstance(value, list) and len(value) <= 6 and not any(isinstance(v, (list, dict)) for v in value):
        return str(value)[:80]
    return repr(value)[:80] if isinstance(value, (str, int, float, type(None))) else f"a {type(value).__name__}"


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) < 1e12 and math.isfinite(value)


def _skeleton(given: Any, points: dict[Any, Any], problems: list[str]) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        problems.append("skeleton: expected a list of pairs of names")
        return ()
    if len(given) > MOST_LINES:
        problems.append(f"skeleton: {len(given)} are more pairs than an asset may have ({MOST_LINES})")
        return ()
    pairs = []
    known = [p for p in points if isinstance(p, str)]
    for i, pair in enumerate(given):
        if len(problems) > _MOST_PROBLEMS:  # each is looked for among all names
            break
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(n, str) for n in pair):
            problems.append(f"skeleton.{i}: expected a pair of names [a, b], got {_shown(pair)}")
            continue
        for name in pair:
            if name not in points:
                near = difflib.get_close_matches(name[:100], known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                problems.append(f"skeleton.{i}: there is no keypoint {repr(name)[:100]}{hint}")
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def keypoint_findings(keypoints: Keypoints, positions: npt.NDArray[np.float64]) -> list[ScanFinding]:
    """What there is to say about keypoints of a mesh, both in the same frame.

    Args:
        keypoints: the points.
        positions: (P, 3) of the mesh's vertices.
    """
    if not keypoints.points:
        return []
    count = f"{len(keypoints.points)} named points, {len(keypoints.skeleton)} lines of the skeleton"
    found = [ScanFinding("info", "keypoints", count, "keeps them")]
    low, high = positions.min(axis=0), positions.max(axis=0)
    points = keypoints.array()
    beyond = np.linalg.norm(np.maximum(np.maximum(low - points, points - high), 0.0), axis=1)
    diagonal = float(np.linalg.norm(high - low))
    for name, distance in zip(keypoints.points, beyond, strict=True):
        if distance > FAR * diagonal:
            what = f"{name!r} lies {distance / diagonal:.3g} times the scan's diagonal outside of it"
            action = "keeps it; check its unit and axes: they are those of the scan's file"
            found.append(ScanFinding("warning", "keypoints", what, action))
    return found
