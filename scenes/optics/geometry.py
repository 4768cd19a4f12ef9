"""Rigid transforms, rotations and colour of light. Column vectors; matrices are ``a_to_b``: ``p_b = a_to_b @ p_a``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.scenes.plan import Matrix4, Rgb, Vector3

Float = npt.NDArray[np.float64]


def to_matrix4(matrix: Float) -> Matrix4:
    """A (4, 4) array as plain nested tuples, for plans."""
    rows = [tuple(float(x) for x in row) for row in np.asarray(matrix, np.float64)]
    return (rows[0], rows[1], rows[2], rows[3])  # type: ignore[return-value]


def to_vector3(values: Float) -> Vector3:
    """A (3,) array as a plain tuple, for plans and records."""
    x, y, z = values
    return float(x), float(y), float(z)


def rotation_z(angle: float) -> Float:
    """(3, 3) rotation about +Z, radians, counter-clockwise seen from above."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_from_quaternion(wxyz: Float) -> Float:
    """(3, 3) rotation of a unit quaternion (w, x, y, z)."""
    w, x, y, z = np.asarray(wxyz, np.float64) / np.linalg.norm(wxyz)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def random_rotation(rng: np.random.Generator) -> Float:
    """(3, 3) rotation, uniform over all orientations: a normalised 4D Gaussian as quaternion (Shoemake 1992)."""
    return rotation_from_quaternion(rng.normal(size=4))


def transform(rotation: Float, translation: Float, scale: Float | float = 1.0) -> Float:
    """(4, 4) matrix that scales (uniformly or per axis), then rotates, then moves."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.broadcast_to(np.asarray(scale, np.float64), (3,))
    matrix[:3, 3] = translation
    return matrix


def apply(matrix: Float, points: npt.NDArray[Any]) -> Float:
    """Transform (N, 3) points by a (4, 4) matrix."""
    return np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def direction(azimuth: float, elevation: float) -> Float:
    """Unit vector from a centre towards something seen at an azimuth and elevation (radians).

    Azimuth 0 lies on -Y (so that a camera there looks along +Y) and grows counter-clockwise seen from above.
    """
    return np.array(
        [math.cos(elevation) * math.sin(azimuth), -math.cos(elevation) * math.cos(azimuth), math.sin(elevation)]
    )


def reach_inside(start: Float, towards: Float, low: Float, high: Float) -> float:
    """How far one can go from ``start`` along the unit vector ``towards`` before leaving a box; at least 0.05 m."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(towards > 0, (high - start) / towards, (low - start) / towards)
    return max(0.05, float(np.nanmin(np.where(towards == 0, np.inf, ends))))


def look_at(eye: Float, target: Float, roll: float = 0.0) -> Float:
    """(4, 4) camera_to_world of an OpenCV camera (x right, y down, z forward) at ``eye`` that looks at ``target``.

    Without roll the picture's up is world +Z; looking straight up or down it is world +Y. ``roll`` turns the camera
    clockwise about its viewing axis (the picture turns counter-clockwise), radians. Raises ValueError where eye and
    target coincide.
    """
    forward = np.asarray(target, np.float64) - eye
    length = float(np.linalg.norm(forward))
    if length < 1e-9:
        raise ValueError("the camera's position and target coincide")
    forward /= length
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right * c + down * s, down * c - right * s, forward], axis=1)
    pose[:3, 3] = eye
    return pose


def aim_lamp(position: Float, target: Float) -> Float:
    """(4, 4) lamp_to_world of a lamp that shines along its own -Z towards ``target``."""
    camera = look_at(position, target)
    return camera @ np.diag([1.0, -1.0, -1.0, 1.0])


def blackbody_rgb(kelvin: float) -> Rgb:
    """Linear Rec.709 colour of a black body, brightest channel 1.

    CIE 1931 chromaticity of the Planckian locus by Kim et al. (2002, US patent 7,024,034; valid 1667 to 25000 K,
    clamped below), then xyY to linear Rec.709 (IEC 61966-2-1). Out-of-gamut components are clipped at 0.
    """
    t = min(max(kelvin, 1667.0), 25000.0)
    if t <= 4000:
        x = -0.2661239e9 / t**3 - 0.2343589e6 / t**2 + 0.8776956e3 / t + 0.179910
    else:
        x = -3.0258469e9 / t**3 + 2.1070379e6 / t**2 + 0.2226347e3 / t + 0.240390
    if t <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif t <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    to_rgb = np.array(
        [
            [3.2404542, -1.5371385, -0.4985314],
            [-0.9692660, 1.8760108, 0.0415560],
            [0.0556434, -0.2040259, 1.0572252],
        ]
    )
    rgb = np.clip(to_rgb @ xyz, 0.0, None)
    rgb /= rgb.max()
    return (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def srgb_to_linear(hex_color: str) -> Rgb:
    """``#rrggbb`` (sRGB) to linear Rec.709 in 0..1 (IEC 61966-2-1)."""
    linear = linear_from_srgb(np.frombuffer(bytes.fromhex(hex_color[1:]), np.uint8))
    return (float(linear[0]), float(linear[1]), float(linear[2]))
