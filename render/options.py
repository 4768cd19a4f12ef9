"""What the command line adds to a config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scenes.config import RunConfig, load_config


@dataclass(frozen=True)
class GenerateOptions:
    """Options of ``generate``.

    Attributes:
        overrides: ``dotted.path=value`` each.
        images, seed: override the config's.
        frames: first and last picture, both included; None is all.
        out: folder of the dataset; None is ``output/<name>``.
        blender: executable to render with; None is the bpy wheel.
        workers: Blender processes; 0 takes the config's ``workers.count``.
        fresh: delete an earlier dataset in the folder, once the engine is known to work.
        extend: let a dataset get more pictures, or higher targets, than it was begun with.
        executor: ``local`` renders on this machine, ``ray`` on a Ray cluster.
        address: of the cluster; None starts or finds one.
    """

    overrides: tuple[str, ...] = ()
    images: int | None = None
    seed: int | None = None
    frames: tuple[int, int] | None = None
    out: Path | None = None
    blender: Path | None = None
    workers: int = 0
    fresh: bool = False
    extend: bool = False
    executor: Literal["local", "ray"] = "local"
    address: str | None = None


def read_config(path: Path, options: GenerateOptions) -> RunConfig:
    """The config with all of the command line's overrides. Raises InputError."""
    overrides = list(options.overrides)
    overrides += [f"images={options.images}"] if options.images is not None else []
    overrides += [f"seed={options.seed}"] if options.seed is not None else []
    overrides += [f"workers.count={options.workers}"] if options.workers else []
    return load_config(path, overrides)
