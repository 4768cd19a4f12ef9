"""The commands as functions: objects in, objects out, and no console."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.locations import locate, locate_local
from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.check.check_dataset import CheckReport, check_dataset
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.join.class_choice import ClassChoice
from scanstage.dataset.join.join_parts import join as join_parts
from scanstage.dataset.labels.instances import make_labels
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset as open_finished
from scanstage.dataset.records.run_file import Command
from scanstage.dataset_views import Dataset, Label, torch_data
from scanstage.render.bookkeeping.progress import OnProgress, ignore_progress
from scanstage.render.bookkeeping.run_options import GenerateOptions, check_place
from scanstage.render.bookkeeping.summary import Summary
from scanstage.render.commands.dataset_forecast import forecast_dataset
from scanstage.render.commands.generate import generate as run
from scanstage.render.commands.push import Pushed
from scanstage.render.commands.push import push as push_folder
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.scenes.config.load import check_config
from scanstage.scenes.config.load import load_config as read_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.picture_source import open_source, plan_one
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

if TYPE_CHECKING:
    from scanstage.render.commands.look.write_report import WrittenReport
    from scanstage.torch_data import LivePictures

Place = str | os.PathLike[str]


@dataclass(frozen=True)
class Config:
    """A checked config.

    Attributes:
        run: its values.
        base: folder that relative paths in it start from.
        path: of the file that it was read from, if it was.
        overrides: of its keys, ``dotted.path=value`` each.
    """

    run: RunConfig
    base: Path
    path: Path | None = None
    overrides: tuple[str, ...] = ()

    @property
    def command(self) -> Command:
        """What a dataset notes of it."""
        return Command("" if self.path is None else str(self.path), str(self.base), self.overrides)


AnyConfig = Config | Place | Mapping[str, Any]
"""A config: checked, the path of a YAML file, or its keys."""


@dataclass(frozen=True)
class PicturePlan:
    """A picture before it is rendered.

    Attributes:
        plan: everything that is in it; ``plan.to_json()`` is what ``scanstage plan`` prints.
        labels: what will be labelled.
        instance_ids: (H, W) uint16 the number of the object at each pixel, 0 where none is.
    """

    plan: FramePlan
    labels: tuple[Label, ...]
    instance_ids: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Export:
    """What an export has written.

    Attributes:
        path: file or folder.
        figures: how much of what is in it.
    """

    path: Location
    figures: dict[str, Any]


def load_config(
    config: Place | Mapping[str, Any], overrides: Mapping[str, Any] | None = None, base: Place | None = None
) -> Config:
    """Read and check a config.

    Args:
        config: path of a YAML file, or its keys.
        overrides: values by dotted path, such as ``{"camera.fov_deg": 50}``.
        base: folder that relative paths in it start from; None is the file's, or the working directory.

    Raises:
        InputError: every mistake, with the place, what was given, what was expected and the nearest key.
    """
    texts = [f"{path}={_as_yaml(path, value)}" for path, value in (overrides or {}).items()]
    if isinstance(config, Mapping):
        place = Path(base or ".").resolve()
        return Config(check_config(config, texts, place), place, None, tuple(texts))
    path = Path(config)
    place = Path(base or path.parent).resolve()
    return Config(read_config(path, texts, place), place, path.resolve(), tuple(texts))


def plan(config: AnyConfig, index: int = 0) -> PicturePlan:
    """Plan a picture and see what its camera sees; nothing is rendered.

    Raises:
        InputError: the config or its files can't be used, the run has no such picture, or it can't be planned.
    """
    planner = _planner(checked_config(config))
    planned = plan_one(open_source(planner), index)
    labels, _ = make_labels(planned, planner.config.labels)
    return PicturePlan(planned.plan, tuple(map(Label, labels)), planned.seen.instance_ids)


def forecast(
    config: AnyConfig,
    frames: tuple[int, int] | None = None,
    *,
    workers: int = 1,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Plan pictures and count what they will show; nothing is rendered.

    Args:
        config: of the run.
        frames: first and last picture, both included; None is all.
        workers: processes that plan; more than one need ``if __name__ == "__main__"`` in a script. 0 chooses.
        on_progress: told how far it has come.

    Returns:
        What ``scanstage plan --stats --json`` writes: labels by class, sizes, occlusion, truncation, what is seen
        together, and how well a balanced run meets its targets.

    Raises:
        InputError: the config or its files can't be used, or nothing can be planned.
    """
    return forecast_dataset(_planner(checked_config(config)), frames, workers, on_progress or ignore_progress)


def generate(
    config: AnyConfig,
    out: Place | None = None,
    on_progress: OnProgress | None = None,
    *,
    frames: tuple[int, int] | None = None,
    fresh: bool = False,
    extend: bool = False,
    shard: str | None = None,
    blender: Place | None = None,
    engines: EngineFactory | None = None,
    executor: Literal["local", "ray"] = "local",
    address: str | None = None,
) -> Summary:
    """Render a dataset. What is there already is kept: the same call goes on where an earlier one was cut short.

    Args:
        config: of the run.
        out: folder of the dataset, or a URL of a store; None is ``output/<name>``.
        on_progress: told how far the run has come, by the calling thread.
        frames: first and last picture, both included; None is all.
        fresh: delete an earlier dataset in the folder, once the engine is known to work.
        extend: let a dataset get more pictures, or higher targets, than it was begun with.
        shard: ``K/N``: only the pictures i with i % N == K % N, beside other shards.
        blender: executable to render with; None is the bpy wheel.
        engines: make the engines that render, in place of Blender.
        executor: ``local`` renders on this machine, ``ray`` on a Ray cluster.
        address: of the cluster; None starts or finds one.

    Returns:
        How it ended: what was made, what failed and why, labels by class.

    Raises:
        InputError: what was given can't be used; nothing was rendered.
        EngineCrashed, EngineError: no engine can be started (any more); what is finished is kept.
        OSError: the folder can't be written any more; what is finished is kept.
    """
    checked, executable = checked_config(config), None if blender is None else Path(blender)
    check_place(executor, address)
    options = GenerateOptions(
        frames=frames,
        out=None if out is None else locate(os.fspath(out), "out", written=True),
        blender=executable,
        fresh=fresh,
        extend=extend,
        executor=executor,
        address=address,
        part=WHOLE if shard is None else Shard.parse(shard),
    )
    engines = engines or BlenderEngines(executable)
    command = replace(checked.command, blender=None if executable is None else str(executable.absolute()))
    return run(checked.run, checked.base, options, command, engines, on_progress or ignore_progress)


def open_dataset(path: Place) -> Dataset:
    """Open a dataset. Raises InputError where there is none."""
    return Dataset(open_finished(locate(os.fspath(path), "path")))


def live(
    config: AnyConfig,
    *,
    ahead: int = 8,
    masks: bool = True,
    transforms: Callable[[Any, dict[str, Any]], Any] | None = None,
    blender: Place | None = None,
    engines: EngineFactory | None = None,
) -> LivePictures:
    """Pictures that are made while training draws them: an ``IterableDataset`` of PyTorch. Nothing is kept.

    Each pass over it makes the config's ``images`` from another seed. Items are those of :meth:`Dataset.torch`.

    Args:
        config: of the pictures.
        ahead: pictures that are made before they are asked for; then the engine waits.
        masks, transforms: as for :meth:`Dataset.torch`.
        blender: executable to render with; None is the bpy wheel.
        engines: make the engines that render, in place of Blender.

    Raises:
        InputError: PyTorch isn't there, or the config can't be used.
    """
    executable = None if blender is None else Path(blender)
    pictures: LivePictures = torch_data().LivePictures(
        checked_config(config), engines, executable, max(ahead, 1), masks, transforms
    )
    return pictures


def check(path: Place, *, fast: bool = False, workers: int = 1) -> CheckReport:
    """Verify a dataset from its files alone.

    Args:
        path: its folder.
        fast: don't decode pictures and maps; their hashes are compared all the same.
        workers: processes; more than one need ``if __name__ == "__main__"`` in a script. 0 is one a core.

    Raises:
        InputError: there is no dataset.
    """
    return check_dataset(DatasetFolder(locate(os.fspath(path), "path")).local_root, fast, workers)


def export(
    path: Place,
    format: str = "coco",
    out: Place | None = None,
    *,
    library: Place | None = None,
    split: str | Mapping[str, float] | None = None,
    hold_out: str | None = None,
    images: str | None = None,
    masks: str | None = None,
    obb: str | None = None,
    amodal: bool = False,
) -> Export:
    """Write a dataset in a format, from its records alone.

    Args:
        path: of the dataset.
        format: ``coco``, ``coco-panoptic``, ``yolo``, ``yolo-seg``, ``yolo-pose``, ``yolo-obb``, ``voc``, ``kitti``,
            ``masks``, ``huggingface``, ``parquet``, ``webdataset``, ``fiftyone`` or ``bop``.
        out: folder to write; None is the dataset's own ``annotations`` for ``coco`` without options, else
            ``<path>_<format>``.
        library: where the scans are now, if not where they were (``bop``).
        split, hold_out, images, masks, obb, amodal: see :class:`ExportOptions`; ``split`` as
            ``{"train": 0.8, "val": 0.2}``.

    Raises:
        InputError: there is no dataset, the format can't hold it, or the folder holds something else.
        OSError: the folder can't be written.
    """
    options = _export_options(split, amodal, hold_out=hold_out, images=images, masks=masks, obb=obb)
    dataset = open_finished(locate(os.fspath(path), "path"), None if library is None else Path(library))
    written, figures = export_dataset(
        dataset, format, None if out is None else locate_local(os.fspath(out), option("out")), options
    )
    return Export(written, figures)


def join(
    paths: Sequence[Place],
    out: Place,
    format: str = "coco",
    *,
    real: Sequence[Place] = (),
    photos: Sequence[Place] = (),
    classes: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    **options: Any,
) -> Export:
    """Make one dataset of several, and of photos, in a format.

    Args:
        paths: of datasets, one at least.
        out: folder to write; its name is that of the whole.
        format: as for :func:`export`, without ``bop``.
        real: COCO annotation files of photos.
        photos: folders of these photos, one for each of ``real``; empty looks near the files.
        classes: other names for classes; two may become one.
        only: classes to keep; empty is all.
        options: ``split``, ``hold_out``, ``images``, ``masks``, ``obb``, ``amodal``, as for :func:`export`.

    Raises:
        InputError: the same picture is in two of them, classes don't go together, or as for :func:`export`.
        OSError: the folder can't be written.
    """
    roots = [locate(os.fspath(path), "paths") for path in paths]
    choice = ClassChoice.parse([f"{old}={new}" for old, new in (classes or {}).items()], ",".join(only) or None)
    files, folders = [Path(p) for p in real], [Path(p) for p in photos]
    chosen = _export_options(**options)
    return Export(
        *join_parts(
            roots,
            locate_local(os.fspath(out), option("out")),
            format,
            chosen,
            real=files,
            photos=folders,
            classes=choice,
        )
    )


def _to_write(out: Place) -> Path:
    return locate_local(os.fspath(out), option("out"))


def _export_options(
    split: str | Mapping[str, float] | None = None, amodal: bool = False, **given: str | None
) -> ExportOptions:
    if unknown := given.keys() - {"hold_out", "images", "masks", "obb"}:
        raise InputError(f"{', '.join(sorted(unknown))}: no such option of exports")
    shares = ",".join(f"{k}={v}" for k, v in split.items()) if isinstance(split, Mapping) else split
    return ExportOptions.parse({"split": shares, **given}, amodal)


def push(path: Place, target: str, *, private: bool = False) -> Pushed:
    """Push a finished dataset, or an export, to the Hugging Face hub.

    Args:
        path: of its folder.
        target: ``hf://user/name``.
        private: only its owner sees it.

    Raises:
        InputError: the folder isn't complete, there is no such place, the package (``scanstage[hub]``) or a token is
            missing, or the hub refuses.
        OSError: the folder can't be read.
    """
    return push_folder(Path(path), target, private)


def report(
    path: Place,
    out: Place | None = None,
    *,
    against: Place | None = None,
    photos: Place | None = None,
    fit: Place | None = None,
    pictures: int = 1000,
    megabytes: float = 15.0,
) -> WrittenReport:
    """Make a page of charts, findings and all pictures, that opens without a network; and its facts as JSON beside it.

    Args:
        path: of the dataset.
        out: the page's file; None is ``__overview__/report.html`` in the dataset.
        against: another dataset, or a COCO file of photos, to compare with.
        photos: folder of that COCO file's photos; None looks beside it.
        fit: folder of the fit that its config came of; None looks beside that config.
        pictures: that the page shows at most.
        megabytes: that the page may have; pictures get smaller for it.

    Raises:
        InputError: one of them is no dataset, or photos or their labels can't be read.
        OSError: a folder can't be read or written.
    """
    from scanstage.dataset.report_page.build_report import ReportOptions  # charts take a second to load
    from scanstage.render.commands.look.write_report import write_report

    return write_report(
        locate(os.fspath(path), "path"),
        os.fspath(path),
        None if out is None else locate_local(os.fspath(out), option("out")),
        None if against is None else locate(os.fspath(against), option("against")),
        None if photos is None else Path(photos),
        ReportOptions(pictures, megabytes),
        None if fit is None else Path(fit),
    )


def checked_config(config: AnyConfig) -> Config:
    """A config that may be given in any way. Raises InputError."""
    if isinstance(config, Config):
        return config
    if isinstance(config, str | os.PathLike | Mapping):
        return load_config(config)
    raise InputError(f"config: {type(config).__name__} is no config", "give load_config's, a path, or a dict of keys")


def _as_yaml(path: str, value: Any) -> str:
    try:
        return json.dumps(value, default=_plain)
    except TypeError:
        hint = "give a number, a text, a path, a list or a dict"
        raise InputError(f"`overrides` {path}: {type(value).__name__} is no value of a config", hint) from None


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError


def _planner(config: Config) -> Planner:
    return open_planner(config.run, config.base)
