"""What is decided about a run beside its config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.run_file import Command
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.selection import Frames
from scanstage.scenes.picture_sequence.shard import WHOLE, Part


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
        part: only these pictures, beside other shards of the same run; or all of a run that has the folder for itself.
    """

    overrides: tuple[str, ...] = ()
    images: int | None = None
    seed: int | None = None
    frames: Frames = None
    out: Location | None = None
    blender: Path | None = None
    workers: int = 0
    fresh: bool = False
    extend: bool = False
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    part: Part = WHOLE

    def __post_init__(self) -> None:
        """Raise InputError where options contradict each other."""
        if self.fresh and self.extend:
            raise InputError(
                f"{option('fresh')} and {option('extend')}: one deletes the dataset that is there, the other adds to "
                "it",
                "leave one out",
            )
        if self.fresh and not self.part.alone:
            raise InputError(
                f"{option('fresh')} and {option('shard')}: every shard would delete what the others have made",
                "delete the folder once, before the shards are started",
            )

    def deciding(self) -> tuple[str, ...]:
        """Overrides that decide what the dataset is, as ``--set`` takes them."""
        images = (f"images={self.images}",) if self.images is not None else ()
        seed = (f"seed={self.seed}",) if self.seed is not None else ()
        return (*self.overrides, *images, *seed)


def check_place(executor: str, address: str | None) -> None:
    """Raise InputError where there is no such executor, or an address that it doesn't need."""
    if executor not in ("local", "ray"):
        raise InputError(f"{option('executor')} {executor}: expected local or ray")
    if executor == "local" and address is not None:
        raise InputError(f"{option('address')} {address}: is of a Ray cluster", f"add {option('executor')} ray")


def read_config(path: Path, options: GenerateOptions) -> RunConfig:
    """The config with all that options override. Raises InputError."""
    workers = (f"workers.count={options.workers}",) if options.workers else ()
    return load_config(path, [*options.deciding(), *workers])


def command_of(path: Path, options: GenerateOptions) -> Command:
    """What ``run.json`` keeps of a command that names a config."""
    blender = None if options.blender is None else str(options.blender.absolute())
    return Command(str(path.resolve()), str(path.resolve().parent), options.deciding(), blender)


def default_out(config: RunConfig) -> Path:
    """``output/<name>`` below the working directory."""
    return Path("output") / config.name
