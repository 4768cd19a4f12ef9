"""A picture's plan, and a scan's materials, as JSON has them: the dataclasses' fields, tuples as lists.

What they mean is told where they are made, outside of Blender: ``scenes/plan.py`` and ``assets/asset.py``. A test holds
both sides together, field by field.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

MatrixJson = list[list[float]]
"""4x4, row by row."""


class LensJson(TypedDict):
    """A ``LensPlan``."""

    model: Literal["brown_conrady", "fisheye"]
    coefficients: list[float]


class MotionJson(TypedDict):
    """A ``MotionPlan``."""

    translation_m: list[float]
    rotation: list[float]


class CameraJson(TypedDict):
    """A ``CameraPlan``."""

    resolution_wh: list[int]
    fx: float
    fy: float
    cx: float
    cy: float
    camera_to_world: MatrixJson
    near_m: float
    far_m: float
    lens: LensJson | None
    aperture_m: float
    focus_m: float
    motion: MotionJson | None


class ShiningLamp(TypedDict):
    """What a lamp of the scene is set by, of a plan or of a world's own."""

    kind: str
    lamp_to_world: MatrixJson
    power: float
    color: list[float]
    size: float


class LampJson(ShiningLamp):
    """A ``LampPlan``."""

    temperature_k: float


class WorldJson(TypedDict):
    """A ``WorldPlan``."""

    hdri: str | None
    rotation: float
    strength: float
    color: list[float]
    horizon: float | None


class BackgroundJson(TypedDict):
    """A ``BackgroundPlan``."""

    kind: Literal["hdri", "color", "backplate"]
    color: list[float]
    image: str | None
    blur_px: float
    noise: float
    grain_px: float
    noise_seed: int
    jpeg_quality: int | None


class SurfaceMaterialJson(TypedDict):
    """A ``SurfaceMaterial``."""

    color_a: list[float]
    color_b: list[float]
    texture: str | None
    image: str | None
    texture_size_m: float
    texture_offset: list[float]
    texture_rotation: float
    roughness: float
    metallic: float
    specular: float
    bump_m: float
    joint_roughness: float | None


class WearJson(TypedDict):
    """A ``WearPlan``."""

    dust: float
    scratches: float
    fingerprints: float
    scuffs: float
    offset_m: list[float]


class JitterJson(TypedDict):
    """A ``MaterialJitter``."""

    hue: float
    saturation: float
    value: float
    roughness: float
    metallic: float
    specular: float
    wear: WearJson | None


class ObjectJson(TypedDict):
    """An ``ObjectPlan``."""

    instance_id: int
    asset_id: str
    class_name: str | None
    object_to_world: MatrixJson
    jitter: JitterJson
    surface: SurfaceMaterialJson | None
    motion: MotionJson | None


class SurfaceJson(TypedDict):
    """A ``SurfacePlan``."""

    name: str
    asset_id: str
    object_to_world: MatrixJson
    material: SurfaceMaterialJson
    shadow_catcher: bool


class NoiseJson(TypedDict):
    """A ``NoisePlan``."""

    shot: float
    read: float
    seed: int
    grain_px: float
    chroma: float


class ProcessorJson(TypedDict):
    """A ``ProcessorPlan``."""

    auto_white_balance: float
    white_balance: tuple[float, float, float]
    black_point: float
    contrast: float
    saturation: float
    sharpening: float
    sharpening_px: float
    detail: float
    stream_quality: int | None


class PostJson(TypedDict):
    """A ``PostPlan``."""

    exposure_ev: float | None
    bias_ev: float
    tone: Literal["filmic", "standard"]
    vignetting: float
    aberration_px: float
    noise: NoiseJson | None
    jpeg_quality: int
    blur_px: float
    processor: ProcessorJson | None


class PlanJson(TypedDict):
    """A ``FramePlan``."""

    index: int
    attempt: int
    camera: CameraJson
    lamps: list[LampJson]
    world: WorldJson
    background: BackgroundJson
    surfaces: list[SurfaceJson]
    objects: list[ObjectJson]
    post: PostJson
    factors: dict[str, Any]


class TextureTransformJson(TypedDict):
    """A ``TextureTransform`` of an asset's material."""

    key: str
    matrix: list[float]


class ScanMaterialJson(TypedDict):
    """A ``Material`` in an asset's ``asset.json``. Older ones lack what comes after ``vertex_colors``."""

    name: str
    base_color: list[float]
    base_color_texture: str | None
    metallic: float
    roughness: float
    metallic_roughness_texture: str | None
    normal_texture: str | None
    emissive: list[float]
    emissive_texture: str | None
    alpha_mode: str
    alpha_cutoff: float
    vertex_colors: bool
    transmission: float
    transmission_texture: str | None
    ior: float
    thickness_m: float
    single_wall: bool
    attenuation_color: list[float]
    attenuation_m: float | None
    normal_scale: float
    emissive_strength: float
    unlit: bool
    coat: float
    coat_texture: str | None
    coat_roughness: float
    coat_roughness_texture: str | None
    coat_normal_texture: str | None
    sheen_color: list[float]
    sheen_color_texture: str | None
    sheen_roughness: float
    sheen_roughness_texture: str | None
    specular: float
    specular_texture: str | None
    specular_color: list[float]
    specular_color_texture: str | None
    anisotropy: float
    anisotropy_rad: float
    anisotropy_texture: str | None
    texture_transforms: list[TextureTransformJson]
