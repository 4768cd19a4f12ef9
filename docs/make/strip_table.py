"""Which pictures show what each key of a config does: three values of it, everything else alike.

``STRIPS`` has a row a key, ``WITHOUT`` the keys for which a picture is pointless, with the reason. A test holds that
each key of the models is in one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config_keys import as_yaml

Overrides = Mapping[str, Any]
SIZE = (280, 210)


@dataclass(frozen=True)
class Panel:
    """One picture of a strip: what stands below it, what it changes of the strip's config, and what is shown of it.

    Attributes:
        map: a map of :class:`OutputConfig` that is shown in place of the picture, or ``labels``: the picture with them.
    """

    caption: str
    overrides: Overrides
    map: str = ""


@dataclass(frozen=True)
class Strip:
    """Pictures side by side.

    Attributes:
        base: name of a config in :data:`BASES`.
        common: what all of them change of it.
        panels: what they show.
        zoom: how much larger than a panel pictures are rendered, for what is small: a panel shows a part of one.
        at: x and y of that part's middle, as shares of the picture.
        columns: panels side by side; 0 is all.
    """

    base: str
    panels: Sequence[Panel]
    common: Overrides = field(default_factory=dict)
    zoom: float = 1.0
    at: tuple[float, float] = (0.5, 0.5)
    columns: int = 0


_LAMP = {"kind": "area", "power": 20, "elevation_deg": 45, "azimuth_deg": 60, "size_m": 0.4}
_PLAIN: dict[str, Any] = {
    "seed": 5,
    "assets": {"source": "samples"},
    "objects": {"count": 5, "placement": {"kind": "drop", "density": 0.4, "upright": 0.8}},
    "stage": {"kind": "table", "width_m": 1.6, "depth_m": 1.0, "looks": {"texture": "wood_planks"}},
    "light": {"hdri": {"image": "builtin:interior", "rotation_deg": 0}, "lamps": [_LAMP]},
    "camera": {"elevation_deg": 30, "azimuth_deg": 20, "fill": 0.95, "look_at_jitter": 0},
    "render": {"preset": "standard"},
}


def _base(**sections: Any) -> dict[str, Any]:
    return {**_PLAIN, **{name: value for name, value in sections.items() if value is not None}}


_DIM = {"image": "builtin:interior", "rotation_deg": 0, "strength": 0.15}
_STILL = {"count": 4, "placement": {"kind": "upright", "density": 0.3}}
BASES: dict[str, dict[str, Any]] = {
    "plain": _PLAIN,
    "lamp": _base(
        objects=_STILL, light={"ambient": {"strength": 0.15}, "lamps": [{**_LAMP, "power": 12, "distance_m": 1.2}]}
    ),
    "sun": _base(
        objects=_STILL,
        light={
            "ambient": {"strength": 0.4},
            "lamps": [{"kind": "sun", "power": 3, "elevation_deg": 30, "azimuth_deg": 80}],
        },
    ),
    "one": _base(
        objects={"count": 3, "placement": {"kind": "upright", "density": 0.35, "yaw_deg": 20}},
        assets={"source": "samples", "classes": ["can", "carton", "duck"]},
    ),
    "far": _base(
        objects=_STILL,
        light={"hdri": {"image": "builtin:city", "rotation_deg": 100}},
        camera={**_PLAIN["camera"], "elevation_deg": 12, "fill": 0.9},
    ),
    "lines": _base(
        stage={"kind": "corner", "walls": "left", "floor": {"texture": "tiles"}, "wall": {"texture": "tiles"}},
        camera={**_PLAIN["camera"], "elevation_deg": 22, "fill": 0.6, "fov_deg": 75},
    ),
    "photo": _base(
        stage={"kind": "ground"},
        light={},
        camera={"fill": 0.6, "azimuth_deg": 20},
        objects={"count": 4, "placement": {"kind": "upright", "density": 0.3}},
        background={
            "kind": "backplate",
            "images": "photos/corner.jpg",
            "horizon": -0.3,
            "floor": [0.25, 0.5, 0.75, 0.9],
        },
    ),
    "empty": {
        "seed": 23,
        "assets": {"source": "samples"},
        "objects": {"count": 0},
        "stage": {"kind": "corner"},
        "light": {"hdri": {"image": "builtin:interior"}},
        "camera": {"look": "phone", "distance_m": 1.4, "elevation_deg": 30},
        "render": {"preset": "standard"},
    },
}
"""What strips change something of. Sections are whole: nothing is merged."""
PHOTOS: dict[str, Overrides] = {
    "corner": {"stage": {"kind": "corner"}},
    "desk": {"seed": 29, "stage": {"kind": "desk", "clutter": 0}, "camera.distance_m": 1.0, "camera.elevation_deg": 35},
    "conveyor": {"seed": 31, "stage": {"kind": "conveyor"}, "camera.distance_m": 1.1, "camera.elevation_deg": 35},
}
"""What stands in for photos: rendered from the base ``empty``, each to ``photos/NAME.jpg``."""


def _vary(
    key: str, *values: Any, base: str = "plain", zoom: float = 1.0, at: tuple[float, float] = (0.5, 0.5), **common: Any
) -> Strip:
    """A strip of a key's values; ``common`` has sections by name, with dots written as ``__``."""
    panels = [Panel(as_yaml(value), {key: value}) for value in values]
    return Strip(base, panels, {name.replace("__", "."): value for name, value in common.items()}, zoom, at)


def _stage(
    kind: str, key: str, *values: Any, base: str = "plain", with_: Overrides | None = None, **common: Any
) -> Strip:
    """A strip of values of a stage's key; ``with_`` are the stage's other keys."""
    dotted = {name.replace("__", "."): value for name, value in common.items()}
    stages = [{"kind": kind, **(with_ or {}), key: value} for value in values]
    panels = [Panel(_said(value), {"stage": stage}) for value, stage in zip(values, stages, strict=True)]
    return Strip(base, panels, dotted)


def _said(value: Any) -> str:
    """Of looks that have a texture alone, its name."""
    return f"texture: {value['texture']}" if isinstance(value, dict) and [*value] == ["texture"] else as_yaml(value)


def _looks(*names: str) -> list[dict[str, str]]:
    return [{"texture": name} for name in names]


def _of_lamp(key: str, *values: Any, base: str = "lamp", **common: Any) -> Strip:
    lamp = BASES[base]["light"]["lamps"][0]
    panels = [Panel(as_yaml(value), {"light.lamps": [{**lamp, key: value}]}) for value in values]
    return Strip(base, panels, {name.replace("__", "."): value for name, value in common.items()})


def _of_looks(key: str, *values: Any, with_: Overrides | None = None, **common: Any) -> Strip:
    panels = [Panel(as_yaml(value), {"stage.looks": {**(with_ or {}), key: value}}) for value in values]
    return Strip("plain", panels, {"objects": _STILL, **{k.replace("__", "."): v for k, v in common.items()}})


def _map(name: str, caption: str) -> Strip:
    return Strip("plain", [Panel("the picture", {}), Panel(caption, {}, name)], {f"output.{name}": True})


def _labelled(key: str, *values: Any, **common: Any) -> Strip:
    panels = [Panel(as_yaml(value), {f"labels.{key}": value}, "labels") for value in values]
    crowd = {"count": 14, "placement": {"kind": "drop", "density": 0.9, "upright": 0.8}}
    dotted = {name.replace("__", "."): value for name, value in common.items()}
    return Strip("plain", panels, {"objects": crowd, "camera.elevation_deg": 18, **dotted}, 1.5)


_SHELF: dict[str, Any] = {
    "objects": {"count": 7, "placement": {"kind": "upright", "density": 0.3}},
    "camera": {"elevation_deg": 8, "azimuth_deg": 10, "fill": 0.75, "look_at_jitter": 0},
}
_BIN: dict[str, Any] = {
    "objects": {"count": 9, "placement": {"kind": "drop"}},
    "camera": {"elevation_deg": 50, "azimuth_deg": 20, "fill": 0.7, "look_at_jitter": 0},
}
_FISHEYE: dict[str, Any] = {
    "camera": {"elevation_deg": 20, "azimuth_deg": 20, "distance_m": 0.7, "look_at_jitter": 0, "fov_deg": 150},
}

_FLOATING = {"stage": {"kind": "none"}, "objects.placement": {"kind": "scatter"}}
_WORN: dict[str, Any] = {
    "seed": 14,
    "assets__classes": ["can", "carton", "bottle"],
    "objects": {"count": 3, "placement": {"kind": "drop", "density": 0.5, "upright": 1}},
    "camera__fill": 1.2,
}
STRIPS: dict[str, Strip] = {
    # The whole run
    "recipe": Strip(
        "plain",
        [
            Panel("null", {"stage": {"kind": "table"}}),
            Panel("detection", {"recipe": "detection"}),
        ],
        {"without": ["objects", "stage", "light", "camera"], "seed": 7, "camera.azimuth_deg": 20},
    ),
    # Scans and objects
    "assets.classes": _vary("assets.classes", ["duck"], ["can", "carton"], "all", objects__count=6),
    "objects.count": _vary("objects.count", 1, 5, 15),
    "objects.repeat": _vary("objects.repeat", 0, 0.5, 1, objects__count=8, camera__elevation_deg=40),
    "objects.scale": _vary("objects.scale", 0.5, 1, 2, camera__distance_m=1.2),
    "objects.wear": _vary("objects.wear", 0, 0.5, 1, zoom=2.6, at=(0.66, 0.72), **_WORN),
    "objects.wear_kinds": Strip(
        "plain",
        [Panel(f"[{k}]", {"objects.wear_kinds": [k]}) for k in ("dust", "scratches", "fingerprints", "scuffs")],
        {**{k.replace("__", "."): v for k, v in _WORN.items()}, "objects.wear": 1},
        2.6,
        (0.66, 0.72),
        columns=2,
    ),
    "objects.material.hue": _vary("objects.material.hue", -0.2, 0, 0.2),
    "objects.material.saturation": _vary("objects.material.saturation", 0, 1, 2),
    "objects.material.value": _vary("objects.material.value", 0.4, 1, 1.6),
    "objects.material.roughness": _vary("objects.material.roughness", -0.6, 0, 0.6),
    "objects.material.metallic": _vary("objects.material.metallic", 0, 0.5, 1),
    "objects.material.specular": _vary("objects.material.specular", 0, 1, 4),
    "placement.kind": Strip(
        "plain",
        [Panel(kind, {"objects.placement": {"kind": kind}}) for kind in ("drop", "upright", "scatter")],
        {"objects.count": 7},
    ),
    "placement.drop.density": _vary("objects.placement.density", 0.1, 0.4, 0.9, objects__count=9),
    "placement.drop.upright": _vary("objects.placement.upright", 0, 0.5, 1, objects__count=7),
    "placement.upright.density": Strip(
        "plain",
        [Panel(str(d), {"objects.placement": {"kind": "upright", "density": d}}) for d in (0.08, 0.25, 0.6)],
        {"objects.count": 9},
    ),
    "placement.upright.yaw_deg": Strip(
        "one",
        [
            Panel(str(y), {"objects.placement": {"kind": "upright", "density": 0.35, "yaw_deg": y}})
            for y in (0, 90, 180)
        ],
        {"assets.classes": ["mug", "gnome", "duck"], "camera.elevation_deg": 40},
    ),
    "placement.scatter.density": Strip(
        "plain",
        [Panel(str(d), {"objects.placement": {"kind": "scatter", "density": d}}) for d in (0.01, 0.05, 0.2)],
        {"objects.count": 9, "stage": {"kind": "none"}},
    ),
    "placement.scatter.height_m": Strip(
        "plain",
        [
            Panel(str(h), {"objects.placement": {"kind": "scatter", "density": 0.08, "height_m": h}})
            for h in (0, 0.08, 0.25)
        ],
        {"camera.elevation_deg": 12, "camera.fill": 0.6},
    ),
    "distractors.count": _vary("distractors.count", 0, 5, 15),
    "distractors.source": _vary(
        "distractors.source",
        "primitives",
        "samples",
        ["teapot"],
        assets__classes=["can", "carton", "mug"],
        distractors__count=6,
    ),
    "distractors.scale": _vary(
        "distractors.scale",
        0.5,
        1,
        2,
        assets__classes=["can", "carton", "mug"],
        distractors={"count": 5, "source": "samples"},
    ),
    "distractors.size_m": _vary("distractors.size_m", 0.03, 0.08, 0.16, distractors__count=6),
    # Stages and their surfaces
    "stage.kind": Strip(
        "plain",
        [
            Panel("table", {"stage": {"kind": "table"}}),
            Panel("desk", {"stage": {"kind": "desk"}, "camera.fill": 0.7}),
            Panel("corner", {"stage": {"kind": "corner"}, "camera.fill": 0.7}),
            Panel("shelf", {"stage": {"kind": "shelf"}, **_SHELF}),
            Panel("bin", {"stage": {"kind": "bin"}, **_BIN}),
            Panel("conveyor", {"stage": {"kind": "conveyor"}, "camera.fill": 0.6}),
            Panel("room", {"stage": {"kind": "room"}, "camera.fill": 0.45}),
            Panel("ground", {"stage": {"kind": "ground"}}),
            Panel("none", {"stage": {"kind": "none"}, "objects": {"count": 6}}),
        ],
        {"light": {"hdri": {"image": "builtin:courtyard"}}},
        columns=3,
    ),
    "stage.table.width_m": _stage("table", "width_m", 0.6, 1.2, 2.4, with_={"depth_m": 0.8}, camera__fill=0.35),
    "stage.table.depth_m": _stage("table", "depth_m", 0.5, 0.9, 2, with_={"width_m": 1.2}, camera__fill=0.35),
    "stage.table.looks": _stage("table", "looks", *_looks("wood_grain", "marble", "checks")),
    "stage.table.legs": _stage(
        "table", "legs", True, False, with_={"width_m": 0.9, "depth_m": 0.6}, camera__fill=0.2, camera__elevation_deg=12
    ),
    "stage.desk.width_m": _stage("desk", "width_m", 0.8, 1.6, 2.6, camera__fill=0.3),
    "stage.desk.depth_m": _stage("desk", "depth_m", 0.45, 0.75, 1.2, with_={"width_m": 1.6}, camera__fill=0.35),
    "stage.desk.clutter": _stage("desk", "clutter", 0, 3, 12, with_={"width_m": 2.4}, camera__fill=0.3),
    "stage.desk.looks": _stage("desk", "looks", *_looks("wood_grain", "marble", "linen"), camera__fill=0.6),
    "stage.desk.wall": _stage(
        "desk", "wall", *_looks("plaster", "wood_planks"), None, camera__fill=0.4, camera__elevation_deg=18
    ),
    "stage.desk.floor": _stage(
        "desk",
        "floor",
        *_looks("tiles", "wood_planks"),
        None,
        with_={"width_m": 0.9, "wall": None, "clutter": 0},
        camera__fill=0.25,
        camera__elevation_deg=45,
    ),
    "stage.corner.width_m": _stage(
        "corner",
        "width_m",
        0.4,
        1.2,
        3,
        objects__placement={"kind": "upright", "density": 0.02},
        camera__fill=0.9,
        objects__count=7,
    ),
    "stage.corner.depth_m": _stage("corner", "depth_m", 0.4, 1, 2.5, with_={"width_m": 1}, camera__fill=0.35),
    "stage.corner.walls": _stage("corner", "walls", "back", "left", "right", camera__fill=0.4, camera__azimuth_deg=0),
    "stage.corner.skirting": _stage("corner", "skirting", True, False, camera__fill=0.5, camera__elevation_deg=15),
    "stage.corner.floor": _stage("corner", "floor", *_looks("tiles", "wood_planks", "concrete"), camera__fill=0.5),
    "stage.corner.wall": _stage(
        "corner", "wall", *_looks("plaster", "wood_planks", "stripes"), camera__fill=0.5, camera__elevation_deg=15
    ),
    "stage.shelf.width_m": _stage("shelf", "width_m", 0.5, 0.9, 1.5, **_SHELF),
    "stage.shelf.depth_m": _stage("shelf", "depth_m", 0.15, 0.3, 0.6, **_SHELF),
    "stage.shelf.boards": _stage("shelf", "boards", 1, 2, 4, **_SHELF),
    "stage.shelf.gap_m": _stage("shelf", "gap_m", 0.25, 0.35, 0.6, with_={"boards": 2}, **_SHELF),
    "stage.shelf.looks": _stage("shelf", "looks", *_looks("wood_grain", "brushed_metal", "plaster"), **_SHELF),
    "stage.shelf.wall": _stage(
        "shelf",
        "wall",
        *_looks("plaster", "tiles"),
        None,
        with_={"neighbours": False, "boards": 1, "width_m": 0.7},
        **{**_SHELF, "camera": {**_SHELF["camera"], "fill": 0.4}},
    ),
    "stage.shelf.neighbours": _stage(
        "shelf",
        "neighbours",
        True,
        False,
        with_={"boards": 2, "width_m": 0.8},
        **{**_SHELF, "camera": {**_SHELF["camera"], "fill": 0.4}},
    ),
    "stage.bin.made_of": _stage(
        "bin", "made_of", "cardboard", "plastic", "metal", with_={"stands_on": "table"}, **_BIN
    ),
    "stage.bin.width_m": _stage(
        "bin", "width_m", 0.3, 0.5, 0.8, with_={"made_of": "plastic", "depth_m": 0.4, "height_m": 0.2}, **_BIN
    ),
    "stage.bin.depth_m": _stage(
        "bin", "depth_m", 0.3, 0.5, 0.8, with_={"made_of": "plastic", "width_m": 0.4, "height_m": 0.2}, **_BIN
    ),
    "stage.bin.height_m": _stage(
        "bin", "height_m", 0.08, 0.2, 0.4, with_={"made_of": "plastic", "width_m": 0.5, "depth_m": 0.4}, **_BIN
    ),
    "stage.bin.heaped": _stage(
        "bin",
        "heaped",
        0.3,
        0.8,
        2.5,
        with_={"made_of": "plastic"},
        **_BIN,
    ),
    "stage.bin.flaps": _stage(
        "bin",
        "flaps",
        0,
        1,
        with_={"made_of": "cardboard", "stands_on": "floor"},
        **{**_BIN, "camera": {**_BIN["camera"], "fill": 0.5}},
    ),
    "stage.bin.looks": _stage(
        "bin",
        "looks",
        {"color": "#2f6db5"},
        {"color": "#c9452f"},
        {"color": "#7b8a5a"},
        with_={"made_of": "plastic"},
        **_BIN,
    ),
    "stage.bin.stands_on": _stage(
        "bin",
        "stands_on",
        "table",
        "floor",
        with_={"made_of": "cardboard"},
        **{**_BIN, "camera": {**_BIN["camera"], "fill": 0.35, "elevation_deg": 40}},
    ),
    "stage.bin.under": _stage(
        "bin",
        "under",
        *_looks("concrete", "wood_planks", "tiles"),
        with_={"made_of": "plastic", "stands_on": "floor"},
        **{**_BIN, "camera": {**_BIN["camera"], "fill": 0.45}},
    ),
    "stage.conveyor.width_m": _stage("conveyor", "width_m", 0.3, 0.5, 0.9, camera__fill=0.5),
    "stage.conveyor.length_m": _stage("conveyor", "length_m", 1, 2, 6, camera__fill=0.3),
    "stage.conveyor.rails": _stage("conveyor", "rails", 0, 0.05, 0.15, camera__fill=0.6),
    "stage.conveyor.belt": _stage(
        "conveyor", "belt", {"color": "#1d1d1f"}, {"color": "#2e6b4f"}, {"texture": "brushed_metal"}, camera__fill=0.6
    ),
    "stage.conveyor.frame": _stage(
        "conveyor",
        "frame",
        {"texture": "brushed_metal"},
        {"color": "#d9a514"},
        {"color": "#2455a4"},
        with_={"rails": 0.09},
        camera__fill=0.6,
    ),
    "stage.conveyor.floor": _stage(
        "conveyor", "floor", *_looks("concrete", "tiles"), None, camera__fill=0.35, camera__elevation_deg=40
    ),
    "stage.room.size_m": _stage("room", "size_m", 2, 4, 8, camera__fill=0.25, camera__elevation_deg=14),
    "stage.room.height_m": _stage(
        "room", "height_m", 1.2, 2.6, 5, with_={"size_m": 3}, camera__fill=0.2, camera__elevation_deg=2
    ),
    "stage.room.floor": _stage("room", "floor", *_looks("wood_planks", "tiles", "concrete"), camera__fill=0.5),
    "stage.room.walls": _stage(
        "room",
        "walls",
        *_looks("plaster", "wood_planks", "stripes"),
        with_={"size_m": 3},
        camera__fill=0.4,
        camera__elevation_deg=8,
    ),
    "stage.room.light_w": _stage(
        "room", "light_w", 30, 100, 300, camera__fill=0.5, camera__exposure=0, light={"lamps": []}
    ),
    "stage.room.light_k": _stage("room", "light_k", 2700, 4500, 8000, camera__fill=0.5, light={"lamps": []}),
    "stage.ground.size_m": _stage("ground", "size_m", 0.5, 1.5, 6, camera__fill=0.4, camera__elevation_deg=20),
    "stage.ground.looks": _stage("ground", "looks", *_looks("concrete", "tiles", "fabric")),
    "looks.texture": Strip(
        "plain",
        [
            Panel(name, {"stage.looks": {"texture": name}})
            for name in (
                "wood_planks",
                "wood_grain",
                "marble",
                "granite",
                "terrazzo",
                "concrete",
                "plaster",
                "fabric",
                "linen",
                "checks",
                "stripes",
                "tiles",
                "cork",
                "brushed_metal",
                "cardboard",
            )
        ],
        {"objects": {"count": 1, "placement": {"kind": "upright", "density": 0.1}}, "camera.fill": 0.35, "seed": 6},
        columns=3,
    ),
    "looks.image": _of_looks(
        "image", "photos/corner.jpg", "photos/desk.jpg", "photos/conveyor.jpg", with_={"texture_size_m": 0.7}
    ),
    "looks.color": _of_looks("color", "#b8342a", "#e8e4da", "#2b4d8f", with_={"texture": "none"}),
    "looks.texture_size_m": _of_looks("texture_size_m", 0.1, 0.3, 1, with_={"texture": "checks"}),
    "looks.roughness": _of_looks(
        "roughness", 0, 0.3, 1, with_={"texture": "none", "color": "#5a5f66"}, camera__elevation_deg=15
    ),
    "looks.metallic": _of_looks(
        "metallic",
        0,
        0.5,
        1,
        with_={"texture": "none", "color": "#c8a25a", "roughness": 0.25},
        camera__elevation_deg=20,
    ),
    "looks.bump": _of_looks(
        "bump",
        0,
        1,
        6,
        with_={"texture": "fabric"},
        light={"ambient": {"strength": 0.1}, "lamps": [{**_LAMP, "elevation_deg": 15, "size_m": 0.05}]},
        camera__fill=1.4,
    ),
    "distractors.looks": Strip(
        "plain",
        [
            Panel(_said(looks), {"distractors.looks": looks})
            for looks in ({"texture": "wood_grain"}, {"texture": "brushed_metal"}, {"color": "#2b6d8f"})
        ],
        {"distractors": {"count": 8, "size_m": 0.09}},
    ),
    # Light
    "light.hdri.image": _vary(
        "light.hdri.image",
        "builtin:city",
        "builtin:forest",
        "builtin:night",
        base="plain",
        light__lamps=[],
        camera__elevation_deg=14,
        camera__fill=0.7,
    ),
    "light.hdri.place": _vary(
        "light.hdri.place",
        "indoors",
        "outdoors",
        light={"hdri": {"image": "builtin"}},
        camera__elevation_deg=14,
        camera__fill=0.7,
    ),
    "light.hdri.rotation_deg": _vary(
        "light.hdri.rotation_deg", 0, 120, 240, base="far", light__hdri__image="builtin:sunset"
    ),
    "light.hdri.strength": _vary("light.hdri.strength", 0.2, 1, 4, light__lamps=[], camera__exposure=0),
    "light.ambient.color": _vary("light.ambient.color", "#ffffff", "#ffb070", "#7fa0ff", base="lamp", light__lamps=[]),
    "light.ambient.strength": _vary("light.ambient.strength", 0.05, 0.5, 2, base="lamp", camera__exposure=0),
    "light.lamps.kind": Strip(
        "lamp",
        [
            Panel("sun", {"light.lamps": [{"kind": "sun", "power": 3, "azimuth_deg": 60, "elevation_deg": 45}]}),
            Panel("area", {"light.lamps": [{**_LAMP, "size_m": 0.8}]}),
            Panel("point", {"light.lamps": [{**_LAMP, "kind": "point", "size_m": 0.02, "distance_m": 0.5}]}),
        ],
    ),
    "light.lamps.count": Strip(
        "lamp",
        [
            Panel(
                str(n), {"light.lamps": [{"kind": "area", "power": 15, "count": n, "size_m": 0.1, "elevation_deg": 35}]}
            )
            for n in (0, 1, 3)
        ],
    ),
    "light.lamps.power": _of_lamp("power", 4, 16, 64, camera__exposure=0),
    "light.lamps.temperature_k": _of_lamp("temperature_k", 2500, 5500, 12000, light__ambient__strength=0.05),
    "light.lamps.azimuth_deg": _of_lamp("azimuth_deg", 0, 120, 240),
    "light.lamps.elevation_deg": _of_lamp("elevation_deg", 12, 45, 85),
    "light.lamps.distance_m": _of_lamp("distance_m", 0.4, 1, 2.5, camera__exposure=0.5),
    "light.lamps.size_m": _of_lamp("size_m", 0.02, 0.3, 1.2),
    "light.lamps.angle_deg": _of_lamp("angle_deg", 0.5, 8, 30, base="sun"),
    # Background
    "background.kind": Strip(
        "far",
        [
            Panel("hdri", {"background": {"kind": "hdri"}, **_FLOATING}),
            Panel("color", {"background": {"kind": "color"}, **_FLOATING}),
            Panel(
                "backplate",
                {
                    "background": {
                        "kind": "backplate",
                        "images": "photos/corner.jpg",
                        "horizon": -0.3,
                        "floor": [0.25, 0.5, 0.75, 0.9],
                    },
                    "stage": {"kind": "ground"},
                    "without": ["light", "camera.elevation_deg"],
                    "camera.fill": 0.6,
                },
            ),
        ],
    ),
    "background.color.color": Strip(
        "far",
        [Panel(c, {"background": {"kind": "color", "color": c}}) for c in ("#808080", "#2e7d4f", "#e8d8b0")],
        {"stage": {"kind": "none"}, "objects.placement": {"kind": "scatter"}},
    ),
    "background.backplate.images": _vary(
        "background.images", "photos/corner.jpg", "photos/desk.jpg", "photos/conveyor.jpg", base="photo"
    ),
    "background.backplate.shadows": _vary(
        "background.shadows",
        True,
        False,
        base="photo",
        background={"kind": "backplate", "images": "photos/corner.jpg"},
        light={"hdri": {"image": "builtin:interior"}, "lamps": [_LAMP]},
        camera__elevation_deg=32,
    ),
    "background.backplate.horizon": _vary("background.horizon", -1.2, -0.3, 0.3, base="photo"),
    "background.backplate.height_m": _vary("background.height_m", 0.4, 0.8, 1.6, base="photo"),
    "background.backplate.floor": _vary(
        "background.floor",
        [0.1, 0.55, 0.35, 0.75],
        [0.35, 0.5, 0.65, 0.7],
        [0.6, 0.7, 0.9, 0.95],
        base="photo",
        objects__count=3,
        background__height_m=0.9,
    ),
    "background.backplate.match": _vary(
        "background.match", False, True, base="photo", zoom=1.7, at=(0.5, 0.65), background__height_m=0.5
    ),
    # Camera: place and view
    "camera.resolution": _vary("camera.resolution", [48, 36], [140, 105], [560, 420]),
    "camera.framing": _vary("camera.framing", "objects", "object", "midst", objects__count=9, camera__object_fill=0.4),
    "camera.fill": _vary("camera.fill", 0.4, 0.8, 1.4),
    "camera.object_fill": _vary("camera.object_fill", 0.12, 0.3, 0.8, camera__framing="object", camera__off_center=0),
    "camera.off_center": _vary(
        "camera.off_center", 0, 0.4, 1, camera__framing="object", camera__object_fill=0.3, seed=6
    ),
    "camera.distance_m": _vary("camera.distance_m", 0.6, 1.2, 2.4),
    "camera.azimuth_deg": _vary("camera.azimuth_deg", 0, 90, 180),
    "camera.elevation_deg": _vary("camera.elevation_deg", 5, 30, 75),
    "camera.roll_deg": _vary("camera.roll_deg", -20, 0, 20),
    "camera.look_at_jitter": _vary("camera.look_at_jitter", 0, 0.5, 1.5, seed=8),
    "camera.fov_deg": _vary("camera.fov_deg", 20, 55, 100, camera__elevation_deg=20),
    "camera.focal_mm": _vary("camera.focal_mm", 18, 35, 70, camera__distance_m=1.3),
    "camera.sensor_mm": _vary("camera.sensor_mm", 12, 24, 48, camera__distance_m=1.3),
    "camera.intrinsics.fx": _vary(
        "camera.intrinsics.fx", 150, 300, 600, camera__intrinsics={"fx": 300}, camera__distance_m=1.3
    ),
    "camera.intrinsics.fy": _vary(
        "camera.intrinsics.fy", 200, 300, 450, camera__intrinsics={"fx": 300}, camera__distance_m=1.3
    ),
    "camera.intrinsics.cx": _vary(
        "camera.intrinsics.cx",
        -160,
        140,
        440,
        camera={
            "elevation_deg": 22,
            "azimuth_deg": 20,
            "distance_m": 0.7,
            "look_at_jitter": 0,
            "intrinsics": {"fx": 250},
        },
        stage={"kind": "table", "looks": {"texture": "checks"}},
    ),
    "camera.intrinsics.cy": _vary(
        "camera.intrinsics.cy",
        -120,
        105,
        330,
        camera={
            "elevation_deg": 22,
            "azimuth_deg": 20,
            "distance_m": 0.7,
            "look_at_jitter": 0,
            "intrinsics": {"fx": 250},
        },
        stage={"kind": "table", "looks": {"texture": "checks"}},
    ),
    # Camera: lens
    "camera.distortion.model": Strip(
        "lines",
        [
            Panel("null", {}),
            Panel("brown_conrady", {"camera.distortion": {"k1": -0.3, "k2": 0.1}}),
            Panel("fisheye", {"camera": {**_FISHEYE["camera"], "distortion": {"model": "fisheye"}}}),
        ],
    ),
    **{
        f"camera.distortion.brown_conrady.{name}": _vary(
            f"camera.distortion.{name}", *values, base="lines", camera__distortion={"model": "brown_conrady"}
        )
        for name, values in {
            "k1": (-0.3, 0, 0.3),
            "k2": (-0.2, 0, 0.4),
            "p1": (-0.06, 0, 0.06),
            "p2": (-0.06, 0, 0.06),
            "k3": (-0.1, 0, 0.4),
            "k4": (-0.2, 0, 0.5),
            "k5": (-0.1, 0, 0.5),
            "k6": (-0.1, 0, 0.5),
        }.items()
    },
    **{
        f"camera.distortion.fisheye.{name}": _vary(
            f"camera.distortion.{name}",
            *values,
            base="lines",
            camera={**_FISHEYE["camera"], "distortion": {"model": "fisheye"}},
        )
        for name, values in {
            "k1": (-0.1, 0, 0.3),
            "k2": (-0.05, 0, 0.2),
            "k3": (-0.02, 0, 0.15),
            "k4": (-0.01, 0, 0.1),
        }.items()
    },
    "camera.look": Strip(
        "one",
        [Panel(look, {"camera.look": look}) for look in ("clean", "phone", "webcam", "industrial")],
        {"light.hdri.image": "builtin:city"},
        1.7,
        columns=2,
    ),
    "camera.native_width_px": _vary(
        "camera.native_width_px", "none", 640, 4000, base="one", zoom=1.7, camera__look="webcam"
    ),
    "camera.depth_of_field.f_number": _vary(
        "camera.depth_of_field.f_number", 1.4, 5.6, "none", base="far", camera__depth_of_field={"f_number": 1}
    ),
    "camera.depth_of_field.match_background": _vary(
        "camera.depth_of_field.match_background",
        0,
        0.5,
        1,
        base="far",
        zoom=2.4,
        at=(0.62, 0.35),
        camera__depth_of_field={"f_number": "none"},
    ),
    "camera.depth_of_field.focus_m": _vary(
        "camera.depth_of_field.focus_m",
        0.45,
        0.8,
        3,
        base="far",
        camera__depth_of_field={"f_number": 1.2},
        objects__count=7,
    ),
    "camera.depth_of_field.sensor_mm": _vary(
        "camera.depth_of_field.sensor_mm", 4, 12, 36, base="far", camera__depth_of_field={"f_number": 1.4}
    ),
    "camera.motion_blur.of": _vary("camera.motion_blur.of", "camera", "objects", camera__motion_blur={"length_px": 12}),
    "camera.motion_blur.length_px": _vary(
        "camera.motion_blur.length_px", 0, 6, 20, camera__motion_blur={"length_px": 1}
    ),
    "camera.motion_blur.rotation_deg": _vary(
        "camera.motion_blur.rotation_deg", 0, 3, 10, camera__motion_blur={"of": "camera"}
    ),
    "camera.vignetting": _vary("camera.vignetting", 0, 0.4, 0.8),
    "camera.chromatic_aberration_px": _vary(
        "camera.chromatic_aberration_px", -4, 0, 4, base="lines", zoom=1.6, at=(0.25, 0.25)
    ),
    "camera.blur_px": _vary("camera.blur_px", 0, 1, 3, base="one"),
    # Camera: sensor and processor
    "camera.noise.shot": _vary("camera.noise.shot", 0, 0.002, 0.02, base="one", camera__noise={"read": 0}),
    "camera.noise.read": _vary("camera.noise.read", 0, 0.02, 0.08, base="one", camera__noise={"shot": 0}),
    "camera.noise.grain_px": _vary("camera.noise.grain_px", 0, 1, 3, base="one", camera__noise={"shot": 0.01}),
    "camera.noise.chroma": _vary(
        "camera.noise.chroma", 0, 0.5, 1, base="one", camera__noise={"shot": 0.02, "grain_px": 1}
    ),
    "camera.white_balance.auto": _vary(
        "camera.white_balance.auto",
        0,
        0.5,
        1,
        base="lamp",
        camera__white_balance={"auto": 0},
        light={"ambient": {"color": "#ffb070", "strength": 0.5}, "lamps": []},
    ),
    "camera.white_balance.shift_mired": _vary(
        "camera.white_balance.shift_mired", -60, 0, 100, camera__white_balance={"auto": 0}
    ),
    "camera.white_balance.tint": _vary("camera.white_balance.tint", -0.4, 0, 0.4, camera__white_balance={"auto": 0}),
    "camera.exposure": _vary("camera.exposure", -2, "auto", 2),
    "camera.exposure_bias_ev": _vary("camera.exposure_bias_ev", -1.5, 0, 1.5),
    "camera.tone": _vary("camera.tone", "filmic", "standard", camera__exposure_bias_ev=1),
    "camera.black_point": _vary("camera.black_point", -0.15, 0, 0.2),
    "camera.contrast": _vary("camera.contrast", 0.5, 1, 2),
    "camera.saturation": _vary("camera.saturation", 0, 1, 2),
    "camera.sharpening.amount": _vary(
        "camera.sharpening.amount", 0, 0.7, 3, base="one", camera__sharpening={"amount": 0}
    ),
    "camera.sharpening.radius_px": _vary(
        "camera.sharpening.radius_px", 0.6, 2, 6, base="one", camera__sharpening={"amount": 1.5}
    ),
    "camera.detail": _vary("camera.detail", 1, 0.5, 0.2, base="one"),
    "camera.stream_quality": _vary("camera.stream_quality", "none", 30, 5, base="one"),
    # Labels, as they are drawn onto the picture
    "labels.min_pixels": _labelled("min_pixels", 16, 400, 900),
    "labels.min_visible_fraction": _labelled("min_visible_fraction", 0.05, 0.5, 0.9),
    "labels.min_box_px": _labelled("min_box_px", 1, 60, 100),
    "labels.max_truncated_fraction": _labelled("max_truncated_fraction", 1, 0.3, 0, camera__fill=2.2),
    "labels.on_violation": _labelled("on_violation", "drop_label", "ignore", labels__min_visible_fraction=0.7),
    # Quality, and maps
    "render.preset": _vary("render.preset", "draft", "standard", "final", base="one", zoom=1.6),
    "render.samples": _vary("render.samples", 1, 8, 64, base="one", render__denoise="off"),
    "render.noise_threshold": _vary(
        "render.noise_threshold",
        0,
        0.1,
        0.5,
        base="one",
        render__denoise="off",
        render__samples=64,
        render__min_samples=2,
    ),
    "render.denoise": _vary("render.denoise", "off", "fast", "light", base="one", zoom=1.6, render__samples=4),
    "render.max_bounces": _vary(
        "render.max_bounces",
        0,
        1,
        6,
        stage={"kind": "room", "size_m": 3},
        camera__fill=0.45,
        camera__exposure=0,
        light={"lamps": []},
    ),
    "render.diffuse_bounces": _vary(
        "render.diffuse_bounces",
        0,
        1,
        4,
        stage={"kind": "room", "size_m": 3},
        camera__fill=0.45,
        camera__exposure=0,
        light={"lamps": []},
    ),
    "render.glossy_bounces": _vary(
        "render.glossy_bounces",
        0,
        1,
        4,
        objects__material={"metallic": 1, "roughness": -1},
        stage={"kind": "table", "looks": {"texture": "brushed_metal", "roughness": 0.05}},
    ),
    "output.quality": _vary("output.quality", 93, 30, 8, base="one"),
    "output.depth": _map("depth", "depth"),
    "output.normals": _map("normals", "normals"),
    "output.instances": _map("instances", "instance ids"),
    "output.semantic": _map("semantic", "category ids"),
    "output.soft_masks": _map("soft_masks", "coverage"),
}

OVERVIEW = Strip(
    "plain",
    [Panel("the picture", {}), Panel("its labels", {}, "labels"), Panel("its depth", {}, "depth")],
    {
        "seed": 14,
        "objects": {"count": 7, "placement": {"kind": "drop", "density": 0.45, "upright": 0.8}},
        "stage.looks": {"texture": "marble"},
        "camera.elevation_deg": 38,
        "camera.resolution": [560, 420],
        "output.depth": True,
    },
)
"""The picture at the head of the documentation."""

_NO_LOOK = "a run's book-keeping: pictures stay as they are"
_MANY = "decides what many pictures hold together; each looks as before"
_SHEET = "as the key of the same name for all classes"
WITHOUT: dict[str, str] = {
    "name": _NO_LOOK,
    "images": "how many pictures, not what they show",
    "seed": "any other seed gives other pictures",
    "variables": "what others keys refer to: nothing by themselves",
    "negatives": "a share of pictures without objects: see objects.count at 0",
    **{
        f"balance.{key}": _MANY
        for key in ("total", "count", "tolerance", "context", "attributes", "most_repeats", "target")
    },
    **{
        f"balance.target.{kind}.{key}": _MANY
        for kind, own in (
            ("power", "power"),
            ("repeat_factor", "repeat_factor"),
            ("effective_number", "effective_number"),
            ("fill", "to"),
        )
        for key in ("coco", "counts", "map", own)
    },
    "assets.source": "which scans there are, not how they look",
    "assets.library": "a path",
    "distractors.exclude": "takes classes out of distractors.source",
    "stage.weight": "how often each of several stages comes",
    "stage.place": "chooses among environments: see light.hdri.place",
    "labels.parts": "what has labels, not how it looks",
    "labels.source": "whose mask is the label: both are the same within a pixel",
    **{
        f"labels.per_class.{key}": _SHEET
        for key in ("min_pixels", "min_visible_fraction", "min_box_px", "max_truncated_fraction", "on_violation")
    },
    "render.engine": "both show the same scene; eevee needs a GPU",
    "render.device": "where it is computed",
    "render.min_samples": "matters only below render.noise_threshold, and then little",
    "render.albedo_samples": "smoother edges of texture, seen in enlargements alone",
    "render.clamp_indirect": "fewer single bright pixels, in pictures without a denoiser",
    "render.world_map_px": "time and noise of environment light, not its look",
    "render.hdri_light": "the same light with less noise",
    "render.threads": "where it is computed",
    "output.format": "JPEG at 93 and PNG look alike",
    **{f"workers.{key}": _NO_LOOK for key in ("count", "picture_timeout_s", "memory_gb")},
    **{
        f"fit.{key}": "`scanstage fit` goes by it, and pictures don't"
        for key in ("holdout", "map", "free", "fixed", "joint", "bank", "appearance", "parity.weight", "parity.slack")
    },
    **{
        f"survey.{key}": "`scanstage survey` goes by it, and pictures don't"
        for key in (
            *("scale", "pictures", "pair_by_plan", "ratings_per_picture", "session"),
            *("gold.real", "gold.corrupt", "gold.hidden", "gold.accept.real", "gold.accept.corrupt"),
            *("screen.good", "screen.bad", "screen.error", "screen.tries"),
        )
    },
}
