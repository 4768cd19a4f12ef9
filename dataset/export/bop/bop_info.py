"""``dataset_info.md`` of a BOP export: what a reader must know that the format has no field for."""

from __future__ import annotations

from collections.abc import Iterable

from scanstage.dataset.export.bop.bop_objects import BopObject

_TEXT = """# {name}

{pictures} synthetic pictures by scanstage, in the [BOP format](https://bop.felk.cvut.cz/datasets/).

- `cam_K`: the centre of the first pixel is at (0.5, 0.5), as the BOP toolkit's renderers project. Subtract 0.5 from
  the principal point for tools that put it at (0, 0), such as OpenCV.
- `depth`: multiply by {depth_scale:g} for millimetres along z; 0 is no surface, or one too far away.
- `models`: millimetres, origin at the centre of the bounding box. Symmetries are those that the library of scans
  knows of; an object without them in `models_info.json` may have some.
- `test_targets_bop19.json`: what is visible by a tenth or more, of all pictures.
- `bbox_obj`, `bbox_visib`: as the toolkit computes them, width and height are those of the last pixel minus the first.
- `mask`: the object alone, inside the image; `px_count_all` counts what is outside as well, up to one frame beyond.
- Objects without a label (hidden, or dropped by the keep policy) are not listed. Ignored ones are: see `visib_fract`.
- Scenes are consecutive pictures of one split, not views of one scene.

| obj_id | class | asset |
|---|---|---|
{rows}
"""


def describe(name: str, objects: Iterable[BopObject], pictures: int, depth_scale: float) -> str:
    """The file's text; ``depth_scale`` in millimetres a step."""
    rows = "\n".join(f"| {o.obj_id} | {o.class_name} | {o.asset_id} |" for o in objects)
    return _TEXT.format(name=name, pictures=pictures, depth_scale=depth_scale, rows=rows)
