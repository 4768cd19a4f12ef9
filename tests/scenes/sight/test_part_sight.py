"""Parts of objects as the camera sees them: masks that share the whole's pixels out, and areas worked out by hand.

A box of two halves stands 2.5 m before a camera of 160 px focal length: its front, 1 m square, is 64 x 64 px, each half
32 x 64. Before it, 2 m away, stand a plate that is a part and a knob that is none: 0.2 x 0.8 m, 16 x 64 px, each in the
middle of a half's picture and as high as it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from support.unit_boxes import add_asset, at, box_arrays, look, make_plan

from scanstage.assets.asset import Asset, AssetMeta, AssetPart, Material, MeshArrays, write_asset
from scanstage.assets.library.openings import openings_of
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.plan import CameraPlan, FramePlan, LensPlan, ObjectPlan
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.label_rules import judge_labels
from scanstage.scenes.sight.part_sight import PartCaster, SeenParts
from scanstage.scenes.sight.visibility import Caster, Visibility

HALVES = ("left", "right")
FRONT, HALF, SMALL = 64 * 64, 32 * 64, 16 * 64


def block(low: tuple[float, float, float], high: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=(low, high))


LEFT, RIGHT = block((-0.5, -0.5, 0), (0, 0.5, 1)), block((0, -0.5, 0), (0.5, 0.5, 1))
PANE = trimesh.Trimesh([(-0.3, -1, 0.1), (-0.1, -1, 0.1), (-0.1, -1, 0.9), (-0.3, -1, 0.9)], [(0, 1, 2), (0, 2, 3)])
PLATE, KNOB = block((-0.3, -1, 0.1), (-0.1, -0.9, 0.9)), block((0.1, -1, 0.1), (0.3, -0.9, 0.9))


def asset_of(folder: Path, blocks: dict[str, trimesh.Trimesh], parts: tuple[str, ...], **materials: Material) -> Asset:
    """Blocks, each of a material of its own, of which some are parts of their name's class."""
    folder.mkdir(parents=True)
    shapes = list(blocks.values())
    starts = np.cumsum([0, *(len(s.vertices) for s in shapes)])
    vertices = np.concatenate([s.vertices for s in shapes]).astype(np.float32)
    mesh = MeshArrays(
        vertices,
        np.concatenate([s.faces + k for s, k in zip(shapes, starts[:-1], strict=True)]).astype(np.int32),
        np.repeat(np.arange(len(shapes)), [len(s.faces) for s in shapes]).astype(np.uint16),
        vertices[:8],
        np.concatenate([_uv_of(s) for s in shapes]),
    )
    names = list(blocks)
    meta = AssetMeta(
        "thing/a",
        "thing",
        (1.0, 1.0, 1.0),
        len(mesh.faces),
        tuple(materials.get(n, Material()) for n in names),
        parts=tuple(AssetPart(n, n, (names.index(n),)) for n in parts),
    )
    alpha = np.zeros((8, 8, 4), np.uint8)
    alpha[:, 4:] = 255
    data = io.BytesIO()
    Image.fromarray(alpha).save(data, "PNG")
    return write_asset(folder, meta, mesh, {"t.png": data.getvalue()})


def _uv_of(shape: trimesh.Trimesh) -> np.ndarray:
    """U along x from 0 to 1."""
    x = shape.vertices[shape.faces].reshape(-1, 3)[:, 0]
    u = (x - x.min()) / np.ptp(x)
    return np.stack([u, np.full_like(u, 0.5)], axis=1).astype(np.float32)


def both(folder: Path) -> Asset:
    blocks = {"left": LEFT, "right": RIGHT, "plate": PLATE, "knob": KNOB}
    return asset_of(folder / "both", blocks, (*HALVES, "plate"))


def cast(asset: Asset, plan: FramePlan, other: Path | None = None) -> tuple[Visibility, SeenParts]:
    assets = {"thing/a": asset} | ({} if other is None else {"other": Asset.open(other)})
    caster = Caster(lambda i: assets[i].mesh(), lambda i, mesh: openings_of(assets[i], mesh))
    seen = caster.cast(plan)
    return seen, PartCaster(caster, lambda i: assets[i].meta.parts).see(plan, seen)


def thing(instance_id: int = 1, class_name: str | None = "thing", **pose: float) -> ObjectPlan:
    return ObjectPlan(instance_id, "thing/a", class_name, at(pose.get("x", 0.0), pose.get("y", 0.0), 0.0))


def by_name(parts: SeenParts, ids: np.ndarray) -> dict[str, tuple[int, int, float]]:
    """Visible pixels, amodal pixels, visible fraction."""
    found = {}
    for part in parts.parts:
        s = part.silhouette(ids)
        found[part.name] = (s.visible_px, int(s.amodal.sum()), s.visible_fraction)
    return found


def test_two_halves_share_the_picture_of_the_whole(tmp_path: Path) -> None:
    asset = asset_of(tmp_path / "a", {"left": LEFT, "right": RIGHT}, HALVES)
    seen, parts = cast(asset, make_plan((thing(),)))
    assert by_name(parts, seen.instance_ids) == {"left": (HALF, HALF, 1.0), "right": (HALF, HALF, 1.0)}
    columns = {p.name: np.flatnonzero(parts.ids(seen.instance_ids) == p.instance_id) % 160 for p in parts.parts}
    assert (columns["left"].min(), columns["left"].max()) == (48, 79)
    assert (columns["right"].min(), columns["right"].max()) == (80, 111)
    assert [p.instance_id for p in parts.parts] == [2, 3]
    np.testing.assert_allclose(parts.parts[1].bounds, [[0, -0.5, 0], [0.5, 0.5, 1]])


def test_parts_hide_each_other_and_what_is_none_hides_too(tmp_path: Path) -> None:
    seen, parts = cast(both(tmp_path), make_plan((thing(),)))
    ids = seen.instance_ids
    found = by_name(parts, ids)
    assert found == {"left": (SMALL, HALF, 0.5), "right": (SMALL, HALF, 0.5), "plate": (SMALL, SMALL, 1.0)}
    finest = parts.ids(ids)
    assert (finest > 0).sum() == (ids > 0).sum() == FRONT
    assert (finest == 1).sum() == SMALL, "the knob's pixels are of the whole alone"
    whole = seen.silhouettes[0].in_image(seen.silhouettes[0].modal, ids.shape)
    stacked = sum(p.silhouette(ids).in_image(p.silhouette(ids).modal, ids.shape).astype(int) for p in parts.parts)
    assert stacked.max() == 1
    assert not (stacked[~whole]).any()


def test_another_object_hides_of_parts_what_it_hides_of_the_whole(tmp_path: Path) -> None:
    """A box of 0.4 m, whose front is 2 m away and 32 px wide, before the whole left half."""
    asset = asset_of(tmp_path / "a", {"left": LEFT, "right": RIGHT}, HALVES)
    other = ObjectPlan(2, "other", "box", at(-0.2, -0.8, 0.1, 0.4))
    seen, parts = cast(asset, make_plan((thing(), other)), add_asset(tmp_path / "other", box_arrays()))
    hidden = 32 * 32
    found = by_name(parts, seen.instance_ids)
    assert found["left"] == (HALF - hidden, HALF, 0.5)
    assert found["right"] == (HALF, HALF, 1.0)
    assert [p.instance_id for p in parts.parts] == [3, 4], "behind all objects"
    assert parts.wholes == {1}


def test_a_border_cuts_parts_by_themselves(tmp_path: Path) -> None:
    """Moved 1 m to the right, the box's front is from 112 to 176 px: the right half is outside."""
    asset = asset_of(tmp_path / "a", {"left": LEFT, "right": RIGHT}, HALVES)
    camera = replace(make_plan(()).camera, cx=144.0)
    seen, parts = cast(asset, make_plan((thing(),), camera=camera))
    left, right = (p.silhouette(seen.instance_ids) for p in parts.parts)
    assert (left.truncated_fraction, right.visible_px) == (0.0, 16 * 64)
    assert right.truncated_fraction == pytest.approx(0.5, abs=0.02)
    assert right.amodal_box_xywh == (144, 28, 32, 64)


def test_what_is_cut_out_of_a_part_shows_the_part_behind(tmp_path: Path) -> None:
    """A plate without thickness, whose left half is gone by its texture's alpha."""
    cut = Material(base_color=(1, 1, 1, 1), base_color_texture="t.png", alpha_mode="MASK", alpha_cutoff=0.5)
    asset = asset_of(tmp_path / "a", {"left": LEFT, "right": RIGHT, "plate": PANE}, (*HALVES, "plate"), plate=cut)
    seen, parts = cast(asset, make_plan((thing(),)))
    found = by_name(parts, seen.instance_ids)
    assert found["plate"] == (8 * 64, 8 * 64, 1.0)
    assert found["left"] == (HALF - 8 * 64, HALF, 0.75)


def test_masks_share_pixels_out_through_any_lens_and_at_any_pose(tmp_path: Path) -> None:
    asset = both(tmp_path)
    lens = LensPlan("brown_conrady", (-0.25, 0.06, 0.001, -0.0005, 0.0, 0.0, 0.0, 0.0))
    eye = CameraPlan((160, 120), 130.0, 130.0, 78.3, 61.7, look((-1.7, -2.2, 1.6), (0.0, 0.0, 0.4)), lens=lens)
    seen, parts = cast(asset, make_plan((thing(), thing(2, x=0.9, y=1.1)), camera=eye))
    finest, ids = parts.ids(seen.instance_ids), seen.instance_ids
    whole_of = {p.instance_id: p.part_of for p in parts.parts}
    for part in parts.parts:
        s = part.silhouette(ids)
        assert not (s.modal & ~s.amodal).any()
        assert (ids[finest == part.instance_id] == whole_of[part.instance_id]).all()
    assert ((finest > 0) == (ids > 0)).all()
    assert len(whole_of) == 6


def test_distractors_and_scans_without_parts_have_none(tmp_path: Path) -> None:
    plan = make_plan((thing(1, None), thing(2, x=2.0)))
    _, parts = cast(asset_of(tmp_path / "a", {"left": LEFT}, ()), plan)
    assert parts == SeenParts()
    _, parts = cast(asset_of(tmp_path / "b", {"left": LEFT}, ("left",)), plan)
    assert (parts.wholes, [p.part_of for p in parts.parts]) == ({2}, [2])


def test_ids_of_parts_have_an_end(tmp_path: Path) -> None:
    asset = asset_of(tmp_path / "a", {"left": LEFT}, ("left",))
    with pytest.raises(InputError, match="more than 65,535 parts"):
        cast(asset, make_plan((thing(65535),)))


def planned(folder: Path, *objects: ObjectPlan) -> Planned:
    plan = make_plan(objects or (thing(),))
    seen, parts = cast(both(folder), plan)
    return Planned(plan, seen, plan, seen.instance_ids, {"thing/a": np.zeros((2, 3))}, {}, parts=parts)


@pytest.mark.parametrize(
    ("labels", "fates"),
    [
        ({"parts": "alone"}, ["thing parts", "left label", "right label", "plate label"]),
        ({"parts": "with_whole"}, ["thing label", "left label", "right label", "plate label"]),
        (
            {"parts": "alone", "min_visible_fraction": 0.6},
            ["thing parts", "left drop", "right drop", "plate label"],
        ),
        (
            {"parts": "with_whole", "min_visible_fraction": 0.6, "on_violation": "ignore"},
            ["thing label", "left ignore", "right ignore", "plate label"],
        ),
        (
            {"parts": "with_whole", "per_class": {"plate": {"min_pixels": 2000}}, "on_violation": "replan"},
            ["thing label", "left label", "right label", "plate drop"],
        ),
    ],
)
def test_the_keep_policy_judges_parts_by_themselves(tmp_path: Path, labels: dict, fates: list[str]) -> None:
    judged = judge_labels(planned(tmp_path), LabelsConfig.model_validate(labels))
    assert [f"{j.class_name} {j.fate}" for j in judged] == fates
    assert not any(j.replan for j in judged), "no picture is planned anew for a part"
