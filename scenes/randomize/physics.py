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

from scanstage.scenes.optics.geometry import Float, rotation_from_quaternion

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
FAR_AWAY = 1000.0


@dataclass(frozen=True)
class Body:
    """A movable object.

    Attributes:
        hull: (H, 3) vertices of its convex hull in its own frame, metres, already scaled.
        parts: convex parts that it collides by, each (N, 3) as ``hull``; none: the hull.
    """

    hull: Float
    parts: tuple[Float, ...] = ()


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
        sizes = [float(np.ptp(b.hull, axis=0).max()) for b in bodies]
        self._unit = TYPICAL_SIZE / float(np.median(sizes))
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
        self._wake()
        if self._walls:
            self._model.geom_contype[self._walls] = 0
            self._model.geom_conaffinity[self._walls] = 0
        settled = self._run(AFTERMATH_S)
        return Rest(tuple(self._pose(i) for i in range(self._count)), settled)

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
