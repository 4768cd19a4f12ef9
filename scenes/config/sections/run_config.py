"""The config model: every key that a YAML may hold, its type, bounds, default and meaning.

``configs/schema.json`` is generated from here. Values marked as such may be distributions
(:mod:`distributions`). Angles are degrees, lengths metres, paths relative to the YAML file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, field_validator, model_validator

from scanstage.assets.messages.wording import listed
from scanstage.scenes.config.recipes.recipe_files import RecipeName
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.config.sections.camera_settings import CameraConfig
from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.config.sections.fit_settings import FitSettings
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.config.sections.light_settings import LightConfig
from scanstage.scenes.config.sections.placement_settings import Drop, Placement, Scatter, Upright
from scanstage.scenes.config.sections.render_settings import (
    PRESETS,
    Denoise,
    Device,
    EngineName,
    HdriLight,
    Preset,
    RenderSettings,
    WorkersConfig,
)
from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.stage_settings import Looks, NoStage, Shelf, Stage, Table
from scanstage.scenes.config.sections.survey_settings import SurveySettings
from scanstage.scenes.config.sections.value_types import (
    Color,
    Factor,
    Number,
    Share,
    Weight,
    Whole,
)
from scanstage.scenes.values.distributions import AnyValue, Integer, LogUniform, Uniform, outcomes, references

LONGEST_NAME = 100


ClutterKind = Literal["primitives", "samples", "library"]
WearKind = Literal["dust", "scratches", "fingerprints", "scuffs"]


def _extreme(value: AnyValue, of: Callable[..., float]) -> float | None:
    """The ``max`` or ``min`` that a number draws; None where variables decide."""
    return None if any(references(value)) else of((float(of(np.ravel(o))) for o in outcomes(value)), default=None)


class AssetsConfig(Section):
    """Which scans are placed."""

    source: Literal["samples", "library"] = Field("library", description="the built-in sample scans, or a library")
    library: Path | None = Field(None, description="folder filled by `scanstage assets add`; default: the user's own")
    classes: Literal["all"] | list[str] | dict[str, Weight] = Field(
        "all", description="which classes to place: all, a list, or a mapping from class to weight (values)"
    )

    @field_validator("classes")
    @classmethod
    def _not_empty(cls, v: Any) -> Any:
        if not v:
            raise ValueError("needs at least one class")
        if isinstance(v, list) and (twice := sorted(c for c, n in Counter(v).items() if n > 1)):
            raise ValueError(f"named twice: {listed(twice)}")
        return v


class JitterConfig(Section):
    """How far a scan's own materials are changed. The defaults keep its texture recognisable."""

    hue: Annotated[AnyValue, Number(-0.5, 0.5)] = Field(Uniform(uniform=(-0.01, 0.01)), description="added, in turns")
    saturation: Factor = Field(Uniform(uniform=(0.9, 1.1)), description="factor")
    value: Factor = Field(Uniform(uniform=(0.9, 1.1)), description="factor on brightness")
    roughness: Annotated[AnyValue, Number(-1, 1)] = Field(Uniform(uniform=(-0.1, 0.1)), description="added")
    metallic: Annotated[AnyValue, Number(-1, 1)] = Field(0.0, description="added")
    specular: Factor = Field(1.0, description="factor on the specular level")


class ObjectsConfig(Section):
    """The labelled objects."""

    count: Annotated[AnyValue, Whole(0, 500)] = Field(
        Integer(integer=(3, 6)), description="labelled objects a picture; 0 is a picture without any"
    )
    repeat: Share = Field(
        0.0,
        description="share of objects that are of the class of the one before, and its close neighbours; with balance, "
        "which says what pictures show, share of those of a class shown already that are its neighbours",
    )
    placement: Placement | None = Field(
        None,
        description="how objects come to lie, where the stage doesn't say; default: drop, on a shelf upright, without "
        "a stage scatter",
    )
    scale: Annotated[AnyValue, Number(1e-4, 1e4)] = Field(1.0, description="factor on each object's size")
    material: JitterConfig = Field(default_factory=JitterConfig, description="changes to the scans' materials")
    wear: Share = Field(
        0.0,
        description="how worn each scan looks, from 0 (as scanned) to 1 (heavily): its colours and its gloss, never "
        "its shape or its labels; kinds differ from object to object",
    )
    wear_kinds: Annotated[list[WearKind], Field(min_length=1)] = Field(
        default_factory=lambda: list(get_args(WearKind)),
        description="which traces of use: dust on what looks up, scratches, fingerprints (seen in the gloss alone), "
        "scuffs (print rubbed off, at edges first)",
    )


class DistractorsConfig(Section):
    """Objects without a label, which occlude and clutter. Placed together with the labelled ones."""

    count: Annotated[AnyValue, Whole(0, 500)] = Field(0, description="distractors a picture")
    source: ClutterKind | list[str] | dict[ClutterKind, Weight] = Field(
        "primitives",
        description="primitives: simple shapes in random materials; samples: built-in sample scans that no labelled "
        "class resembles; library: scans of the run's library whose class isn't labelled; a mapping from these to "
        "weights (values), of which those without a scan are left out; or a list of classes that serve unlabelled",
    )
    exclude: list[str] = Field(
        default_factory=list,
        description="classes that never serve as samples or library: those that look like a labelled class",
    )
    scale: Annotated[AnyValue, Number(1e-4, 1e4)] | None = Field(
        None, description="factor on each scan's size; default: samples have their own, others that of objects.scale"
    )
    size_m: Annotated[AnyValue, Number(1e-3, 100)] = Field(
        LogUniform(log_uniform=(0.03, 0.12)), description="edge of a primitive's bounding cube"
    )
    looks: Looks = Field(default_factory=Looks, description="materials of primitives")

    @field_validator("source")
    @classmethod
    def _not_empty(cls, v: Any) -> Any:
        if not v:
            raise ValueError("needs at least one class, or a source with a weight")
        if isinstance(v, dict) and all(_extreme(weight, max) == 0 for weight in v.values()):
            raise ValueError("no source has a weight above 0")
        return v

    @property
    def weights(self) -> dict[ClutterKind, AnyValue]:
        """How often each kind of source is to come, in a fixed order; empty where classes are named."""
        if isinstance(self.source, list):
            return {}
        given: dict[ClutterKind, AnyValue] = self.source if isinstance(self.source, dict) else {self.source: 1.0}
        return {kind: given[kind] for kind in get_args(ClutterKind) if kind in given}


class HdriBackground(Section):
    """The environment image itself."""

    kind: Literal["hdri"] = Field("hdri", description="the environment image that gives the light")


class ColorBackground(Section):
    """A flat colour."""

    kind: Literal["color"] = Field("color", description="one flat colour")
    color: Color = Field("#808080", description="sRGB")


InPhoto = Annotated[float, Field(ge=0, le=1)]


class BackplateBackground(Section):
    """A photo behind the objects; the stage, where there is one, only catches shadows."""

    kind: Literal["backplate"] = Field("backplate", description="photos behind the objects")
    images: Path = Field(description="an image file or a folder of images")
    shadows: bool = Field(True, description="let a ground stage catch shadows onto the photo")
    horizon: Annotated[AnyValue, Number(-3, 0.9)] | None = Field(
        None,
        description="where the photos' horizon lies, as share of their height from the top (below 0: above the "
        "picture): the camera is tilted to fit; a file photo.yaml beside photo.jpg goes before it; default: the camera "
        "is tilted by camera.elevation_deg",
    )
    height_m: Annotated[AnyValue, Number(0.05, 100)] | None = Field(
        None, description="of the photos' camera above the floor, where the horizon is known: gives objects their size"
    )
    floor: tuple[InPhoto, InPhoto, InPhoto, InPhoto] | None = Field(
        None,
        description="where on the photos objects are to stand, where the horizon is known: left, top, right, bottom as "
        "shares of width and height; default: the middle of their lower half",
    )
    match: bool = Field(True, description="give objects the photo's own softness, noise and JPEG compression")

    @field_validator("floor")
    @classmethod
    def _floor_has_an_area(cls, v: tuple[float, float, float, float] | None) -> tuple[float, ...] | None:
        if v is not None and not (v[0] < v[2] and v[1] < v[3]):
            raise ValueError("expected [left, top, right, bottom] with left below right and top below bottom")
        return v


Background = Annotated[HdriBackground | ColorBackground | BackplateBackground, Discriminator("kind")]


def _lower(value: Any) -> Any:
    """Devices are written OPTIX, CUDA … as well."""
    return value.lower() if isinstance(value, str) else value


class RenderConfig(Section):
    """Engine, device and quality. Single keys override the preset."""

    preset: Preset = Field(
        "standard",
        description="draft: to look at a config; standard: for datasets; final: for people. Keys beside it count first",
    )
    engine: EngineName = Field(
        "cycles", description="cycles traces paths; eevee rasterises, on a GPU, without a fisheye"
    )
    device: Annotated[Device, BeforeValidator(_lower)] = Field(
        "auto",
        description="auto: the first of OPTIX, CUDA, HIP, ONEAPI, METAL that is there, else the CPU; a named one that "
        "is absent is an error",
    )
    samples: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        None, description="paths a pixel at most; default: by the preset"
    )
    noise_threshold: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="below it adaptive sampling stops a pixel; 0: never; default: by the preset"
    )
    min_samples: Annotated[int, Field(ge=1, le=65536)] | None = Field(
        None, description="a pixel before adaptive sampling may stop it; default: by the preset"
    )
    denoise: Denoise | None = Field(
        None, description="off; fast, balanced, high: the whole picture; light: what falls on surfaces, texture apart"
    )
    albedo_samples: Annotated[int, Field(ge=0, le=65536)] | None = Field(
        None, description="of colours and sky alone, where light is denoised apart from them"
    )
    max_bounces: Annotated[int, Field(ge=0, le=128)] | None = Field(
        None, description="of light in all; default: by the preset"
    )
    diffuse_bounces: Annotated[int, Field(ge=0, le=128)] | None = Field(
        None, description="of these, off matt surfaces; default: by the preset"
    )
    glossy_bounces: Annotated[int, Field(ge=0, le=128)] | None = Field(
        None, description="of these, off glossy surfaces; default: by the preset"
    )
    clamp_indirect: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        None,
        description="upper bound of an indirect sample's radiance, against fireflies; 0: none; default: by the preset",
    )
    world_map_px: Annotated[int, Field(ge=0, le=16384)] | None = Field(
        None, description="width of the environment's importance map; 0: Cycles chooses; default: by the preset"
    )
    hdri_light: HdriLight | None = Field(
        None, description="split: bright spots of an HDRI light as lamps, for fewer samples; exact: the image as it is"
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(0, description="CPU threads; 0: all")

    def settings(self) -> RenderSettings:
        """The preset with this section's overrides."""
        given = {k: v for k, v in self.model_dump(exclude={"preset"}).items() if v is not None}
        chosen = vars(PRESETS[self.preset])
        if (samples := ENGINES[self.engine].samples) is not None:
            chosen = {**chosen, "samples": samples[self.preset]}
        return RenderSettings(**{**chosen, **given})


class OutputConfig(Section):
    """What is written."""

    format: Literal["jpg", "png"] = Field("jpg", description="of the pictures")
    quality: Annotated[AnyValue, Whole(1, 100)] = Field(93, description="of JPEG images")
    depth: bool = Field(False, description="depth/NNNNNN.png in millimetres (16 bit) and .exr in metres")
    normals: bool = Field(False, description="normals/NNNNNN.exr and .png, in the camera's frame")
    instances: bool = Field(False, description="instances/NNNNNN.png: instance ids (16 bit)")
    semantic: bool = Field(False, description="semantic/NNNNNN.png: category ids (16 bit)")
    soft_masks: bool = Field(False, description="soft_masks/NNNNNN.npz: coverage of each pixel by each object")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _default_stage() -> list[Stage]:
    return [Table()]


class RunConfig(Section):
    """A whole run."""

    name: str = Field(
        "dataset",
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        max_length=LONGEST_NAME,
        description="of the dataset; default: the YAML's file name",
    )
    images: Annotated[int, Field(ge=1, le=10_000_000)] = Field(100, description="pictures to make")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, description="everything drawn follows from it: the same seed gives the same pictures"
    )
    recipe: RecipeName | None = Field(
        None, description="named starting point: gives every key that this config doesn't (docs/realism.md)"
    )
    variables: dict[str, AnyValue] = Field(
        default_factory=dict,
        max_length=1000,
        description="values drawn once a picture and shared through {var: name} and {switch: …}",
    )
    negatives: Share = Field(
        0.0, description="share of pictures that show no labelled object, whatever objects.count draws"
    )
    assets: AssetsConfig = Field(default_factory=AssetsConfig, description="which scans are placed")
    objects: ObjectsConfig = Field(
        default_factory=ObjectsConfig, description="how many, how they lie, and how their materials vary"
    )
    distractors: DistractorsConfig = Field(
        default_factory=DistractorsConfig, description="other things that lie about, without labels"
    )
    stage: Annotated[
        list[Stage],
        Field(min_length=1, max_length=1000),
        BeforeValidator(_as_list, json_schema_input_type=Stage | list[Stage]),
    ] = Field(default_factory=_default_stage, description="one stage, or a list chosen from by weight")
    light: LightConfig = Field(default_factory=LightConfig, description="environment image or even light, and lamps")
    background: Background = Field(default_factory=HdriBackground, description="what is seen behind everything")
    camera: CameraConfig = Field(default_factory=CameraConfig, description="where it stands, its lens, its sensor")
    labels: LabelsConfig = Field(default_factory=LabelsConfig, description="which visible objects get a label")
    balance: BalanceConfig | None = Field(None, description="how many labels each class is to have")
    render: RenderConfig = Field(default_factory=RenderConfig, description="engine, device and quality")
    output: OutputConfig = Field(default_factory=OutputConfig, description="form of the pictures, and maps beside them")
    workers: WorkersConfig = Field(
        default_factory=WorkersConfig,
        description="how many Blender processes, and what becomes of slow and greedy ones",
    )
    fit: FitSettings | None = Field(None, description="what `scanstage fit` may change here; pictures ignore it")
    survey: SurveySettings | None = Field(
        None, description="how `scanstage survey` asks people about the pictures; pictures ignore it"
    )

    @property
    def lit_by_photo(self) -> bool:
        """Whether a backplate gives the light: it does, but for lamps, where no other environment is configured."""
        given = self.light.hdri is not None or self.light.ambient is not None
        return isinstance(self.background, BackplateBackground) and not given

    @model_validator(mode="after")
    def _balance_needs_objects(self) -> RunConfig:
        empty = _extreme(self.objects.count, max) == 0 or _extreme(self.negatives, min) == 1
        if self.balance is not None and empty:
            raise ValueError(
                "balance orders what pictures show, but none is to show a labelled object: raise objects.count, lower "
                "negatives, or leave out balance"
            )
        return self

    def placement(self, stage: Stage) -> Placement:
        """How objects come to lie on one of the stages."""
        given = stage.placement or self.objects.placement
        if given is not None:
            return given
        return Upright() if isinstance(stage, Shelf) else Scatter() if isinstance(stage, NoStage) else Drop()
