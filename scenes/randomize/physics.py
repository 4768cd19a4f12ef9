"""Rigid bodies in MuJoCo: do placed objects overlap, and where do dropped ones come to rest?

Objects collide by convex parts: most scans by their hull, what is hollow or branched by several. Lengths are scaled so that the median object measures 0.1: the solver is then equally well
conditioned for screws and for cars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float, rotation_from_quaternion
from scanstage.scenes.randomize.real_contacts import BUNDLE, RealSurface, bundles

TYPICAL_SIZE = 0.1
TIMESTEP_S = 0.004
CHECK_EVERY = 25
FALL_S = 4.0
AFTERMATH_S = 3.0
REST_SPEED = 0.004
REST_SPIN = 0.08
OVERLAP_TOLERANCE = 5e-4
LOWER = 0.03
"""A push that lets a body's centre sink by more than this share of its extent has found that it stood badly."""
PUSH_DROPPED, PUSH_PUT = 0.004, 0.001
"""How high a push could throw a body, in shares of its extent: it tips what stands on an edge, not what stands. What
was put upright on purpose is pushed less."""
PUSH_S = 0.4
PUSHES = 4
SEATING_S = 1.2
LOOK_EVERY = 4
"""Steps between looks at real surfaces while bodies sink onto them."""
FAR_AWAY = 1000.0


@dataclass(frozen=True)
class Body:
    """A movable object.

    Attributes:
        hull: (H, 3) vertices of its convex hull in its own frame, metres, already scaled.
        parts: convex parts that it collides by, each (N, 3) as ``hull``; none: the hull.
        surface: what it really looks like; None: like its parts.
    """

    hull: Float
    parts: tuple[Float, ...] = ()
    surface: RealSurface | None = None

    @property
    def extent(self) -> float:
        """Its largest side, metres."""
        return float(np.ptp(self.hull, axis=0).max())


@dataclass(frozen=True)
class Block:
    """A fixed box.

    Attributes:
        center: (3,) metres.
        half: (3,) half sizes along its own axes, metres.
        rotation: (3, 3) own axes to world.
    """

    center: Float
    half: Float
    rotation: Float


@dataclass(frozen=True)
class RestingPose:
    """Where a body is: (3, 3) rotation and (3,) position of its own frame in the world."""

    rotation: Float
    position: Float


@dataclass(frozen=True)
class Rest:
    """The outcome of a drop: one pose a body, and whether everything came to rest."""

    poses: tuple[RestingPose, ...]
    settled: bool


@dataclass(frozen=True)
class Contact:
    """Where two things touch, or their parts do.

    Attributes:
        first, second: numbers of bodies; negative for blocks.
        gap_m: between their real surfaces there, metres; negative where they penetrate, inf where one is far away.
        up: z of the normal, which points from the first to the second.
    """

    first: int
    second: int
    gap_m: float
    up: float


@dataclass(frozen=True)
class _Gaps:
    """Of N contacts, in the solver's unit: (N, 2) geoms, (N, 3) points and normals, (N, 2) bodies, (N,) real and
    supposed distances."""

    geoms: npt.NDArray[Any]
    points: Float
    normals: Float
    bodies: npt.NDArray[Any]
    gaps: Float
    supposed: Float

    def corrections(self, geoms: npt.NDArray[Any], points: Float) -> Float:
        """(M,) what to add to the distances of contacts: what the nearest known one of the same geoms needs."""
        same = (geoms[:, None] == self.geoms[None]).all(axis=2)
        far = np.where(same, np.linalg.norm(points[:, None] - self.points[None], axis=2), np.inf)
        nearest = far.argmin(axis=1)
        known = same[np.arange(len(geoms)), nearest]
        return np.where(known, np.minimum(self.gaps - self.supposed, TYPICAL_SIZE)[nearest], 0.0)


class World:
    """Bodies and blocks in one model. Bodies start far away from everything, and from each other.

    Args:
        bodies: movable, at least one.
        blocks: fixed.
        pen: half sizes (x, y) and centre (x, y) of four invisible walls that hold falling bodies in; or None.

    Raises:
        ValueError: a body is so much smaller than the others that it has no volume to the solver.
    """

    def __init__(self, bodies: list[Body], blocks: list[Block], pen: tuple[Float, Float] | None = None) -> None:
        self._bodies = bodies
        self._extents = np.array([b.extent for b in bodies])
        self._unit = TYPICAL_SIZE / float(np.median(self._extents))
        spec = mujoco.MjSpec()
        spec.option.timestep = TIMESTEP_S
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        spec.option.impratio = 5
        # Thin or tiny things weigh next to nothing; the solver needs a little more than that.
        spec.compiler.boundmass, spec.compiler.boundinertia = 1e-5, 1e-9
        contact = {"solref": [0.01, 1.0], "friction": [0.7, 0.005, 0.0008], "condim": 6}
        for block in blocks:
            self._add_block(spec, block, contact)
        walls = [] if pen is None else self._add_walls(spec, *pen)
        for i, body in enumerate(bodies):
            element = spec.worldbody.add_body(name=f"body{i}", pos=[FAR_AWAY * (i + 1), 0.0, FAR_AWAY])
            element.add_freejoint()
            for k, part in enumerate(body.parts or (body.hull,)):
                name = f"part{i}-{k}"
                spec.add_mesh(name=name, uservert=(part * self._unit).astype(np.float32).ravel())
                mesh = {"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": name}
                element.add_geom(density=400.0, name=name, **mesh, **contact)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._first_body = self._model.nbody - len(bodies)
        self._walls = [mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_GEOM, name) for name in walls]
        self._count = len(bodies)

    def _add_block(self, spec: mujoco.MjSpec, block: Block, contact: dict[str, object]) -> None:
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(block.rotation, np.float64).ravel())
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=block.center * self._unit,
            size=np.maximum(block.half * self._unit, 1e-4),
            quat=quaternion,
            **contact,
        )

    def _add_walls(self, spec: mujoco.MjSpec, half: Float, center: Float) -> list[str]:
        half, center, names = half * self._unit, center * self._unit, []
        for i, (axis, sign) in enumerate(((0, 1), (0, -1), (1, 1), (1, -1))):
            position, size = np.zeros(3), np.full(3, 20.0)
            position[:2] = center
            position[axis] += sign * (half[axis] + 0.5)
            size[axis] = 0.5
            geom = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=position, size=size, name=f"wall{i}")
            geom.condim = 1
            names.append(geom.name)
        return names

    def put(self, index: int, pose: RestingPose) -> None:
        """Move a body."""
        at = 7 * index
        self._data.qpos[at : at + 3] = pose.position * self._unit
        mujoco.mju_mat2Quat(self._data.qpos[at + 3 : at + 7], np.ascontiguousarray(pose.rotation, np.float64).ravel())

    def overlaps(self, index: int) -> bool:
        """Whether a body, as it was put, overlaps another one or a block by more than a small tolerance."""
        own = self._model.geom_bodyid == self._first_body + index
        everything = self._model.geom_contype.copy(), self._model.geom_conaffinity.copy()
        # Geoms a and b collide where contype a & conaffinity b, or the other way round: this body's with the others.
        self._model.geom_contype[:], self._model.geom_conaffinity[:] = own, ~own
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        self._model.geom_contype[:], self._model.geom_conaffinity[:] = everything
        return bool((self._data.contact.dist < -OVERLAP_TOLERANCE).any())

    def settle(self) -> Rest:
        """Let everything fall and come to rest inside the pen, then take the pen away and let it settle again."""
        self._run(FALL_S)
        if self._walls:
            self._model.geom_contype[self._walls] = 0
            self._model.geom_conaffinity[self._walls] = 0
        settled = self._run(AFTERMATH_S)
        return self.rest(settled)

    def rest(self, settled: bool) -> Rest:
        """Where bodies are now."""
        return Rest(tuple(self._pose(i) for i in range(self._count)), settled)

    def tip(self, rng: np.random.Generator, strength: float) -> tuple[bool, bool]:
        """Push all bodies, again and again, until none stands so badly that a push brings it down.

        What stands well is afterwards exactly where it was, unless something fell onto it.

        Args:
            rng: directions.
            strength: how high a push could throw a body, in shares of its extent.

        Returns:
            whether anything fell, and whether all is at rest.
        """
        settled = True
        for push in range(PUSHES):
            angles = rng.uniform(0, 2 * np.pi, self._count)
            if not any([self._fell(angles + turn, strength) for turn in (0.0, 2.1, 4.2)]):
                return push > 0, settled
            settled = self._run(AFTERMATH_S)
        return True, settled

    def _fell(self, angles: Float, strength: float) -> bool:
        """Push each body towards an angle; if none comes to lie lower, put all back."""
        data = self._data
        before, heights = data.qpos.copy(), self._heights()
        sizes = self._extents * self._unit
        speed = np.sqrt(2 * 9.81 * strength * sizes)
        velocity = np.zeros((self._count, 6))
        velocity[:, 0], velocity[:, 1] = speed * np.cos(angles), speed * np.sin(angles)
        for i, pose in enumerate(self.rest(True).poses):  # MuJoCo has spins in a body's own frame
            axis = np.array([-np.sin(angles[i]), np.cos(angles[i]), 0.0])
            velocity[i, 3:] = pose.rotation.T @ axis * (speed[i] / (0.5 * sizes[i]))
        data.qvel[:] = velocity.ravel()
        self._run(PUSH_S)
        if (heights - self._heights() > LOWER * sizes).any():
            return True
        data.qpos[:], data.qvel[:] = before, 0.0
        return False

    def _heights(self) -> Float:
        """(N,) of the bodies' centres of mass."""
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        return np.array(self._data.xipos[self._first_body :, 2])

    def _run(self, seconds: float) -> bool:
        steps = int(seconds / TIMESTEP_S)
        for step in range(0, steps, CHECK_EVERY):
            mujoco.mj_step(self._model, self._data, CHECK_EVERY)
            if self._is_still():
                return True
            if step > steps // 2:
                # What still rolls on a flat table is slowed down, as real floors and lint do.
                self._data.qvel *= 0.8
        return False

    def seat(self) -> bool:
        """Let bodies sink, or rise, from the parts that they collide by onto their real surfaces.

        Contacts of parts keep their place and normal but get the distance that the real surfaces have there, so that
        what is not there carries nothing.

        Returns:
            whether all came to rest.
        """
        model, data = self._model, self._data
        known: _Gaps | None = None
        steps = int(SEATING_S / TIMESTEP_S)
        data.qvel[:] = 0.0
        for step in range(steps):
            mujoco.mj_step1(model, data)
            if step % LOOK_EVERY == 0:
                known = self._gaps()
            if known is not None and data.ncon:
                data.contact.dist[:] += known.corrections(data.contact.geom, data.contact.pos)
                mujoco.mj_makeConstraint(model, data)
                mujoco.mj_island(model, data)
                mujoco.mj_projectConstraint(model, data)
                mujoco.mj_referenceConstraint(model, data)
            mujoco.mj_step2(model, data)
            data.qvel *= 0.95
            if step % CHECK_EVERY == CHECK_EVERY - 1 and self._is_still():
                return True
        return False

    def contacts(self) -> list[Contact]:
        """What touches what, as bodies lie now."""
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        if not self._data.ncon:
            return []
        gaps, found = self._gaps(), []
        for (first, second), gap, normal in zip(gaps.bodies, gaps.gaps, gaps.normals, strict=True):
            found.append(Contact(int(first), int(second), float(gap / self._unit), float(normal[2])))
        return found

    def _gaps(self) -> _Gaps:
        """Real distances at all contacts."""
        contact = self._data.contact
        geoms, points, normals = contact.geom.copy(), contact.pos.copy(), contact.frame[:, :3].copy()
        bodies = self._model.geom_bodyid[geoms] - self._first_body
        sizes = np.where(bodies >= 0, self._extents[bodies], np.inf).min(axis=1)
        spots, out = bundles(points / self._unit, normals, BUNDLE * sizes)
        count, rays = spots.shape[:2]
        # Without a real surface a body ends where its part does.
        half = np.repeat(-contact.dist[:, None] / 2 / self._unit, rays, axis=1)
        ends = [half.copy(), half.copy()]
        for index in np.unique(bodies[bodies >= 0]):
            surface, pose = self._bodies[index].surface, self._pose(int(index))
            for side, sign in ((0, 1.0), (1, -1.0)):
                mine = bodies[:, side] == index
                if surface is not None and mine.any():
                    at, towards = spots[mine].reshape(-1, 3), sign * out[mine].reshape(-1, 3)
                    ends[side][mine] = surface.ends(pose.rotation, pose.position, at, towards).reshape(-1, rays)
        gaps = -(ends[0] + ends[1]).max(axis=1) * self._unit
        assert len(gaps) == count
        return _Gaps(geoms, points, normals, bodies, gaps, contact.dist.copy())

    def _is_still(self) -> bool:
        velocity = self._data.qvel.reshape(-1, 6)
        return bool(np.abs(velocity[:, :3]).max() < REST_SPEED and np.abs(velocity[:, 3:]).max() < REST_SPIN)

    def _pose(self, index: int) -> RestingPose:
        q = self._data.qpos[7 * index : 7 * index + 7]
        return RestingPose(rotation_from_quaternion(q[3:]), np.array(q[:3]) / self._unit)


def footprint(hull: npt.NDArray[Any]) -> float:
    """Area of a hull's bounding rectangle on the ground, m²."""
    size = np.ptp(np.asarray(hull, np.float64), axis=0)
    return float(size[0] * size[1])
