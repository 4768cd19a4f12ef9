"""What a drawn stage is, and the parts that stages are built of.

Every part is a unit primitive scaled into place, so the same description is rendered, cast and collided with. Boxes
have rounded edges (:mod:`bevelled_boxes`); what collides is the whole box.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scanstage.assets.library.bevelled_boxes import bevelled_box_id
from scanstage.scenes.config.sections.camera_settings import CameraConfig
from scanstage.scenes.optics.geometry import Float, to_matrix4, transform
from scanstage.scenes.plan import LampPlan, SurfaceMaterial, SurfacePlan
from scanstage.scenes.values.distributions import Uniform

BEVEL_M = 0.003
"""How far edges of furniture are rounded."""
SLAB_M = 0.2
FLOOR_M = 8.0
"""Edge of floors that a stage stands on, and width of walls behind it."""
TABLE_HEIGHT_M = 0.74


@dataclass(frozen=True)
class Block:
    """A fixed box that objects collide with.

    Attributes:
        center: (3,) metres.
        half: (3,) half sizes along its own axes, metres.
        rotation: (3, 3) own axes to world.
    """

    center: Float
    half: Float
    rotation: Float


@dataclass(frozen=True)
class Load:
    """What a stage has to carry, for stages that fit it.

    Attributes:
        area_m2: footprints of all objects.
        widest_m: longest side of any.
        typical_m: median of their longest sides.
    """

    area_m2: float = 0.05
    widest_m: float = 0.2
    typical_m: float = 0.12


@dataclass(frozen=True)
class Support:
    """A level rectangle that can carry objects.

    Attributes:
        center: (3,) of its upper side, metres.
        half: half sizes (x, y), metres.
        walled: walls stand around it, so objects may be all over it, and lie on each other.
    """

    center: Float
    half: Float
    walled: bool = False


@dataclass(frozen=True)
class Outlook:
    """From where a stage shows what it carries: ranges (low, high) in degrees, None where it doesn't matter."""

    azimuth_deg: tuple[float, float] | None = None
    elevation_deg: tuple[float, float] | None = None

    def fitted(self, config: CameraConfig) -> CameraConfig:
        """The camera's config, with these in place of what it doesn't give."""
        ranges = {"azimuth_deg": self.azimuth_deg, "elevation_deg": self.elevation_deg}
        given = config.model_fields_set
        fitting = {k: Uniform(uniform=r) for k, r in ranges.items() if r is not None and k not in given}
        return config.model_copy(update=fitting) if fitting else config


@dataclass(frozen=True)
class StageBuild:
    """A drawn stage.

    Attributes:
        kind: as configured.
        surfaces: what is rendered and cast.
        blocks: what objects collide with.
        supports: where objects can rest, lowest first; empty for no stage.
        interior: lowest and highest corner (3,) of where cameras, lamps and objects must stay; None: anywhere.
        lamps: lights that belong to the stage.
        outlook: from where to look at it, unless the config says.
        enclosed: nothing beyond it is ever seen.
    """

    kind: str
    surfaces: tuple[SurfacePlan, ...] = ()
    blocks: tuple[Block, ...] = ()
    supports: tuple[Support, ...] = ()
    interior: tuple[Float, Float] | None = None
    lamps: tuple[LampPlan, ...] = ()
    outlook: Outlook = Outlook()
    enclosed: bool = False


@dataclass
class StageParts:
    """Collects the parts of a stage, in the order in which they are put together."""

    surfaces: list[SurfacePlan] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def box(
        self,
        name: str,
        low: Float | list[float],
        high: Float | list[float],
        material: SurfaceMaterial,
        *,
        bevel_m: float = BEVEL_M,
        pose: Float | None = None,
        solid: bool = True,
    ) -> None:
        """Add a box.

        Args:
            name: for people.
            low, high: opposite corners (3,), metres.
            material: of its surface.
            bevel_m: rounding of its edges; 0 has none.
            pose: rigid (4, 4) own frame, which the corners are in, to world; None: the world's own.
            solid: objects collide with it; False for what none can reach.
        """
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        size, middle = high - low, (low + high) / 2
        pose = np.eye(4) if pose is None else pose
        matrix = pose @ transform(np.eye(3), np.array([middle[0], middle[1], low[2]]), size)
        width, depth, height = (float(edge) for edge in size)
        asset = bevelled_box_id((width, depth, height), bevel_m) if bevel_m > 0 else "primitive/box"
        self.surfaces.append(SurfacePlan(name, asset, to_matrix4(matrix), material))
        if solid:
            self.blocks.append(Block(pose[:3, :3] @ middle + pose[:3, 3], size / 2, pose[:3, :3].copy()))

    def cylinder(
        self, name: str, base: Float | list[float], radius_m: float, height_m: float, material: SurfaceMaterial
    ) -> None:
        """Add an upright cylinder on the middle of its ``base`` (3,); what collides is the box around it."""
        base = np.asarray(base, np.float64)
        matrix = transform(np.eye(3), base, np.array([2 * radius_m, 2 * radius_m, height_m]))
        self.surfaces.append(SurfacePlan(name, "primitive/cylinder", to_matrix4(matrix), material))
        half = np.array([radius_m, radius_m, height_m / 2])
        self.blocks.append(Block(base + np.array([0.0, 0.0, height_m / 2]), half, np.eye(3)))

    def floor(self, material: SurfaceMaterial, z: float = 0.0, half_m: float = FLOOR_M / 2) -> None:
        """Add a square of floor whose upper side is at ``z``."""
        matrix = transform(np.eye(3), np.array([0.0, 0.0, z]), np.array([2 * half_m, 2 * half_m, 1.0]))
        self.surfaces.append(SurfacePlan("floor", "primitive/plane", to_matrix4(matrix), material))
        self.blocks.append(Block(np.array([0, 0, z - SLAB_M / 2]), np.array([half_m, half_m, SLAB_M / 2]), np.eye(3)))
