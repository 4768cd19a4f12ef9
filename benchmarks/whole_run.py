"""A run of the main job, as `scanstage generate` makes it, from inside a benchmark's process."""

from __future__ import annotations

from pathlib import Path

from scanstage.render.bookkeeping.run_options import GenerateOptions, command_of, read_config
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.commands.generate import generate
from scanstage.render.engine.blender_session import BlenderEngines, BlenderSession
from scanstage.render.engine.engine_protocol import Engine, EngineFactory


def generate_from(config: Path, options: GenerateOptions, engines: EngineFactory | None = None) -> Summary:
    """Generate what a config file says, with the bpy wheel or with other ``engines``. Raises what ``generate`` does."""
    loaded, command = read_config(config, options), command_of(config, options)
    return generate(loaded, config.resolve().parent, options, command, engines or BlenderEngines())


def pid_of(engine: Engine) -> int:
    """The process of a Blender worker."""
    assert isinstance(engine, BlenderSession)
    return engine.pid
