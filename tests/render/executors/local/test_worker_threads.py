"""What a worker that was given few threads takes of the machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.unit_boxes import SETTINGS, WHEEL, WHITE, at, make_plan, render_once

from scanstage.render.engine.blender_session import BlenderSession
from scanstage.scenes.plan import ObjectPlan

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(not WHEEL, reason="no bpy wheel in this Python"),
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes can't choose their cores here"),
]


def test_one_thread_takes_one_core_and_may_take_any(folders: dict[str, Path], tmp_path: Path) -> None:
    settings = replace(SETTINGS, samples=200, threads=1)
    plan = make_plan((ObjectPlan(1, "primitive/box", "box", at(0, 0, 0, 1.0), surface=WHITE),))
    with BlenderSession(settings, None, tmp_path, tmp_path / "log") as session:
        worker = psutil.Process(session.pid)
        cores = {frozenset(os.sched_getaffinity(t.id)) for t in worker.threads()}
        assert cores == {frozenset(os.sched_getaffinity(0))}
        before = {t.id: t.user_time + t.system_time for t in worker.threads()}
        render_once(plan, folders, session)
        taken = sorted(t.user_time + t.system_time - before.get(t.id, 0.0) for t in worker.threads())
    assert taken[-1] > 0.3, "too little to judge by"
    assert sum(taken[:-1]) < 0.1 * taken[-1], "threads that wait must not spin"
