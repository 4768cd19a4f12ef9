"""Rigid bodies in MuJoCo: do placed objects overlap, and where do dropped ones come to rest?

Objects collide by convex parts: most scans by their hull, what is hollow or branched by several, so that bowls hold
things and handles are open. Lengths are scaled so that the median object measures 0.1: the solver is then equally well
conditioned for screws and for cars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from scanstage.scenes.optics.geometry import Float, rotation_from_quaternion
from scanstage.scenes.randomize.resting.real_contacts import Contacts, RealSurface
from scanstage.scenes.randomize.resting.stability import tips_towards
from scanstage.scenes.randomize.stages.stage_build import Block

TYPICAL_SIZE = 0.1
TIMESTEP_S = 0.004
CHECK_EVERY = 25
FALL_S = 4.0
AFTERMATH_S = 3.0
REST_SPEED = 0.004
REST_SPIN = 0.08
SLEEP = getattr(mujoco.mjtEnableBit, "mjENBL_SLEEP", 0)
"""What lies still costs no time until something touches it; a MuJoCo that doesn't know of that is slower."""
OVERLAP_TOLERANCE = 5e-4
UPRIGHT = 0.95
"""Vertical component of the normals of contacts that carry from below."""
PUSH_SPIN = 2.0
"""Radians a second of a push."""
MARGIN = 0.02
"""How far apart parts may be that could touch when bodies are seated, in shares of the typical size."""
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


class World:
    """Bodies and blocks in one model. Bodies start far away from everything, and from each other.

    Args:
        bodies: movable, at least one.
        blocks: fixed.
        pen: half sizes (x, y) and centre (x, y) of four invisible walls that hold falling bodies in; or None.

    Attributes:
        extents: (B,) largest sides of the bodies, metres.

    Raises:
        ValueError: a body is so much smaller than the others that it has no volume to the solver.
    """

    def __init__(self, bodies: list[Body], blocks: list[Block], pen: tuple[Float, Float] | None = None) -> None:
        self._bodies = bodies
        self.extents = np.array([float(np.ptp(b.hull, axis=0).max()) for b in bodies])
        self._unit = TYPICAL_SIZE / float(np.median(self.extents))
        spec = mujoco.MjSpec()
        spec.option.timestep = TIMESTEP_S
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        spec.option.impratio = 5
        if SLEEP:
            spec.option.enableflags |= int(SLEEP)
            spec.option.sleep_tolerance = REST_SPEED
        # Thin or tiny things weigh next to nothing; the solver needs a little more than that.
        spec.compiler.boundmass, spec.compiler.boundinertia = 1e-5, 1e-9
        contact = {"solref": [0.01, 1.0], "friction": [0.7, 0.005, 0.0008], "condim": 6}
        for block in blocks:
            self._add_block(spec, block, contact)
        walls = [] if pen is None else self._add_walls(spec, *pen)
        meshes: dict[bytes, str] = {}  # a model's meshes take most of its time: things that are alike share theirs
        for i, body in enumerate(bodies):
            element = spec.worldbody.add_body(name=f"body{i}", pos=[FAR_AWAY * (i + 1), 0.0, FAR_AWAY])
            element.add_freejoint()
            for k, part in enumerate(body.parts or (body.hull,)):
                name = f"part{i}-{k}"
                vertices = (part * self._unit).astype(np.float32).ravel()
                shared = meshes.setdefault(vertices.tobytes(), name)
                if shared == name:
                    spec.add_mesh(name=name, uservert=vertices)
                mesh = {"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": shared}
                element.add_geom(density=400.0, name=name, **mesh, **contact)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._first_body = self._model.nbody - len(bodies)
        self._walls = [mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_GEOM, name) for name in walls]
        self._count = len(bodies)
        self._pushed_at = np.full(self._count, np.inf)

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
        self._wake()
        if self._walls:
            self._model.geom_contype[self._walls] = 0
            self._model.geom_conaffinity[self._walls] = 0
        return self.resettle()

    def resettle(self) -> Rest:
        """Let everything come to rest from where it is, without the pen where :meth:`settle` took it away."""
        settled = self._run(AFTERMATH_S)
        return Rest(self.poses(), settled)

    def poses(self) -> tuple[RestingPose, ...]:
        """Where bodies are."""
        return tuple(self._pose(i) for i in range(self._count))

    def centers(self) -> Float:
        """(B, 3) centres of mass, metres."""
        mujoco.mj_kinematics(self._model, self._data)
        return np.array(self._data.xipos[self._first_body :]) / self._unit

    def push_over(self) -> bool:
        """Push what stands on an edge or a tip the way that it would fall; say whether there is any such thing.

        Only what is carried by something flat: what leans, leans on something. What a push left as high as it was
        stands, whatever it looks like.
        """
        contacts, poses, centers = self._touching(0.0), self.poses(), self.centers()
        towards: dict[int, Float] = {}
        for index in range(self._count):
            mine = (contacts.bodies == index).any(axis=1)
            flat = 0.02 * self.extents[index]
            if not mine.any() or np.abs(contacts.normals[mine, 2]).min() < UPRIGHT:
                continue
            if np.ptp(contacts.points[mine, 2]) > flat or abs(self._pushed_at[index] - centers[index, 2]) < flat / 2:
                continue
            corners = self._bodies[index].hull @ poses[index].rotation.T + poses[index].position - centers[index]
            if (direction := tips_towards(corners, self.extents[index])) is not None:
                towards[index] = direction
                self._pushed_at[index] = centers[index, 2]
        self._wake()
        for index, direction in towards.items():
            self._push(index, poses[index].rotation, direction)
        return bool(towards)

    def _push(self, index: int, rotation: Float, direction: Float) -> None:
        """Let a body turn about its lowest corner towards a horizontal direction."""
        spin = PUSH_SPIN * np.array([-direction[1], direction[0], 0.0])
        corners = self._bodies[index].hull @ rotation.T
        velocity = self._data.qvel[6 * index : 6 * index + 6]
        # MuJoCo has the velocity of a body's origin in the world, and its spin in its own frame.
        velocity[:3] = np.cross(spin, -corners[corners[:, 2].argmin()] * self._unit)
        velocity[3:] = rotation.T @ spin

    def contacts(self) -> tuple[Contacts, Float]:
        """What touches what as bodies lie now, or nearly does, and the real distances there, metres."""
        contacts = self._touching(MARGIN)
        poses = [(p.rotation, p.position) for p in self.poses()]
        return contacts, contacts.gaps([b.surface for b in self._bodies], poses)

    def shift(self, moves: Float) -> None:
        """Move bodies by (B, 6) shifts, metres, and turns about their centres of mass, rotation vectors in radians."""
        for index, (pose, center, move) in enumerate(zip(self.poses(), self.centers(), moves, strict=True)):
            turn = Rotation.from_rotvec(move[3:]).as_matrix()
            arm = pose.position - center
            self.put(index, RestingPose(turn @ pose.rotation, center + turn @ arm + move[:3]))

    def _touching(self, margin: float) -> Contacts:
        """Contacts as bodies lie now, of all that is nearer than a share of the typical size."""
        before = self._model.geom_margin.copy()
        self._model.geom_margin[:] = margin * TYPICAL_SIZE
        self._wake()
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        self._model.geom_margin[:] = before
        found = self._data.contact
        bodies = (self._model.geom_bodyid[found.geom] - self._first_body).astype(np.int64)
        points, distances = found.pos / self._unit, found.dist / self._unit
        return Contacts(bodies, points, found.frame[:, :3].copy(), distances)

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

    def _is_still(self) -> bool:
        if SLEEP and self._data.ntree_awake == 0:
            return True
        velocity = self._data.qvel.reshape(-1, 6)
        return bool(np.abs(velocity[:, :3]).max() < REST_SPEED and np.abs(velocity[:, 3:]).max() < REST_SPIN)

    def _wake(self) -> None:
        """Forget everything but where bodies are: what sleeps would not notice that a wall is gone."""
        at = self._data.qpos.copy()
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = at

    def _pose(self, index: int) -> RestingPose:
        q = self._data.qpos[7 * index : 7 * index + 7]
        return RestingPose(rotation_from_quaternion(q[3:]), np.array(q[:3]) / self._unit)


def footprint(hull: npt.NDArray[Any]) -> float:
    """Area of a hull's bounding rectangle on the ground, m²."""
    size = np.ptp(np.asarray(hull, np.float64), axis=0)
    return float(size[0] * size[1])
