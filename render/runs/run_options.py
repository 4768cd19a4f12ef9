"""What the command line adds to a config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.whole_run.shard import Shard


@dataclass(frozen=True)
class GenerateOptions:
    """Options of ``generate``.

    Attributes:
        overrides: ``dotted.path=value`` each.
        images, seed: override the config's.
        frames: first and last picture, both included; None is all.
        out: folder of the dataset, here or on a store; None is ``output/<name>``.
        blender: executable to render with; None is the bpy wheel.
        workers: Blender processes; 0 takes the config's ``workers.count``.
        fresh: delete an earlier dataset in the folder, once the engine is known to work.
        extend: let a dataset get more pictures, or higher targets, than it was begun with.
        executor: ``local`` renders on this machine, ``ray`` on a Ray cluster.
        address: of the cluster; None starts or finds one.
        shard: only these pictures, beside other shards of the same run; None is a run that has the folder for itself.
    """

    overrides: tuple[str, ...] = ()
    images: int | None = None
    seed: int | None = None
    frames: tuple[int, int] | None = None
    out: Location | None = None
    blender: Path | None = None
    workers: int = 0
    fresh: bool = False
    extend: bool = False
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    shard: Shard | None = None

    def __post_init__(self) -> None:
        """Raise InputError where options contradict each other."""
        if self.fresh and self.extend:
            raise InputError(
                "--fresh and --extend: one deletes the dataset that is there, the other adds to it", "leave one out"
            )

    def deciding(self) -> list[str]:
        """Overrides that decide what the dataset is, as ``--set`` takes them."""
        overrides = list(self.overrides)
        overrides += [f"images={self.images}"] if self.images is not None else []
        overrides += [f"seed={self.seed}"] if self.seed is not None else []
        return overrides

    def command(self, path: Path) -> dict[str, Any]:
        """What ``run.json`` keeps of the command, so that it can be given again: config, overrides, Blender."""
        blender = None if self.blender is None else str(self.blender.absolute())
        return {"config": str(path.resolve()), "set": self.deciding(), "blender": blender}


def read_config(path: Path, options: GenerateOptions) -> RunConfig:
    """The config with all of the command line's overrides. Raises InputError."""
    overrides = options.deciding()
    overrides += [f"workers.count={options.workers}"] if options.workers else []
    return load_config(path, overrides)
