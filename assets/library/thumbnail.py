"""A small picture of an asset, drawn by casting rays: no Blender needed to see what came in."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from PIL import Image

from scanstage.assets.asset import Material, MeshArrays
from scanstage.assets.library.surface_look import Floats, Pixels, base_color, shading_normals
from scanstage.assets.textures.srgb import srgb_bytes

SIZE_PX = 256
_OVERSAMPLING = 2
_AZIMUTH, _ELEVATION, _FOV = np.radians(-60.0), np.radians(24.0), np.radians(28.0)
_BACKGROUND = 0.80  # linear grey of the ground
_KEY = np.array([0.35, -0.55, 0.76]) / np.linalg.norm([0.35, -0.55, 0.76])
_SHADOW_RAYS = 6


def draw_thumbnail(mesh: MeshArrays, materials: tuple[Material, ...], pixels: dict[str, Pixels]) -> bytes:
    """JPEG of 256 x 256 pixels: the asset from the front left and above, on a light grey ground.

    Args:
        mesh: the asset's arrays.
        materials: the asset's materials.
        pixels: decoded base-colour textures by the name that the materials use, (h, w, 3 or 4) uint8 sRGB.
    """
    scene = rtcore_scene.EmbreeScene()
    triangles = np.ascontiguousarray(mesh.vertices[mesh.faces], dtype=np.float32)
    TriangleMesh(scene, triangles)
    n = SIZE_PX * _OVERSAMPLING
    origins, directions = _camera_rays(mesh.vertices.astype(np.float64), n)
    hit = scene.run(origins, directions, output=True)
    face = hit["primID"].astype(np.int64)
    on = face >= 0
    color = np.full((n * n, 3), _BACKGROUND)
    ground = _ground_points(origins, directions)
    reach = 1.5 * float(np.ptp(mesh.vertices, axis=0).max())
    below = ~on & (np.linalg.norm(ground, axis=1) < reach)  # farther off no shadow falls
    color[below] *= _soft_shadow(scene, ground[below], np.array([0.0, 0.0, 1.0]), mesh)[:, None]
    if on.any():
        f, u, v = face[on], hit["u"][on].astype(np.float64), hit["v"][on].astype(np.float64)
        weights = np.stack([1 - u - v, u, v], axis=1)
        normal = shading_normals(mesh, f, weights, directions[on])
        points = np.einsum("ij,ijk->ik", weights, mesh.vertices[mesh.faces[f]].astype(np.float64))
        albedo = base_color(mesh, materials, pixels, f, weights)
        color[on] = albedo * _light(scene, points, normal, mesh)[:, None]
    return _encode(color.reshape(n, n, 3))


def _camera_rays(vertices: Floats, n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Origins and directions of n x n rays of a camera that frames the bounding sphere of the vertices."""
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    back = np.array([np.cos(_ELEVATION) * np.cos(_AZIMUTH), np.cos(_ELEVATION) * np.sin(_AZIMUTH), np.sin(_ELEVATION)])
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    local = vertices - middle
    # Nearest distance at which every vertex is inside the frame, with a margin of a tenth.
    reach = np.maximum(np.abs(local @ right), np.abs(local @ up)) / np.tan(_FOV / 2) * 1.12
    distance = float((reach + local @ back).max())
    centre = (np.arange(n) + 0.5) / n * 2 - 1
    x, y = np.meshgrid(centre, -centre)
    plane = np.tan(_FOV / 2)
    directions = (x.ravel() * plane)[:, None] * right + (y.ravel() * plane)[:, None] * up - back
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    origin = middle + back * distance
    return np.broadcast_to(origin, directions.shape).astype(np.float32), directions.astype(np.float32)


def _ground_points(origins: npt.NDArray[np.float32], directions: npt.NDArray[np.float32]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(directions[:, 2] < -1e-4, -origins[:, 2] / directions[:, 2], np.nan)
        points: Floats = (origins + directions * t[:, None]).astype(np.float64)
    return points


def _directions_around(axis: Floats, spread: float, n: int) -> Floats:
    """(n, 3) unit vectors around an axis (sunflower pattern on a disc of tangent radius ``spread``)."""
    k = np.arange(n) + 0.5
    radius, angle = spread * np.sqrt(k / n), k * np.pi * (3 - 5**0.5)
    side = np.cross(axis, [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    vectors = axis + (radius * np.cos(angle))[:, None] * side + (radius * np.sin(angle))[:, None] * other
    result: Floats = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return result


def _visible(scene: rtcore_scene.EmbreeScene, points: Floats, direction: Floats) -> npt.NDArray[np.bool_]:
    aim = np.broadcast_to(direction, points.shape).astype(np.float32)
    free: npt.NDArray[np.bool_] = scene.run(points.astype(np.float32), np.ascontiguousarray(aim)) < 0
    return free


def _soft_shadow(scene: rtcore_scene.EmbreeScene, points: Floats, normal: Floats, mesh: MeshArrays) -> Floats:
    """(N,) brightness of ground points: shaded by the key light and by what closes off the sky."""
    lift = points + normal * 1e-4 * float(np.ptp(mesh.vertices, axis=0).max())
    sun = np.mean([_visible(scene, lift, d) for d in _directions_around(_KEY, 0.25, _SHADOW_RAYS)], axis=0)
    sky = np.mean([_visible(scene, lift, d) for d in _directions_around(normal, 1.6, _SHADOW_RAYS)], axis=0)
    brightness: Floats = 0.62 + 0.20 * sun + 0.18 * sky
    return brightness


def _light(scene: rtcore_scene.EmbreeScene, points: Floats, normal: Floats, mesh: MeshArrays) -> Floats:
    """(N,) irradiance at surface points: a key light with shadow, a weak fill, and a sky brighter above than below."""
    lift = points + normal * 2e-3 * float(np.ptp(mesh.vertices, axis=0).max())
    sun = np.mean([_visible(scene, lift, d) for d in _directions_around(_KEY, 0.12, 3)], axis=0)
    fill = np.clip(normal @ np.array([-0.8, -0.45, 0.4]), 0, None)
    sky = 0.5 + 0.5 * normal[:, 2]
    total: Floats = 0.80 * np.clip(normal @ _KEY, 0, None) * sun + 0.22 * fill + 0.16 + 0.26 * sky
    return total


def _encode(linear: Floats) -> bytes:
    n = linear.shape[0] // _OVERSAMPLING
    small = linear.reshape(n, _OVERSAMPLING, n, _OVERSAMPLING, 3).mean(axis=(1, 3))
    buffer = io.BytesIO()
    Image.fromarray(srgb_bytes(small)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
