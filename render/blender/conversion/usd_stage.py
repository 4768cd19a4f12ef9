"""What Blender's importer makes something else of, put into a layer over a USD file before it is imported.

By OpenUSD itself, which Blender brings: its rules decide, and the file stays as it is. Everything is taken as it is at
the first frame. https://openusd.org/release/glossary.html (opinions of a layer above win over those below).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .usd_materials import mend_bindings, uneven_wraps
from .usd_places import every_prim, mend_places
from .usd_primvars import settle_inputs

_UNREAD = ("BasisCurves", "HermiteCurves", "NurbsCurves", "NurbsPatch", "Points", "TetMesh")
_ANIMATED = ("translations", "rotations", "scales", "blendShapeWeights")
_SMOOTH = ("catmullClark", "loop", "bilinear")
_KEPT = (
    *("metersPerUnit", "upAxis", "defaultPrim"),
    *("startTimeCode", "endTimeCode", "timeCodesPerSecond", "framesPerSecond"),
)
Told = dict[str, list[str]]


def mended_stage(source: Path, scratch: Path) -> tuple[Path, Told]:
    """The file to import, which is ``source`` where there is nothing to mend, and names of what isn't taken as it is.

    Args:
        source: a USD file.
        scratch: folder for a layer over it.

    Of names there are those of prims: ``hidden`` ones, ``guides``, ``shapes`` that are no meshes, ``smooth`` cages,
    faces that are ``holes``, ``opacity`` without a material, ``unbound`` faces, ``sheared`` ones
    whose shear is lost; ``wraps`` of materials; and anything as ``still`` where nothing moves.
    """
    import bpy

    if not hasattr(bpy.utils, "expose_bundled_modules"):  # before Blender 4.4
        return source, {"unmended": [f"Blender {bpy.app.version_string}"]}
    bpy.utils.expose_bundled_modules()
    from pxr import Sdf, Tf, Usd

    try:
        below = Sdf.Layer.FindOrOpen(str(source))
        overlay = Sdf.Layer.CreateNew(str(scratch / "mended.usda"))
        for key in _KEPT:
            if below.pseudoRoot.HasInfo(key):
                overlay.pseudoRoot.SetInfo(key, below.pseudoRoot.GetInfo(key))
        overlay.subLayerPaths.append(str(source))
        stage = Usd.Stage.Open(overlay)
    except (Tf.ErrorException, AttributeError):  # Blender's importer says what is wrong with it
        return source, {}
    return _mended(stage, source)


def _mended(stage: Any, source: Path) -> tuple[Path, Told]:
    from pxr import Usd

    overlay = stage.GetRootLayer()
    before = overlay.ExportToString()
    time = Usd.TimeCode(stage.GetStartTimeCode())
    try:
        told = _mend(stage, time)
    except _InInstance:
        overlay.ImportFromString(before)  # what is mended by half can't be told from what is right
        _open_instances(stage)
        told = _mend(stage, time)
    if overlay.ExportToString() == before:
        return source, told
    overlay.startTimeCode = time.GetValue()  # which Blender takes for its first frame, wherever none is said
    overlay.Save()
    return Path(overlay.realPath), told


class _InInstance(Exception):
    """Something is to be mended in what several prims share, and that no layer can speak of."""


def _open_instances(stage: Any) -> None:
    """Make each instance a thing of its own."""
    while instances := [p for p in stage.Traverse() if p.IsInstance()]:
        for prim in instances:
            prim.SetInstanceable(False)


def _own(prim: Any) -> Any:
    """The prim, to be changed."""
    if prim.IsInstanceProxy():
        raise _InInstance
    return prim


def _mend(stage: Any, time: Any) -> Told:
    """Raises _InInstance."""
    from pxr import UsdGeom, UsdShade, UsdSkel

    told: Told = {}
    shown_elsewhere = _prototypes(stage)
    for prim in _hidden(stage, time, shown_elsewhere):
        told.setdefault("hidden", []).append(prim.GetName())
        _own(prim).SetActive(False)
    settle_inputs(stage, time, _own)
    for prim in every_prim(stage):
        if prim.IsA(UsdGeom.Gprim) and UsdGeom.Imageable(prim).ComputePurpose() in ("guide", "proxy"):
            told.setdefault("guides", []).append(prim.GetName())
        elif prim.GetTypeName() in _UNREAD:
            told.setdefault("shapes", []).append(prim.GetName())
        elif prim.IsA(UsdGeom.Mesh):
            material = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
            if mend_bindings(stage, prim, material, time, _own):
                told.setdefault("unbound", []).append(prim.GetName())
            _tell_of_mesh(UsdGeom.Mesh(prim), bool(material), told)
        elif prim.IsA(UsdSkel.Animation):
            _sample_animation(prim, time)
    told["sheared"] = mend_places(stage, time, _own)
    told["wraps"] = uneven_wraps(stage)
    if not any(_moves(prim) for prim in every_prim(stage)):
        told["still"] = ["all"]
    return told


def _prototypes(stage: Any) -> list[Any]:
    """Paths of what PointInstancers show, wherever it stands and whether it is seen there or not."""
    from pxr import UsdGeom

    found = [UsdGeom.PointInstancer(p) for p in every_prim(stage) if p.IsA(UsdGeom.PointInstancer)]
    return [target for instancer in found for target in instancer.GetPrototypesRel().GetForwardedTargets()]


def _hidden(stage: Any, time: Any, shown_elsewhere: list[Any]) -> list[Any]:
    """The topmost prims that are invisible then; what is seen at the first frame alone is made visible for good."""
    from pxr import Usd, UsdGeom

    found = []
    prims = iter(Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))
    for prim in prims:
        attribute = UsdGeom.Imageable(prim).GetVisibilityAttr() if prim.IsA(UsdGeom.Imageable) else None
        if not attribute or not attribute.HasAuthoredValue():
            continue
        path = prim.GetPath()
        if any(path.HasPrefix(p) or p.HasPrefix(path) for p in shown_elsewhere):
            continue
        if attribute.Get(time) == UsdGeom.Tokens.invisible:
            prims.PruneChildren()
            found.append(prim)
        elif attribute.GetNumTimeSamples():
            UsdGeom.Imageable(_own(prim)).GetVisibilityAttr().Set(UsdGeom.Tokens.inherited)
    return found


def _sample_animation(prim: Any, time: Any) -> None:
    """Make samples of an animation's values that have none: an importer takes no pose from others."""
    for name in _ANIMATED:
        attribute = prim.GetAttribute(name)
        if attribute and attribute.HasAuthoredValue() and not attribute.GetNumTimeSamples():
            value = attribute.Get()
            _own(prim).GetAttribute(name).Set(value, time)


def _tell_of_mesh(mesh: Any, is_bound: bool, told: Told) -> None:
    name, scheme = mesh.GetPrim().GetName(), mesh.GetSubdivisionSchemeAttr()
    if scheme.HasAuthoredValue() and scheme.Get() in _SMOOTH:  # by default it is smooth, too, and mostly not meant
        told.setdefault("smooth", []).append(name)
    if mesh.GetHoleIndicesAttr().Get():
        told.setdefault("holes", []).append(name)
    opacity = mesh.GetDisplayOpacityAttr().Get()
    if opacity and min(opacity) < 1 and not is_bound:
        told.setdefault("opacity", []).append(name)


def _moves(prim: Any) -> bool:
    """Whether a prim is another at some frames."""
    from pxr import UsdGeom

    if prim.IsA(UsdGeom.Xformable) and UsdGeom.Xformable(prim).TransformMightBeTimeVarying():
        return True
    names = ("points", "visibility", *_ANIMATED)
    return any((a := prim.GetAttribute(name)) and a.GetNumTimeSamples() > 1 for name in names)
