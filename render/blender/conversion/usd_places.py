"""Where USD puts prims that Blender's importer would put elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SHEARED = 1e-4
Own = Callable[[Any], Any]
"""The prim, to be changed."""


def mend_places(stage: Any, time: Any, own: Own) -> list[str]:
    """Replace ``!resetXformStack!``, which an importer doesn't look at, and shear, which its objects can't have.

    Shear goes on to what stands below, down to the points of meshes. Returns names of what has none to take it.
    """
    from pxr import Gf, Usd, UsdGeom

    if not any(_is_elsewhere(UsdGeom.Xformable(p), time) for p in every_prim(stage) if p.IsA(UsdGeom.Xformable)):
        return []
    lost: list[str] = []

    def go_on(prim: Any, carried: Any, above: Any) -> None:
        """To what is below a prim. Points are rows: ``carried``, then ``above``, takes those of the prim to the world.

        ``above`` is what the importer makes of the prims so far.
        """
        for child in prim.GetFilteredChildren(Usd.TraverseInstanceProxies()):
            xformable = UsdGeom.Xformable(child)
            if not xformable:
                go_on(child, carried, above)
                continue
            local, resets = xformable.GetLocalTransformation(time), xformable.GetResetXformStack()
            meant = local * above.GetInverse() if resets else local * carried
            is_mesh = child.IsA(UsdGeom.Mesh)
            if _is_sheared(meant) and not is_mesh and (child.IsA(UsdGeom.Gprim) or child.IsA(UsdGeom.PointInstancer)):
                lost.append(child.GetName())
                meant = _unsheared(meant)
            if _is_sheared(meant):
                _set(own(child), Gf.Matrix4d(1))
                if is_mesh:
                    _move_points(UsdGeom.Mesh(child), meant, time)
                go_on(child, meant, above)
            else:
                if not Gf.IsClose(meant, local, 1e-9) or resets:
                    _set(own(child), meant)
                go_on(child, Gf.Matrix4d(1), meant * above)

    go_on(stage.GetPseudoRoot(), Gf.Matrix4d(1), Gf.Matrix4d(1))
    return lost


def every_prim(stage: Any) -> list[Any]:
    """All prims, those of instances each time; a list, as what is mended must not change what is gone through."""
    from pxr import Usd

    return list(stage.Traverse(Usd.TraverseInstanceProxies()))


def _is_elsewhere(xformable: Any, time: Any) -> bool:
    return xformable.GetResetXformStack() or _is_sheared(xformable.GetLocalTransformation(time))


def _is_sheared(matrix: Any) -> bool:
    """Whether what the axes become, rows of a matrix, isn't at right angles: no scale and turn can make that."""
    axes = [matrix.GetRow3(k) for k in range(3)]
    pairs = ((axes[a], axes[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    return any(abs(a * b) > _SHEARED * a.GetLength() * b.GetLength() for a, b in pairs)


def _unsheared(matrix: Any) -> Any:
    """With axes at right angles: the first as it is, of the others what is across it."""
    import numpy as np
    from pxr import Gf

    rows = np.array(matrix)
    across, along = np.linalg.qr(rows[:3, :3].T)
    rows[:3, :3] = (across * np.diag(along)).T
    return Gf.Matrix4d(rows.tolist())


def _set(prim: Any, matrix: Any) -> None:
    from pxr import UsdGeom

    UsdGeom.Xformable(prim).MakeMatrixXform().Set(matrix)


def _move_points(mesh: Any, matrix: Any, time: Any) -> None:
    """Move a mesh's points; normals are made anew of them, as the file's would need shear's inverse."""
    import numpy as np
    from pxr import UsdGeom, Vt

    points = np.array(mesh.GetPointsAttr().Get(time), np.float64).reshape(-1, 3)
    rows = np.array(matrix)
    mesh.GetPointsAttr().Set(Vt.Vec3fArray.FromNumpy((points @ rows[:3, :3] + rows[3, :3]).astype(np.float32)))
    for normals in (mesh.GetNormalsAttr(), UsdGeom.PrimvarsAPI(mesh).GetPrimvar("normals").GetAttr()):
        if normals and normals.HasAuthoredValue():
            normals.Block()
    if matrix.GetDeterminant() < 0:
        turned = UsdGeom.Tokens.rightHanded
        if mesh.GetOrientationAttr().Get() == turned:
            turned = UsdGeom.Tokens.leftHanded
        mesh.GetOrientationAttr().Set(turned)
