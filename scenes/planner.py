"""Plans pictures: everything about picture *i* is decided here, before any time is spent on rendering it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assets.primitives import PRIMITIVES
from scenes.camera import draw_camera
from scenes.catalogue import Catalogue
from scenes.config.model import BackplateBackground, ColorBackground, RunConfig
from scenes.config.references import variable_order
from scenes.distributions import sample
from scenes.draws import Draws
from scenes.engine_camera import engine_camera
from scenes.files import PHOTO_SUFFIXES, list_images, located
from scenes.geometry import Float, apply, srgb_to_linear, to_matrix4, transform
from scenes.keep import Judgement, judge
from scenes.keypoints import KeypointLabel, NamedPoints, see_keypoints
from scenes.lighting import draw_lamps, draw_world
from scenes.looks import ANY_TEXTURES, draw_jitter, draw_surface
from scenes.optics import draw_motion, draw_optics, draw_post
from scenes.placement import Item, PlacementError, place
from scenes.plan import BackgroundPlan, CameraPlan, FramePlan, MaterialJitter, ObjectPlan, SurfaceMaterial
from scenes.replanning import PlanningError, Refusals
from scenes.seeding import Streams
from scenes.stage import StageBuild, draw_stage
from scenes.visibility import Caster, Visibility

__all__ = ["Planned", "Planner", "PlanningError", "draw_variables"]

ATTEMPTS = 20
VIEWS = 12
"""Cameras tried on one arrangement where only the keep policy asks for another plan."""
BURIED = 5
"""So many cameras to all of which the same object is not visible enough end the trying."""
PLACEMENT_ATTEMPTS = 2
"""So many times objects may find no room before others are drawn. As long as they find room they stay: classes that are
hard to see would become rare otherwise."""
OBJECT_DRAWS = 4
TOO_NEAR = 0.08
"""Nothing may stand nearer to the camera than this share of its distance to the objects' centre."""

NO_CAMERA = CameraPlan((1, 1), 1.0, 1.0, 0.5, 0.5, to_matrix4(np.eye(4)))
"""Stands in an arrangement until a camera is drawn."""

SOLIDS = tuple(name for name in PRIMITIVES if name != "plane")


@dataclass(frozen=True)
class Planned:
    """A plan and what its camera sees.

    Attributes:
        engine_plan: what an engine renders: the plan, with an ideal camera where no engine has its lens.
        engine_ids: (h, w) uint16, the cast of ``engine_plan``, which the engine's instance pass is compared with.
        bounds: asset id to the lowest and highest corner of its mesh, (2, 3), metres, asset frame; labelled scans.
        keypoints: instance id to its named points, where its asset has any.
        refused: attempts before this one, by why they were refused.
    """

    plan: FramePlan
    seen: Visibility
    engine_plan: FramePlan
    engine_ids: npt.NDArray[np.uint16]
    bounds: dict[str, Float]
    keypoints: dict[int, tuple[KeypointLabel, ...]]
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Piece:
    """An object chosen but not yet placed."""

    asset_id: str
    class_name: str | None
    scale: float
    jitter: MaterialJitter
    surface: SurfaceMaterial | None


@dataclass(frozen=True)
class _Arrangement:
    """A plan as far as it doesn't depend on where the camera stands."""

    plan: FramePlan
    stage: StageBuild
    center: Float
    radius: float


class Planner:
    """Plans any picture of a run, in any order.

    Args:
        config: of the run.
        catalogue: its assets.
        base: folder that relative paths in the config start from.
    """

    def __init__(self, config: RunConfig, catalogue: Catalogue, base: Path) -> None:
        self.config = config
        self.catalogue = catalogue
        self.base = base
        self.caster = Caster(catalogue.mesh)

    def plan(self, index: int) -> Planned:
        """Plan and cast picture ``index``.

        Raises:
            PlanningError: after bounded attempts, with the reasons counted.
        """
        refusals = Refusals()
        for drawn in range(OBJECT_DRAWS):
            planned = self._first_good_arrangement(index, drawn * ATTEMPTS * VIEWS, refusals)
            if planned is not None:
                return replace(planned, refused=dict(refusals.counted))
            if not refusals.only_misplaced():
                break
        raise refusals.error(index)

    def _first_good_arrangement(self, index: int, first: int, refusals: Refusals) -> Planned | None:
        """Try arrangements of the objects that attempt ``first`` draws."""
        for attempt in range(first, first + ATTEMPTS):
            try:
                arrangement = self._arrange(index, attempt, first)
            except PlacementError as e:
                refusals.misplaced(e)
                if refusals.only_misplaced() and attempt + 1 - first == PLACEMENT_ATTEMPTS:
                    return None
                continue
            if (planned := self._first_good_view(arrangement, refusals)) is not None:
                return planned
        return None

    def _first_good_view(self, arrangement: _Arrangement, refusals: Refusals) -> Planned | None:
        """Try cameras on an arrangement: as long as nothing but the keep policy objects, and it may help."""
        before: CameraPlan | None = None
        always: set[int] | None = None
        for view in range(VIEWS):
            plan = self._look(arrangement, view)
            if before is not None and plan.camera == before:
                return None  # the config leaves the camera no choice
            before = plan.camera
            seen = self.caster.cast(plan)
            judged = judge(plan, seen, self.config.labels)
            broken = [j for j in judged if j.replan]
            if (flaw := _flaw(plan, seen, judged)) is not None and not broken:
                refusals.flawed(flaw)
                return None
            if not broken:
                return self._complete(plan, seen)
            refusals.broke(broken)
            ids = {j.item.instance_id for j in broken}
            always = ids if always is None else always & ids
            if always and view + 1 >= BURIED:
                return None  # something is hidden from wherever one looks
        return None

    def _complete(self, plan: FramePlan, seen: Visibility) -> Planned:
        """A good plan with what engines and labels need besides."""
        bounds: dict[str, Float] = {}
        named: dict[str, NamedPoints] = {}
        for asset_id in {o.asset_id for o in plan.objects if o.class_name is not None}:
            vertices = self.catalogue.mesh(asset_id).vertices
            bounds[asset_id] = np.stack([vertices.min(axis=0), vertices.max(axis=0)]).astype(np.float64)
            if points := self.catalogue.asset(asset_id).meta.keypoints:
                named[asset_id] = NamedPoints(points, float(np.linalg.norm(np.ptp(bounds[asset_id], axis=0))))
        camera = engine_camera(plan.camera)
        engine_plan, engine_ids = plan, seen.instance_ids
        if camera is not plan.camera:
            engine_plan = replace(plan, camera=camera)
            engine_ids = self.caster.instance_ids(engine_plan)
        return Planned(plan, seen, engine_plan, engine_ids, bounds, see_keypoints(plan, named, self.caster))

    def _arrange(self, index: int, attempt: int, first: int) -> _Arrangement:
        """Attempt ``attempt`` without its camera, of the labelled objects that attempt ``first`` draws."""
        config = self.config
        # Shared variables keep their draw when a picture is planned again: they would be skewed towards what is easy.
        draws = Draws(Streams(config.seed, index, attempt), draw_variables(config, Streams(config.seed, index)))
        objects_draws = Draws(Streams(config.seed, index, first), draws.variables)
        weights = [draws.number(s.weight, f"stage.weight.{i}") for i, s in enumerate(config.stage)]
        stage_config = _weighted(list(config.stage), weights, draws, "stage")
        backplate = isinstance(config.background, BackplateBackground)
        catch = backplate and config.background.shadows  # type: ignore[union-attr]
        stage = draw_stage(stage_config, draws, self.base, shadow_catcher=backplate)
        pieces = [*self._labelled_pieces(objects_draws), *self._distractors(draws)]
        items = [Item(p.asset_id, self.catalogue.mesh(p.asset_id).hull.astype(np.float64) * p.scale) for p in pieces]
        poses = place(items, config.objects.placement, stage, draws)
        matrices = [transform(pose.rotation, pose.position, p.scale) for pose, p in zip(poses, pieces, strict=True)]
        objects = tuple(
            ObjectPlan(i + 1, p.asset_id, p.class_name, to_matrix4(m), p.jitter, p.surface)
            for i, (p, m) in enumerate(zip(pieces, matrices, strict=True))
        )
        center, radius = self._bounds(pieces, matrices)
        background = self._background(draws)
        plan = FramePlan(
            index,
            attempt,
            NO_CAMERA,
            (*stage.lamps, *draw_lamps(config.light.lamps, center, stage.interior, draws)),
            draw_world(config.light, draws, self.base),
            background,
            stage.surfaces if catch or not backplate else (),
            objects,
            draw_post(config.camera, config.output, draws),
            _factors(draws, stage, background),
        )
        return _Arrangement(plan, stage, center, radius)

    def _look(self, arrangement: _Arrangement, view: int) -> FramePlan:
        """The plan with its camera, which attempt ``arrangement.plan.attempt + ATTEMPTS * view`` draws."""
        config, plan = self.config, arrangement.plan
        attempt = plan.attempt + ATTEMPTS * view
        draws = Draws(Streams(config.seed, plan.index, attempt), plan.factors["variables"])
        center = arrangement.center
        camera, drawn = draw_camera(config.camera, center, arrangement.radius, arrangement.stage.interior, draws)
        camera = draw_optics(config.camera, camera, center, draws)
        objects = draw_motion(config.camera.motion_blur, camera, plan.objects, draws)
        return replace(plan, attempt=attempt, camera=camera, objects=objects, factors=plan.factors | {"camera": drawn})

    def _labelled_pieces(self, draws: Draws) -> list[_Piece]:
        config, classes = self.config, list(self.catalogue.classes)
        given = config.assets.classes
        weights = [draws.number(given[c], f"classes.weight.{c}") if isinstance(given, dict) else 1.0 for c in classes]
        possible = [(c, w) for c, w in zip(classes, weights, strict=True) if w > 0]
        if not possible:
            raise PlacementError("no class has a weight above 0 in this picture", "see assets.classes")
        count = draws.whole(config.objects.count, "objects.count")
        pieces, left = [], list(possible)
        for i in range(count):
            left = left or list(possible)
            names, w = [c for c, _ in left], [w for _, w in left]
            name = str(draws.pick(names, f"objects.{i}.class", w))
            if not isinstance(given, dict):
                # Without weights no class comes twice while there are others: pictures show as many as they can.
                left = [pair for pair in left if pair[0] != name]
            asset = draws.pick(self.catalogue.by_class[name], f"objects.{i}.asset")
            scale = draws.number(config.objects.scale, f"objects.{i}.scale")
            jitter = draw_jitter(config.objects.material, draws, f"objects.{i}.material")
            pieces.append(_Piece(asset.meta.asset_id, name, scale, jitter, None))
        return pieces

    def _distractors(self, draws: Draws) -> list[_Piece]:
        config = self.config.distractors
        pieces = []
        for i in range(draws.whole(config.count, "distractors.count")):
            name = f"distractors.{i}"
            if config.source == "primitives":
                shape = f"primitive/{draws.pick(list(SOLIDS), f'{name}.shape')}"
                surface = draw_surface(config.looks, draws, f"{name}.looks", ANY_TEXTURES, self.base)
                size = draws.number(config.size_m, f"{name}.size_m")
                pieces.append(_Piece(shape, None, size, MaterialJitter(), surface))
            else:
                asset = draws.pick(
                    self.catalogue.by_class[str(draws.pick(config.source, f"{name}.class"))], f"{name}.asset"
                )
                scale = draws.number(self.config.objects.scale, f"{name}.scale")
                jitter = draw_jitter(self.config.objects.material, draws, f"{name}.material")
                pieces.append(_Piece(asset.meta.asset_id, None, scale, jitter, None))
        return pieces

    def _bounds(self, pieces: list[_Piece], matrices: list[Float]) -> tuple[Float, float]:
        """Centre of the labelled objects' bounding box and the radius of a sphere about it that holds them."""
        points = np.concatenate(
            [
                apply(m, self.catalogue.mesh(p.asset_id).hull)
                for p, m in zip(pieces, matrices, strict=True)
                if p.class_name is not None
            ]
        )
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        return center, float(np.linalg.norm(points - center, axis=1).max())

    def _background(self, draws: Draws) -> BackgroundPlan:
        background = self.config.background
        if isinstance(background, BackplateBackground):
            files = list_images(located(background.images, self.base), PHOTO_SUFFIXES)
            return BackgroundPlan("backplate", image=str(draws.pick(list(files), "background.image")))
        if isinstance(background, ColorBackground):
            return BackgroundPlan("color", srgb_to_linear(str(draws.value(background.color, "background.color"))))
        return BackgroundPlan("hdri")


def _flaw(plan: FramePlan, seen: Visibility, judged: list[Judgement]) -> str | None:
    if seen.nearest_m < TOO_NEAR * plan.factors["camera"]["distance_m"]:
        return "something stands right in front of the camera"
    if not any(j.fate == "label" for j in judged):
        return "no object is visible enough for a label"
    return None


def draw_variables(config: RunConfig, streams: Streams) -> dict[str, Any]:
    """Draw the picture's shared variables, each after those that it refers to."""
    drawn: dict[str, Any] = {}
    for name in variable_order(config):
        drawn[name] = sample(config.variables[name], streams.rng(f"variables.{name}"), drawn)
    return drawn


def _weighted(options: list[Any], weights: list[float], draws: Draws, name: str) -> Any:
    if len(options) == 1:
        return options[0]
    if sum(weights) <= 0:
        raise PlacementError("no stage has a weight above 0 in this picture", "see stage.*.weight")
    return draws.pick(options, name, weights)


def _factors(draws: Draws, stage: StageBuild, background: BackgroundPlan) -> dict[str, Any]:
    return {
        "variables": draws.variables,
        "stage": stage.kind,
        "surface": stage.surfaces[0].material.texture if stage.surfaces else None,
        "background": background.kind,
    }
