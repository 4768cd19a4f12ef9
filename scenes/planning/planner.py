"""Plans pictures: everything about picture *i* is decided here, before any time is spent on rendering it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scanstage.scenes.backplates.fit_to_photo import as_soft_as_photo, lit_by_photo
from scanstage.scenes.backplates.photo_camera import stand_on_floor, with_photo_focal
from scanstage.scenes.backplates.photo_facts import photo_facts
from scanstage.scenes.config.camera_looks import draw_look, with_look
from scanstage.scenes.config.references import variable_order
from scanstage.scenes.config.sections.run_config import BackplateBackground, ColorBackground, RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.inputs.image_files import PHOTO_SUFFIXES, check_images, list_images, located
from scanstage.scenes.optics.geometry import Float, apply, srgb_to_linear, to_matrix4, transform
from scanstage.scenes.optics.ideal_camera import engine_camera
from scanstage.scenes.picture_order import Order
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, FramePlan, ObjectPlan
from scanstage.scenes.planning.picture_flaws import find_flaw, is_amid_objects
from scanstage.scenes.planning.refusals import Refusals
from scanstage.scenes.randomize.background_softness import match_background
from scanstage.scenes.randomize.camera import Shot, draw_camera
from scanstage.scenes.randomize.environments import fitting_weights
from scanstage.scenes.randomize.framed_subject import Subject, imagined_subject, subject_of
from scanstage.scenes.randomize.lens_effects import draw_motion, draw_optics, draw_post
from scanstage.scenes.randomize.lighting import draw_lamps, draw_world, panorama_width
from scanstage.scenes.randomize.object_selection import (
    SelectedObject,
    count_labelled,
    draw_absent,
    draw_distractors,
    draw_labelled,
    draws_none,
)
from scanstage.scenes.randomize.placed_items import Item, load_of
from scanstage.scenes.randomize.placement import PlacementError, place
from scanstage.scenes.randomize.resting.real_contacts import RealSurface
from scanstage.scenes.randomize.stages.draw_stage import draw_stage
from scanstage.scenes.randomize.stages.stage_build import StageBuild
from scanstage.scenes.sight.cast_plan import CastPlan, Planned
from scanstage.scenes.sight.label_rules import judge
from scanstage.scenes.sight.part_sight import NO_PARTS, PartCaster
from scanstage.scenes.sight.seen_keypoints import NamedPoints, see_keypoints
from scanstage.scenes.sight.visibility import Caster
from scanstage.scenes.values.distributions import sample
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

ATTEMPTS = 20
VIEWS = 12
"""Cameras tried on one arrangement where only the keep policy asks for another plan."""
BURIED = 5
"""So many cameras to all of which the same object is not visible enough end the trying."""
PLACEMENT_ATTEMPTS = 2
"""So many times objects may find no room before others are drawn. As long as they find room they stay: classes that are
hard to see would become rare otherwise."""
OBJECT_DRAWS = 4
NOTHING_FIXED: Mapping[str, Any] = {}

NO_CAMERA = CameraPlan((1, 1), 1.0, 1.0, 0.5, 0.5, to_matrix4(np.eye(4)))
"""Stands in an arrangement until a camera is drawn."""


@dataclass(frozen=True)
class _Arrangement:
    """A plan as far as it doesn't depend on where the camera stands."""

    plan: FramePlan
    stage: StageBuild
    subject: Subject


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
        self.caster = Caster(catalogue.mesh, catalogue.openings)
        self._part_caster = PartCaster(self.caster, lambda asset_id: catalogue.asset(asset_id).meta.parts)

    def plan(self, index: int, order: Order | None = None) -> Planned:
        """Plan and cast picture ``index``: the first good attempt.

        Args:
            index: of the picture.
            order: what it is asked to show; None draws that too.

        Raises:
            PlanningError: after bounded attempts, with the reasons counted.
        """
        return self.complete(next(self.attempts(index, order)))

    def attempts(self, index: int, order: Order | None = None, views: int = 1) -> Iterator[CastPlan]:
        """Good attempts at a picture, in their order; at most ``views`` of an arrangement.

        Raises:
            PlanningError: there is none, with the reasons counted.
        """
        refusals, found = Refusals(), False
        for drawn in range(OBJECT_DRAWS):
            for attempt in self._arrangements(index, order, drawn * ATTEMPTS * VIEWS, refusals):
                for good in itertools.islice(self._good_views(attempt, refusals), views):
                    found = True
                    yield good
            if found or not refusals.only_misplaced():
                break
        if not found:
            raise refusals.error(index)

    def attempt(self, index: int, order: Order | None, number: int) -> Planned:
        """Attempt ``number`` at picture ``index`` and no other, good or not."""
        drawn, rest = divmod(number, ATTEMPTS * VIEWS)
        view, layout = divmod(rest, ATTEMPTS)
        first = drawn * ATTEMPTS * VIEWS
        plan = self._look(self._arrange(index, first + layout, first, order), view)
        return self.planned(plan)

    def planned(self, plan: FramePlan) -> Planned:
        """A plan that is there, good or not, with what its camera sees. Raises InputError as :meth:`complete` does."""
        return self.complete(CastPlan(plan, self.caster.cast(plan)))

    def seen_by(
        self, index: int, fixed: Mapping[str, Any], cameras: Sequence[Mapping[str, Any]]
    ) -> list[CastPlan | None]:
        """One arrangement of objects, as several cameras see it: for statistics, since the pictures belong together.

        Args:
            index: of the arrangement, where its draws come from.
            fixed: shared variables that aren't drawn, by name.
            cameras: further ones, of each camera in turn.

        Returns:
            The first good view of each camera; None where there is none, all where objects find no room.
        """
        refusals = Refusals()
        arrangement = next(self._arrangements(index, None, 0, refusals, fixed), None)
        if arrangement is None:
            return [None] * len(cameras)
        found = []
        for number, own in enumerate(cameras):
            plan = arrangement.plan
            variables = plan.factors["variables"] | own
            seen = replace(arrangement, plan=replace(plan, factors=plan.factors | {"variables": variables}))
            found.append(next(self._good_views(seen, refusals, number * VIEWS), None))
        return found

    def _arrangements(
        self, index: int, order: Order | None, first: int, refusals: Refusals, fixed: Mapping[str, Any] = NOTHING_FIXED
    ) -> Iterator[_Arrangement]:
        """Arrangements of the objects that attempt ``first`` draws."""
        for attempt in range(first, first + ATTEMPTS):
            try:
                yield self._arrange(index, attempt, first, order, fixed)
            except PlacementError as e:
                refusals.misplaced(e)
                if refusals.only_misplaced() and attempt + 1 - first == PLACEMENT_ATTEMPTS:
                    return

    def _good_views(self, arrangement: _Arrangement, refusals: Refusals, first: int = 0) -> Iterator[CastPlan]:
        """Cameras on an arrangement, from view ``first`` on: as long as nothing but the keep policy objects."""
        before: CameraPlan | None = None
        always: set[int] | None = None
        for view in range(VIEWS):
            plan = self._look(arrangement, first + view)
            if before is not None and plan.camera == before:
                return  # the config leaves the camera no choice
            before = plan.camera
            seen = self.caster.cast(plan)
            judged = judge(plan, seen, self.config.labels)
            broken = [j for j in judged if j.replan]
            flaw = find_flaw(plan, seen, judged, self.catalogue.bounds, self.caster)
            if flaw is not None and not broken:
                refusals.flawed(flaw)
                if is_amid_objects(plan) and view + 1 < BURIED:
                    continue  # by another object, or from elsewhere, nothing may be in the way
                return
            if not broken:
                yield CastPlan(plan, seen, dict(refusals.counted))
                continue
            refusals.broke(broken)
            ids = {j.item.instance_id for j in broken}
            always = ids if always is None else always & ids
            if always and view + 1 >= BURIED:
                return  # something is hidden from wherever one looks

    def count_labelled(self, index: int, fixed: Mapping[str, Any]) -> int:
        """How many labelled objects picture ``index`` shows, its shared variables as in ``fixed`` where they are."""
        streams = Streams(self.config.seed, index)
        draws = Draws(streams, draw_variables(self.config, streams, fixed))
        return 0 if draws_none(self.config, draws) else count_labelled(self.config, draws)

    def complete(self, good: CastPlan) -> Planned:
        """A good attempt with what engines and labels need besides. Raises InputError where an image can't be read."""
        plan, seen = good.plan, good.seen
        check_images(plan)
        bounds: dict[str, Float] = {}
        named: dict[str, NamedPoints] = {}
        for asset_id in {o.asset_id for o in plan.objects if o.class_name is not None}:
            bounds[asset_id] = self.catalogue.bounds(asset_id)
            if points := self.catalogue.asset(asset_id).meta.keypoints:
                named[asset_id] = NamedPoints(points, float(np.linalg.norm(np.ptp(bounds[asset_id], axis=0))))
        camera = engine_camera(plan.camera)
        engine_plan, engine_ids = plan, seen.instance_ids
        if camera is not plan.camera:
            engine_plan = replace(plan, camera=camera)
            engine_ids = self.caster.instance_ids(engine_plan)
        keypoints = see_keypoints(plan, named, self.caster)
        parts = NO_PARTS if self.config.labels.parts == "none" else self._part_caster.see(plan, seen)
        return Planned(plan, seen, engine_plan, engine_ids, bounds, keypoints, good.refused, parts)

    def _arrange(
        self, index: int, attempt: int, first: int, order: Order | None, fixed: Mapping[str, Any] = NOTHING_FIXED
    ) -> _Arrangement:
        """Attempt ``attempt`` without its camera, of the labelled objects that attempt ``first`` draws."""
        config = self.config
        # Shared variables keep their draw when a picture is planned again: they would be skewed towards what is easy.
        fixed = fixed if order is None else order.fixed
        draws = Draws(Streams(config.seed, index, attempt), draw_variables(config, Streams(config.seed, index), fixed))
        of_objects = Draws(Streams(config.seed, index, first), draws.variables)
        # Whether it shows any is the picture's own, however often it is planned: empty ones are easier to plan.
        empty = order is None and draws_none(config, Draws(Streams(config.seed, index), draws.variables))
        hdri = None if order is None else order.hdri
        weights = [draws.number(s.weight, f"stage.weight.{i}") for i, s in enumerate(config.stage)]
        if hdri is not None:
            weights = fitting_weights(weights, [s.place for s in config.stage], config.light.hdri, hdri)
        stage_config = _weighted(list(config.stage), weights, draws, "stage")
        backplate = isinstance(config.background, BackplateBackground)
        catch = backplate and config.background.shadows  # type: ignore[union-attr]
        selected = [
            *([] if empty else draw_labelled(config, self.catalogue, of_objects, order)),
            *draw_distractors(config, self.catalogue, draws, self.base),
        ]
        items = [self._item(p) for p in selected]
        load = load_of(items or [self._item(p) for p in draw_absent(config, self.catalogue, draws)])
        stage = draw_stage(stage_config, draws, self.base, shadow_catcher=backplate, load=load)
        poses = place(items, config.placement(stage_config), stage, draws)
        matrices = [transform(pose.rotation, pose.position, p.scale) for pose, p in zip(poses, selected, strict=True)]
        objects = tuple(
            ObjectPlan(i + 1, p.asset_id, p.class_name, to_matrix4(m), p.jitter, p.surface)
            for i, (p, m) in enumerate(zip(selected, matrices, strict=True))
        )
        subject = self._subject(selected, matrices, stage, draws)
        background = self._background(draws)
        # A look is kept like a variable: what is hard to plan with one must not make it rare.
        look = draw_look(config.camera, Draws(Streams(config.seed, index), draws.variables))
        plan = FramePlan(
            index,
            attempt,
            NO_CAMERA,
            (*stage.lamps, *draw_lamps(config.light.lamps, subject.whole.center, stage.interior, draws)),
            draw_world(config.light, draws, self.base, hdri, stage_config.place),
            background,
            stage.surfaces if catch or not backplate else (),
            objects,
            draw_post(with_look(config.camera, look), config.camera, config.output, draws),
            _factors(draws, stage, background, look),
        )
        return _Arrangement(plan, stage, subject)

    def _item(self, chosen: SelectedObject) -> Item:
        hull = self.catalogue.mesh(chosen.asset_id).hull.astype(np.float64) * chosen.scale
        parts = tuple(p * chosen.scale for p in self.catalogue.collision_parts(chosen.asset_id))
        scene, _ = self.caster.scene(chosen.asset_id)
        surface = RealSurface(scene, chosen.scale, float(np.ptp(hull, axis=0).max()))
        return Item(chosen.asset_id, hull, parts, chosen.group, surface)

    def _look(self, arrangement: _Arrangement, view: int) -> FramePlan:
        """The plan with its camera, which attempt ``arrangement.plan.attempt + ATTEMPTS * view`` draws."""
        config, plan = self.config, arrangement.plan
        attempt = plan.attempt + ATTEMPTS * view
        draws = Draws(Streams(config.seed, plan.index, attempt), plan.factors["variables"])
        shot = self._shot(arrangement, draws)
        looked = with_look(config.camera, plan.factors["look"])
        camera = draw_optics(looked, shot.camera, shot.target, draws, config.camera.depth_of_field is None)
        if not arrangement.stage.enclosed:
            panorama_px = panorama_width(plan.world, plan.background)
            middles = (part.center for part in arrangement.subject.parts)
            camera = match_background(looked.depth_of_field, camera, middles, panorama_px, draws)
        objects = draw_motion(config.camera.motion_blur, camera, plan.objects, draws)
        factors = plan.factors | {"camera": shot.drawn}
        return self._fitted(replace(plan, attempt=attempt, camera=camera, objects=objects, factors=factors), draws)

    def _shot(self, arrangement: _Arrangement, draws: Draws) -> Shot:
        """Where the camera stands; before a photo of known horizon, so that objects stand on its floor."""
        camera, background = self.config.camera, self.config.background
        if not isinstance(background, BackplateBackground):
            camera = arrangement.stage.outlook.fitted(camera)
            return draw_camera(camera, arrangement.subject, arrangement.stage.interior, draws)
        facts = photo_facts(Path(str(arrangement.plan.background.image)))
        sidecar = facts.sidecar
        shot = draw_camera(with_photo_focal(camera, facts), arrangement.subject, None, draws)
        horizon, height_m = sidecar.horizon, sidecar.height_m
        if horizon is None and background.horizon is not None:
            horizon = draws.number(background.horizon, "background.horizon")
        if height_m is None and background.height_m is not None:
            height_m = draws.number(background.height_m, "background.height_m")
        if horizon is None:
            return shot
        floor = sidecar.floor or background.floor
        return stand_on_floor(shot, horizon, floor, height_m, facts, draws)

    def _fitted(self, plan: FramePlan, draws: Draws) -> FramePlan:
        """The plan, made to fit its backplate where it has one."""
        background = self.config.background
        if not isinstance(background, BackplateBackground):
            return plan
        if self.config.lit_by_photo:
            plan = lit_by_photo(plan, draws)
        return as_soft_as_photo(plan, draws) if background.match else plan

    def _subject(
        self, selected: list[SelectedObject], matrices: list[Float], stage: StageBuild, draws: Draws
    ) -> Subject:
        """What the camera looks at: the labelled objects; where there are none the others, or where some could lie."""
        shown = [i for i, p in enumerate(selected) if p.class_name is not None] or list(range(len(selected)))
        if shown:
            return subject_of([apply(matrices[i], self.catalogue.mesh(selected[i].asset_id).hull) for i in shown])
        absent = [self._item(p).radius for p in draw_absent(self.config, self.catalogue, draws)]
        return imagined_subject(absent, stage, draws)

    def _background(self, draws: Draws) -> BackgroundPlan:
        background = self.config.background
        if isinstance(background, BackplateBackground):
            files = list_images(located(background.images, self.base), PHOTO_SUFFIXES)
            return BackgroundPlan("backplate", image=str(draws.pick(list(files), "background.image")))
        if isinstance(background, ColorBackground):
            return BackgroundPlan("color", srgb_to_linear(str(draws.value(background.color, "background.color"))))
        return BackgroundPlan("hdri")


def draw_variables(config: RunConfig, streams: Streams, fixed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Draw the picture's shared variables, each after those that it refers to; those in ``fixed`` are as they are."""
    drawn: dict[str, Any] = {}
    for name in variable_order(config):
        if fixed and name in fixed:
            drawn[name] = fixed[name]
        else:
            drawn[name] = sample(config.variables[name], streams.rng(f"variables.{name}"), drawn)
    return drawn


def _weighted(options: list[Any], weights: list[float], draws: Draws, name: str) -> Any:
    if len(options) == 1:
        return options[0]
    if sum(weights) <= 0:
        raise PlacementError("no stage has a weight above 0 in this picture", "see stage.*.weight")
    return draws.pick(options, name, weights)


def _factors(draws: Draws, stage: StageBuild, background: BackgroundPlan, look: str | None) -> dict[str, Any]:
    return {
        "variables": draws.variables,
        "stage": stage.kind,
        "surface": stage.surfaces[0].material.texture if stage.surfaces else None,
        "background": background.kind,
        "look": look,
    }
