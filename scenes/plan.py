"""The complete plan of a picture, as plain data: what the caster labels and what an engine renders.

A plan holds no handles and draws nothing: two processes given the same plan make the same picture. It round-trips
through JSON exactly (floats are written with all their digits).

Frames: world right-handed, Z up, metres. Camera: OpenCV (x right, y down, z forward). Matrices are row-major 4x4,
named ``a_to_b``: ``p_b = a_to_b @ p_a``. Colours are linear RGB. Angles are radians.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, FailFast, Field, TypeAdapter

Row = tuple[float, float, float, float]
Matrix4 = tuple[Row, Row, Row, Row]
Rgb = tuple[float, float, float]
Vector3 = tuple[float, float, float]

MOST_EDGE_PX = 16384
MOST_PIXELS = 1 << 26
"""Of one picture: 8192 x 8192. What is larger is neither made nor opened."""
MOST_PICTURES = 10_000_000
"""Of one dataset."""
Index = Annotated[int, Field(ge=0, lt=MOST_PICTURES)]
EdgePx = Annotated[int, Field(ge=1, le=MOST_EDGE_PX)]
Int32 = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
"""Ids and numbers of pixels: JSON has numbers that no array can hold."""
BoxPx = Annotated[int, Field(ge=-8 * MOST_EDGE_PX, le=8 * MOST_EDGE_PX)]
"""Places and lengths of boxes, which reach a frame's size beyond the picture at most."""


@dataclass(frozen=True)
class LensPlan:
    """Distortion of a lens, in OpenCV's models and order of parameters; see :mod:`lens`.

    Attributes:
        model: ``brown_conrady`` or ``fisheye`` (Kannala-Brandt).
        coefficients: k1, k2, p1, p2, k3, k4, k5, k6 (Brown-Conrady); k1, k2, k3, k4 (fisheye).
    """

    model: Literal["brown_conrady", "fisheye"]
    coefficients: Annotated[tuple[float, ...], FailFast()]


@dataclass(frozen=True)
class MotionPlan:
    """A steady motion while the shutter is open. The pose in the plan is that of the middle of the exposure.

    Attributes:
        translation_m: from the shutter's opening to its closing, world frame, metres.
        rotation: rotation vector (axis times angle in radians) over the same time, world frame, about the origin of
            the thing's own frame.
    """

    translation_m: Vector3 = (0.0, 0.0, 0.0)
    rotation: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class CameraPlan:
    """A camera: a pinhole, or a lens with distortion.

    Attributes:
        resolution_wh: width and height in pixels.
        fx, fy, cx, cy: intrinsics in pixels; the centre of the top-left pixel is at (0.5, 0.5).
        camera_to_world: OpenCV camera frame to world.
        near_m, far_m: clip distances: along z; with a fisheye along the ray.
        lens: distortion, or None: a pinhole.
        aperture_m: diameter of the entrance pupil for depth of field; 0 has none. Labels ignore it.
        focus_m: distance along z that is in focus.
        motion: of the camera during the exposure. Labels ignore it.
    """

    resolution_wh: tuple[EdgePx, EdgePx]
    fx: float
    fy: float
    cx: float
    cy: float
    camera_to_world: Matrix4
    near_m: float = 0.01
    far_m: float = 1000.0
    lens: LensPlan | None = None
    aperture_m: float = 0.0
    focus_m: float = 1.0
    motion: MotionPlan | None = None


@dataclass(frozen=True)
class LampPlan:
    """A lamp that shines along the negative z axis of its own frame (Blender's and glTF's convention).

    Attributes:
        kind: ``sun`` (``power`` in W/m²), ``area`` (a square; W) or ``point`` (W).
        size: edge of an area lamp or radius of a point lamp in metres; angular diameter of a sun in radians.
        temperature_k: the colour temperature that ``color`` was computed from; recorded, not used.
    """

    kind: Literal["sun", "area", "point"]
    lamp_to_world: Matrix4
    power: float
    color: Rgb
    size: float
    temperature_k: float


@dataclass(frozen=True)
class WorldPlan:
    """Light from all around.

    Attributes:
        hdri: ``builtin:<name>`` (one of Blender's own, e.g. ``builtin:forest``), a file path, or None: ``color`` alone.
        rotation: about Z, radians, counter-clockwise seen from above.
        strength: multiplies the HDRI's or the colour's radiance.
        horizon: None, or ``hdri`` is the picture's backplate, out of which the environment is to be made
            (:mod:`photo_light`): the share of the frame's height above which it shows what is above the horizon.
    """

    hdri: str | None
    rotation: float
    strength: float
    color: Rgb = (1.0, 1.0, 1.0)
    horizon: float | None = None


@dataclass(frozen=True)
class BackgroundPlan:
    """What the camera sees where it sees no surface.

    ``hdri``: the world itself. ``color``: a flat colour (the world still lights). ``backplate``: the photo ``image``,
    scaled to cover the frame, composited behind the render.

    Attributes:
        blur_px: sigma of a Gaussian that makes what is rendered as soft as the photo.
        noise: the photo's, in sRGB values (1: white), which what is rendered is given too.
        grain_px: sigma of the Gaussian over which the photo's noise is alike.
        noise_seed: of the generator that draws it.
        jpeg_quality: of the compression that the photo has been through, as seen at its size in the frame; None: none.
    """

    kind: Literal["hdri", "color", "backplate"]
    color: Rgb = (0.0, 0.0, 0.0)
    image: str | None = None
    blur_px: float = 0.0
    noise: float = 0.0
    grain_px: float = 0.0
    noise_seed: Annotated[int, Field(ge=0)] = 0
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = None


@dataclass(frozen=True)
class SurfaceMaterial:
    """A procedural or photographic material for grounds, tables, walls and primitive distractors.

    Attributes:
        texture: a path to an 8-bit grey image that mixes ``color_a`` (black) and ``color_b`` (white); or None: flat
            ``color_a``.
        image: a path to a colour image used as it is, instead of ``texture``; or None.
        texture_size_m: edge of one repetition of either image, metres.
        texture_offset: (u, v) shift in repetitions.
        texture_rotation: radians, about the face's normal.
        roughness, metallic, specular: Principled BSDF; roughness is varied a little by the texture.
        bump_m: height of the relief that ``texture`` gives, metres; 0 is smooth.
        joint_roughness: of what ``texture`` paints black, where that is another material (grout between glazed
            tiles); None: the same all over.
    """

    color_a: Rgb
    color_b: Rgb
    texture: str | None = None
    image: str | None = None
    texture_size_m: float = 1.0
    texture_offset: tuple[float, float] = (0.0, 0.0)
    texture_rotation: float = 0.0
    roughness: float = 0.6
    metallic: float = 0.0
    specular: float = 0.5
    bump_m: float = 0.0
    joint_roughness: float | None = None


@dataclass(frozen=True)
class WearPlan:
    """How a scan has aged, each kind from 0 (as scanned) to 1. Colour and gloss alone: the mesh, and so labels, stay.

    Attributes:
        dust: lies on what looks up in the picture.
        scratches: thin, straight, dark or light.
        fingerprints: dull on what is glossy, glossy on what is dull.
        scuffs: where colour or print is rubbed off, first of all at edges.
        offset_m: where in the endless pattern of each kind this object is cut out of.
    """

    dust: float = 0.0
    scratches: float = 0.0
    fingerprints: float = 0.0
    scuffs: float = 0.0
    offset_m: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class MaterialJitter:
    """What is changed of a scan's own materials; the defaults change nothing.

    Attributes:
        hue: added to the hue, in turns (0.05 is 18 degrees).
        saturation, value: factors in HSV.
        roughness, metallic: added to the material's own, result clamped to 0..1.
        specular: factor on the specular level (1 keeps the default reflectance of 4 %).
        wear: what lies on them and is rubbed off; None: nothing.
    """

    hue: float = 0.0
    saturation: float = 1.0
    value: float = 1.0
    roughness: float = 0.0
    metallic: float = 0.0
    specular: float = 1.0
    wear: WearPlan | None = None


@dataclass(frozen=True)
class ObjectPlan:
    """A scan or a distractor in the picture.

    Attributes:
        instance_id: 1-based, unique in the picture; the value in instance passes. Distractors have one too.
        asset_id: key of the asset in the catalogue, or ``primitive/<name>`` for a built-in primitive.
        class_name: the label, or None for a distractor.
        object_to_world: asset frame to world; may scale (uniformly for labelled scans).
        jitter: changes to the scan's own materials.
        surface: replaces the asset's materials (primitive distractors); None keeps them.
        motion: during the exposure. Labels ignore it.
    """

    instance_id: Int32
    asset_id: str
    class_name: str | None
    object_to_world: Matrix4
    jitter: MaterialJitter = MaterialJitter()
    surface: SurfaceMaterial | None = None
    motion: MotionPlan | None = None


@dataclass(frozen=True)
class SurfacePlan:
    """A part of the stage: ground, table top, shelf board, wall. Never labelled, occludes like anything else.

    Attributes:
        name: for people: ``ground``, ``table_top``, ``wall_north`` …
        asset_id: ``primitive/<name>``: unit-sized, scaled by ``object_to_world``.
        shadow_catcher: show only the shadows that fall on it (backplates).
    """

    name: str
    asset_id: str
    object_to_world: Matrix4
    material: SurfaceMaterial
    shadow_catcher: bool = False


@dataclass(frozen=True)
class NoisePlan:
    """Poisson-Gaussian sensor noise (Foi et al. 2008): variance ``shot * x + read**2`` of a linear signal x, 1 = white.

    Attributes:
        seed: of the generator that draws it.
        grain_px: sigma of the Gaussian over which neighbours' noise is alike; of colour noise twice that. 0: each
            pixel by itself.
        chroma: factor on the part in which the channels differ.
    """

    shot: float
    read: float
    seed: Annotated[int, Field(ge=0)]
    grain_px: float = 0.0
    chroma: float = 1.0


@dataclass(frozen=True)
class ProcessorPlan:
    """What a camera's processor makes of the sensor's signal; the defaults change nothing.

    Attributes:
        auto_white_balance: how far the picture's own light is made neutral, 0 to 1.
        white_balance: gains on linear RGB after that: the error that is left.
        black_point: what black becomes in display values; below 0 dark parts are cut.
        contrast: slope of an S-curve of display values at their middle.
        saturation: factor on the distance from grey.
        sharpening, sharpening_px: amount and sigma of an unsharp mask on brightness.
        detail: the picture is scaled down by this factor, and up again after its compression.
        stream_quality: 1 to 100, of the JPEG that the camera itself makes; None makes none.
    """

    auto_white_balance: float = 0.0
    white_balance: Rgb = (1.0, 1.0, 1.0)
    black_point: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    sharpening: float = 0.0
    sharpening_px: float = 1.0
    detail: float = 1.0
    stream_quality: Annotated[int, Field(ge=1, le=100)] | None = None


@dataclass(frozen=True)
class PostPlan:
    """From linear radiance to the picture's file. Labels ignore all of it.

    Attributes:
        exposure_ev: None meters like a camera's automatic exposure; a number is a fixed exposure in stops.
        bias_ev: added to either, in stops.
        tone: ``filmic`` (soft shoulder, like a camera) or ``standard`` (plain sRGB, clips).
        vignetting: share of light lost in the farthest corner.
        aberration_px: transverse chromatic aberration: shift of red outwards, and of blue inwards, in the farthest
            corner, growing in proportion to the distance from the principal point.
        noise: of the sensor, or None.
        jpeg_quality: 1 to 100, where the picture is written as JPEG.
        blur_px: sigma of the lens's Gaussian point spread.
        processor: of the camera, or None: the tone curve is all.
    """

    exposure_ev: float | None = None
    bias_ev: float = 0.0
    tone: Literal["filmic", "standard"] = "filmic"
    vignetting: float = 0.0
    aberration_px: float = 0.0
    noise: NoisePlan | None = None
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 93
    blur_px: float = 0.0
    processor: ProcessorPlan | None = None


@dataclass(frozen=True)
class FramePlan:
    """Everything that decides picture ``index``. ``factors`` records what was drawn, for reports; engines ignore it."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    index: Index
    attempt: Int32
    camera: CameraPlan
    lamps: Annotated[tuple[LampPlan, ...], FailFast()]
    world: WorldPlan
    background: BackgroundPlan
    surfaces: Annotated[tuple[SurfacePlan, ...], FailFast()]
    objects: Annotated[tuple[ObjectPlan, ...], FailFast()]
    post: PostPlan
    factors: dict[str, Any] = field(default_factory=dict)

    def asset_ids(self) -> list[str]:
        """Ids of the assets that the picture shows, each once, sorted."""
        return sorted({o.asset_id for o in self.objects} | {s.asset_id for s in self.surfaces})

    def to_json(self) -> str:
        """Serialise to one line of JSON."""
        return _ADAPTER.dump_json(self).decode("utf-8")

    @classmethod
    def from_json(cls, text: str | bytes) -> FramePlan:
        """Parse :meth:`to_json`'s text. Raises ``pydantic.ValidationError`` on anything else."""
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(FramePlan)
