"""A surface of a cloud of points with normals: screened Poisson reconstruction, by Open3D, which is an extra.

M. Kazhdan and H. Hoppe, "Screened Poisson Surface Reconstruction", 2013. It closes whatever has no points; what it
makes up that way is cut off again, so that a label is where something was measured.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.scan_bounds import check_memory

CLOUD_SUFFIXES = (".las", ".laz", ".e57", ".pts", ".ptx", ".xyz", ".pcd", ".rcp", ".rcs")
"""Formats of laser scanners and survey programs, none of which is read: they hold points, no faces."""
LEAST_POINTS = 100
_SHALLOWEST, _DEEPEST = 5, 10  # of the octree, whose cells are 2^-depth of the cloud's extent
_BYTES_A_POINT = 3000  # of a cloud of a million, at its depth
_MADE_UP = 5.0  # times the distance between points; farther from all of them nothing was measured


def cloud_refusal(path: object, count: int | None = None, has_normals: bool = False) -> InputError:
    """What to say of points without faces (``count`` None: unknown): with normals a surface can be made of them."""
    elsewhere = "make a surface of it in MeshLab, CloudCompare or Open3D (Poisson reconstruction)"
    if has_normals:
        what = f"{path}: is a point cloud: {count:,} points with normals, and no faces"
        needs = 'pip install "scanstage[surface]"'
        return InputError(what, f"{option('surface')} poisson makes a surface of it ({needs}), or {elsewhere}")
    counted = "points without faces" if count is None else f"{count:,} points, no faces and no normals"
    return InputError(
        f"{path}: is a point cloud: {counted}",
        "compute its normals, pointing outwards (MeshLab: Compute Normals for Point Sets), and export it as PLY with "
        f"them, for {option('surface')} poisson; or {elsewhere}",
    )


def poisson_surface(scan: RawScan) -> RawScan:
    """The scan with faces, made of its points and their ``normals``, which point outwards.

    Raises InputError where Open3D isn't installed, or no surface comes of the points.
    """
    try:
        import open3d
    except (ImportError, OSError) as e:  # an OSError where a library of the system is missing
        raise InputError(
            f"is a point cloud, and Open3D, which makes surfaces of them, can't be used ({e})",
            'pip install "scanstage[surface]"',
        ) from e
    from scipy.spatial import cKDTree

    assert scan.normals is not None
    length = np.linalg.norm(scan.normals, axis=1)
    sound = np.isfinite(scan.vertices).all(axis=1) & np.isfinite(length) & (length > 0)
    points, normals = scan.vertices[sound], scan.normals[sound] / length[sound, None]
    if len(points) < LEAST_POINTS:
        raise InputError(f"has {len(points):,} points with normals: too few for a surface", "scan it more densely")
    check_memory(len(points) * _BYTES_A_POINT, f"a surface of {len(points):,} points")
    cloud = open3d.geometry.PointCloud()
    cloud.points, cloud.normals = (open3d.utility.Vector3dVector(a) for a in (points, normals))
    if scan.vertex_color is not None:
        cloud.colors = open3d.utility.Vector3dVector(scan.vertex_color[sound, :3] / 255.0)
    # About as many cells as points lie on the surface.
    depth = min(max(math.ceil(math.log2(len(points)) / 2), _SHALLOWEST), _DEEPEST)
    # One thread: sums of several come out in another order each time.
    mesh, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth, n_threads=1)
    tree = cKDTree(points)
    spacing = float(np.median(tree.query(points, k=2)[0][:, 1]))
    vertices = np.asarray(mesh.vertices, np.float64)
    measured = tree.query(vertices)[0] <= _MADE_UP * max(spacing, float(np.ptp(points, axis=0).max()) / 2**depth / 2)
    faces = np.asarray(mesh.triangles, np.int64)
    faces = faces[measured[faces].all(axis=1)]
    if not len(faces):
        raise InputError("no surface comes of its points", "look whether its normals are sound and point outwards")
    return _with_surface(scan, vertices, faces, _colors(mesh) if scan.vertex_color is not None else None, len(points))


def _colors(mesh: Any) -> npt.NDArray[np.uint8]:
    rgb = np.rint(np.clip(np.asarray(mesh.vertex_colors), 0, 1) * 255)
    return np.column_stack([rgb, np.full(len(rgb), 255)]).astype(np.uint8)


def _with_surface(
    scan: RawScan,
    vertices: npt.NDArray[np.float64],
    faces: npt.NDArray[np.int64],
    color: npt.NDArray[np.uint8] | None,
    points: int,
) -> RawScan:
    what = f"no faces: {points:,} points with normals"
    note = ScanFinding("warning", "reconstructed", what, f"makes {len(faces):,} triangles of them (Poisson, Open3D)")
    material = Material(name="points", base_color=WHITE, vertex_colors=True) if color is not None else Material()
    return replace(
        scan,
        vertices=vertices,
        faces=faces,
        face_material=np.zeros(len(faces), np.int64),
        materials=(material,),
        vertex_color=color,
        normals=None,
        reconstructed="poisson",
        findings=(*scan.findings, note),
    )
