"""``scanstage export``, ``join`` and ``push``: datasets in the formats that others train from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from scanstage.assets.files.locations import locate
from scanstage.assets.files.stores import Location
from scanstage.assets.messages.index_spans import counted
from scanstage.render.cli.shared.shared_options import DatasetArgument, local_folder_of
from scanstage.render.terminal.console import Console, outside, print_note


def export(
    dataset: DatasetArgument,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="coco, coco-panoptic, yolo, yolo-seg, yolo-pose, yolo-obb, voc, kitti, masks, huggingface, "
            "parquet, webdataset, fiftyone, bop",
        ),
    ] = "coco",
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="folder to write; default: DATASET/annotations for coco without options, else DATASET_<format>",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=SHARE,…",
            help="parts, stratified by class: train=0.8,val=0.1,test=0.1; default: train, for yolo a fifth val",
        ),
    ] = None,
    hold_out: Annotated[
        str | None, typer.Option(metavar="asset|hdri|background", help="what training and the other parts don't share")
    ] = None,
    images: Annotated[
        str | None, typer.Option(metavar="hardlink|link|copy", help="how pictures get there; default: hardlink")
    ] = None,
    masks: Annotated[str | None, typer.Option(metavar="rle|polygons", help="of coco; default: rle")] = None,
    obb: Annotated[
        str | None, typer.Option(metavar="mask|ground", help="of yolo-obb: what the oriented box is about")
    ] = None,
    amodal: Annotated[
        bool, typer.Option("--amodal", help="of coco: also the masks that objects alone would have")
    ] = False,
    library: Annotated[Path | None, typer.Option(help="where the scans are now, if not where they were (bop)")] = None,
) -> None:
    """Write a dataset in a format that others train from, from the records alone: nothing is rendered."""
    from scanstage.dataset.export.choices.export_options import ExportOptions
    from scanstage.dataset.export.formats import export_dataset
    from scanstage.dataset.records.finished_dataset import open_dataset
    from scanstage.dataset.records.record_store import recorded_indices

    given = {"split": split, "hold_out": hold_out, "images": images, "masks": masks, "obb": obb}
    options = ExportOptions.parse(given, amodal)
    opened = open_dataset(locate(dataset, "DATASET"), library)
    recorded = len(recorded_indices(opened.folder))
    written, figures = export_dataset(opened, format_, local_folder_of(out), options)
    if (damaged := recorded - figures["pictures"]) > 0:
        text = f"{counted(damaged)} left out: the record, or a file of it, is damaged; `scanstage check` says which"
        print_note(Console(stderr=True), text)
    _print_written(written, figures)


def join(
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="folders that `generate` wrote")],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="folder to write; its name is the whole's")],
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help="as for export")] = "coco",
    real: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="COCO annotations of photos; may be given several times")
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="of those photos, if they aren't near; once for each FILE"),
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="a class gets another name, or becomes one with it")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="these classes; what others show is background")
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME=SHARE,…", help="as for export")] = None,
    hold_out: Annotated[str | None, typer.Option(metavar="asset|hdri|background", help="as for export")] = None,
    images: Annotated[str | None, typer.Option(metavar="hardlink|link|copy", help="as for export")] = None,
    masks: Annotated[str | None, typer.Option(metavar="rle|polygons", help="of coco; default: rle")] = None,
    obb: Annotated[str | None, typer.Option(metavar="mask|ground", help="of yolo-obb")] = None,
    amodal: Annotated[bool, typer.Option("--amodal", help="as for export")] = False,
) -> None:
    """Make one dataset of several, of other configs and classes, and of photos: each picture says what it is."""
    from scanstage.dataset.export.choices.export_options import ExportOptions
    from scanstage.dataset.join.class_choice import ClassChoice
    from scanstage.dataset.join.join_parts import join as run

    given = {"split": split, "hold_out": hold_out, "images": images, "masks": masks, "obb": obb}
    options = ExportOptions.parse(given, amodal)
    choice = ClassChoice.parse(classes or [], only)
    folder = local_folder_of(out)
    assert folder is not None
    roots = [locate(text, "DATASET") for text in datasets]
    written, figures = run(roots, folder, format_, options, real=real or [], photos=photos or [], classes=choice)
    _print_written(written, figures)


def _print_written(written: Location, figures: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True)
    console.print(f"{outside(', '.join(f'{n} {what}' for what, n in figures.items()))} in {outside(written)}")


def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="a finished dataset, or an export")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="hf://USER/NAME on the Hugging Face hub")],
    private: Annotated[bool, typer.Option("--private", help="only you see it")] = False,
) -> None:
    """Push a dataset, or an export, to a hub, with its card."""
    from scanstage.render.commands.push import push as run

    pushed = run(folder, target, private)
    console = Console(soft_wrap=True)
    console.print(f"{pushed.files:,} files, {pushed.bytes / 1e6:,.1f} MB: {outside(pushed.url)}")
