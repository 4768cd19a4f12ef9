"""Blender's engine and the tests' own take the same calls: what is tried with one holds for the other."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.blender_session import BlenderEngines, BlenderSession
from scanstage.render.engine.engine_protocol import Engine, EngineFactory
from scanstage.render.executors.choose_executor import open_executor

METHODS = [n for n, v in vars(Engine).items() if callable(v) and not n.startswith("_")]
PROPERTIES = [n for n, v in vars(Engine).items() if isinstance(v, property)]


def parameters(function: Any) -> list[tuple[str, Any]]:
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("kind", [BlenderSession, AnalyticEngine])
def test_engines_take_the_same_calls(kind: type) -> None:
    assert {"render", "save_scene", "kill", "close"} == set(METHODS)
    for name in METHODS:
        assert parameters(getattr(kind, name)) == parameters(getattr(Engine, name)), name
    assert {"info", "alive", "printed", "last"} == set(PROPERTIES)
    engine = AnalyticEngine(AnalyticEngines(), None)  # type: ignore[arg-type]
    assert all(hasattr(engine, name) for name in PROPERTIES)


@pytest.mark.parametrize("kind", [BlenderEngines, AnalyticEngines])
def test_factories_take_the_same_call(kind: type) -> None:
    assert parameters(kind.__call__) == parameters(EngineFactory.__call__)


def test_an_engine_of_this_process_cannot_be_sent_to_a_cluster(tmp_path: Any) -> None:
    pipeline: Any = SimpleNamespace(engines=AnalyticEngines())
    with (
        pytest.raises(InputError, match="only Blender can be started on the machines of a cluster"),
        open_executor(pipeline, "ray", None, lambda: 10, tmp_path),
    ):
        pass
