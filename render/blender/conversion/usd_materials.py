"""Which faces of a USD mesh have which material, put so that Blender's importer takes it as OpenUSD has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .usd_places import Own, every_prim
from .usd_primvars import give_primvars


def mend_bindings(stage: Any, prim: Any, material: Any, time: Any, own: Own) -> bool:
    """Mend those of a mesh, whose own material is ``material``; whether materials of some faces aren't used.

    ``own`` gives a prim to be changed.
    """
    from pxr import UsdShade

    subsets = UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets()
    has_unused = _leave_out_others(prim, subsets, own)
    of_subsets = (UsdShade.MaterialBindingAPI(s.GetPrim()).ComputeBoundMaterial()[0] for s in subsets)
    give_primvars(prim, [material, *of_subsets], time, own)
    _bind_rest(stage, prim, subsets, material, time, own)
    return has_unused


def _leave_out_others(prim: Any, subsets: Sequence[Any], own: Own) -> bool:
    """Leave out subsets that are for anything but materials: an importer takes all; whether one has a material."""
    from pxr import UsdGeom, UsdShade

    bound = {s.GetPath() for s in subsets}
    others = [s for s in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(prim)) if s.GetPath() not in bound]
    for subset in others:
        own(subset.GetPrim()).SetActive(False)
    return any(UsdShade.MaterialBindingAPI(s.GetPrim()).GetDirectBinding().GetMaterialPath() for s in others)


def _bind_rest(stage: Any, prim: Any, subsets: Sequence[Any], material: Any, time: Any, own: Own) -> None:
    """Bind faces that no subset names to what the mesh itself is: an importer gives them the first subset's."""
    import numpy as np
    from pxr import UsdGeom, UsdShade, Vt

    of_faces = [s for s in subsets if s.GetElementTypeAttr().Get() == UsdGeom.Tokens.face]
    if not of_faces:
        return
    count = len(UsdGeom.Mesh(prim).GetFaceVertexCountsAttr().Get(time) or ())
    is_bound = np.zeros(count, bool)
    for subset in of_faces:
        indices = np.array(subset.GetIndicesAttr().Get(time) or (), np.int64)
        is_bound[indices[(indices >= 0) & (indices < count)]] = True
    if is_bound.all():
        return
    rest = Vt.IntArray.FromNumpy(np.flatnonzero(~is_bound).astype(np.int32))
    UsdShade.MaterialBindingAPI.Apply(own(prim))
    named = UsdGeom.Subset.CreateUniqueGeomSubset(
        UsdGeom.Mesh(prim), "rest", UsdGeom.Tokens.face, rest, UsdShade.Tokens.materialBind
    )
    material = material or _shown_material(stage, prim, time)
    UsdShade.MaterialBindingAPI.Apply(named.GetPrim()).Bind(material)


def _shown_material(stage: Any, prim: Any, time: Any) -> Any:
    """A material that looks as a mesh without one does: it has the mesh's displayColor."""
    from pxr import Sdf, UsdGeom, UsdShade

    material = UsdShade.Material.Define(stage, Sdf.Path(f"/scanstage_plain{prim.GetPath()}"))
    surface = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("surface"))
    surface.CreateIdAttr("UsdPreviewSurface")
    color = UsdGeom.PrimvarsAPI(prim).GetPrimvar("displayColor")
    given = color.ComputeFlattened(time) if color else None
    if given:
        diffuse = surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
        if color.GetInterpolation() == UsdGeom.Tokens.constant:
            diffuse.Set(given[0])
        else:
            shown = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("shown"))
            shown.CreateIdAttr("UsdPrimvarReader_float3")
            shown.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
            result = shown.CreateOutput("result", Sdf.ValueTypeNames.Float3)
            diffuse.ConnectToSource(result)
    material.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
    return material


def uneven_wraps(stage: Any) -> list[str]:
    """Materials of which a texture goes on in another way along U than along V, or is black beyond its edges."""
    from pxr import UsdShade

    found = []
    for prim in every_prim(stage):
        shader = UsdShade.Shader(prim) if prim.IsA(UsdShade.Shader) else None
        if shader is None or shader.GetIdAttr().Get() != "UsdUVTexture":
            continue
        ways = [i.Get() if (i := shader.GetInput(name)) else None for name in ("wrapS", "wrapT")]
        if ways[0] != ways[1] or "black" in ways:
            found.append(prim.GetParent().GetName())
    return list(dict.fromkeys(found))
