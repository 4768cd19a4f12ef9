"""Config of the keep policy: which visible objects get a label, and what becomes of a picture that breaks a rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scanstage.scenes.config.sections.section import Section

OnViolation = Literal["drop_label", "ignore", "replan"]
PartsLabelled = Literal["alone", "with_whole", "none"]
Pixels = Annotated[int, Field(ge=1, le=16384 * 16384)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class ClassRules(Section):
    """Rules of one class; what is not given is as for all."""

    min_pixels: Pixels | None = Field(None, description="least number of visible pixels; default: as for all")
    min_visible_fraction: Fraction | None = Field(
        None, description="least share of its pixels in the image that is visible; default: as for all"
    )
    min_box_px: Pixels | None = Field(
        None, description="least length of the shorter side of the box; default: as for all"
    )
    max_truncated_fraction: Fraction | None = Field(
        None, description="largest share of its pixels outside the image; default: as for all"
    )
    on_violation: OnViolation | None = Field(
        None, description="what to do with an object that breaks a rule; default: as for all"
    )


class KeepRules(Section):
    """The keep policy of one class, or of all.

    A label is *dropped*: the object is in the picture but not in the annotations. *ignore*: it is annotated as a region
    in which a detector is neither rewarded nor punished (COCO's ``iscrowd`` and ``ignore``). *replan*: the picture is
    planned anew before anything is rendered.
    """

    min_pixels: Pixels = Field(16, description="least number of visible pixels")
    min_visible_fraction: Fraction = Field(0.05, description="least share of its pixels in the image that is visible")
    min_box_px: Pixels = Field(1, description="least length of the shorter side of the box")
    max_truncated_fraction: Fraction = Field(1.0, description="largest share of its pixels outside the image")
    on_violation: OnViolation = Field("drop_label", description="what to do with an object that breaks a rule")


class LabelsConfig(KeepRules):
    """Which visible objects get a label."""

    per_class: dict[str, ClassRules] = Field(default_factory=dict, description="rules that differ for a class")
    source: Literal["auto", "cast", "engine"] = Field(
        "auto",
        description="cast: the label is the cast, and a render that differs fails; engine: the engine's own pass is "
        "the label, whatever differs; auto: the cast, except in pictures with scans that something shines through "
        "(alpha mode BLEND)",
    )

    parts: PartsLabelled = Field(
        "alone",
        description="of scans that were taken in with parts: alone: the parts are labelled in place of the whole; "
        "with_whole: both are; none: the whole alone is",
    )

    def rules(self, class_name: str) -> KeepRules:
        """The rules that hold for a class."""
        own = self.per_class.get(class_name, ClassRules())
        names = KeepRules.model_fields
        given = {n: v for n in names if (v := getattr(own, n)) is not None}
        return KeepRules(**{n: getattr(self, n) for n in names} | given)
