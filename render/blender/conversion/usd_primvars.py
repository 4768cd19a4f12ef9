"""What materials of a USD read elsewhere: values of the mesh that they are on, and of the material's own inputs.

Blender's importer looks for a primvar at the mesh alone, not above it nor at what stands for it, and takes no number
of an input that is connected to one of the material. https://openusd.org/release/spec_usdpreviewsurface.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .usd_places import Own, every_prim

_READER = "UsdPrimvarReader_float3"
_TEXTS = ("asset", "string", "token")  # which an importer follows


def settle_inputs(stage: Any, time: Any, own: Own) -> None:
    """Give inputs of shaders the values of what they are connected to, where that is no shader.

    ``own`` gives a prim to be changed.
    """
    from pxr import UsdShade

    for prim in [p for p in every_prim(stage) if p.IsA(UsdShade.Shader)]:
        for given in UsdShade.Shader(prim).GetInputs():
            if not given.HasConnectedSource() or given.GetTypeName() in _TEXTS:
                continue
            sources = given.GetValueProducingAttributes()
            if len(sources) == 1 and UsdShade.Input.IsInput(sources[0]) and sources[0] != given.GetAttr():
                value = sources[0].Get(time)
                attribute = UsdShade.Shader(own(prim)).GetInput(given.GetBaseName()).GetAttr()
                attribute.SetConnections([])
                attribute.Set(value)


def give_primvars(prim: Any, materials: Iterable[Any], time: Any, own: Own) -> None:
    """Give a mesh the colors that it has from a prim above, or that its materials have where there are none.

    Without a material, a mesh shows its ``displayColor``.
    """
    from pxr import Sdf, UsdGeom

    wanted: dict[str, Any] = {}
    for material in materials:
        for name, fallback in _read_by(material, time) if material else [("displayColor", None)]:
            wanted[name] = wanted.get(name) or fallback
    primvars = UsdGeom.PrimvarsAPI(prim)
    for name, fallback in wanted.items():
        if primvars.GetPrimvar(name).HasAuthoredValue():
            continue
        above = primvars.FindPrimvarWithInheritance(name)
        values = above.ComputeFlattened(time) if above and above.HasAuthoredValue() else fallback and [fallback]
        if values:
            color = Sdf.ValueTypeNames.Color3fArray
            UsdGeom.PrimvarsAPI(own(prim)).CreatePrimvar(name, color, UsdGeom.Tokens.constant).Set(values)


def _read_by(material: Any, time: Any) -> Iterator[tuple[str, Any]]:
    """Names of the colors that a material reads, and what it takes where there is none."""
    from pxr import Gf, UsdShade

    surface, *_ = material.ComputeSurfaceSource()
    seen, todo = set(), [surface] if surface else []
    while todo:
        shader = todo.pop()
        if shader.GetPath() in seen:
            continue
        seen.add(shader.GetPath())
        if shader.GetIdAttr().Get() == _READER:
            name, fallback = (_value_of(shader.GetInput(k), time) for k in ("varname", "fallback"))
            yield str(name), fallback or Gf.Vec3f(0)
        sources = [a for i in shader.GetInputs() for a in i.GetValueProducingAttributes(shaderOutputsOnly=True)]
        todo += [UsdShade.Shader(a.GetPrim()) for a in sources]


def _value_of(given: Any, time: Any) -> Any:
    sources = given.GetValueProducingAttributes() if given else []
    return sources[0].Get(time) if sources else None
