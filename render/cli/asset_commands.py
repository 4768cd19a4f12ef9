"""``scanstage assets …``: take scans in, inspect, list, pull, edit and remove them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scanstage.assets.asset import Asset
from scanstage.assets.files.user_folders import NAME_LIBRARY, NO_LIBRARY, default_library, library_for_writing
from scanstage.assets.intake.asset_edits import AssetEdits, edit_asset, set_symmetries
from scanstage.assets.intake.given_scans import classes_by_folder, given_folder, scan_files
from scanstage.assets.intake.hdri_pack import HDRI_PACK, LICENSE, URL, pull_hdris
from scanstage.assets.intake.inspection import Inspection, inspect_scan
from scanstage.assets.intake.packs import PACKS, pull_pack
from scanstage.assets.intake.take_in import (
    DEFAULT_MAX_TRIANGLES,
    IntakeOptions,
    check_options,
)
from scanstage.assets.library.stored_assets import find_asset, list_assets, remove_asset
from scanstage.assets.library.symmetry_search import find_symmetries, symmetries_of
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices
from scanstage.assets.raw_scans.scan_pose import ScanPose
from scanstage.assets.raw_scans.units import extents_text
from scanstage.render.cli.shared.help_pages import SETTINGS, PlainCommand, PlainGroup
from scanstage.render.cli.shared.taking_in import converter, one_line_of, report, take_in_all
from scanstage.render.terminal.console import Console, outside, print_json, print_whole
from scanstage.render.terminal.symmetry_table import symmetries_text, symmetry_table

app = typer.Typer(
    cls=PlainGroup,
    context_settings=SETTINGS,
    no_args_is_help=True,
    help="Take scans in, inspect and list them.",
    rich_markup_mode="rich",
)

_STYLE = {"info": "dim", "warning": "yellow", "error": "bold red"}

Paths = Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.", metavar="PATH…")]
Library = Annotated[Path | None, typer.Option("--library", help="Folder of the library.", show_default="user's own")]
Unit = Annotated[str, typer.Option("--unit", help="auto, m, cm or mm.")]
Up = Annotated[str, typer.Option("--up", help="auto, z or y.")]
MaxTriangles = Annotated[int, typer.Option("--max-triangles", help="Simplify scans that have more.")]
VertexColors = Annotated[
    str, typer.Option("--vertex-colors", help="Of OBJ and PLY: srgb, linear, or auto: as the file says, else sRGB.")
]
Surface = Annotated[
    str, typer.Option("--surface", help="none, or poisson: make one of a point cloud with normals, if it is one.")
]
AllowPlain = Annotated[
    bool, typer.Option("--allow-plain", help="Also scans without colour, all of whose textures are missing.")
]
Parts = Annotated[
    str | None,
    typer.Option("--parts", help="node or material: what of a scan has labels of its own.", metavar="node|material"),
]
Part = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="Class of the parts whose names a pattern fits, as wheel=wheel_*. Repeat it; default: each name is one.",
        metavar="CLASS=PATTERN",
    ),
]
Blender = Annotated[Path | None, typer.Option("--blender", help="Blender that reads USD and FBX.")]
AssetIds = Annotated[
    list[str], typer.Argument(help="Assets as `list` names them, or how their names begin.", metavar="ASSET…")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def add(
    paths: Paths,
    class_name: Annotated[
        str | None,
        typer.Option("--class", help="Label of these scans; default: the folder that each is in.", metavar="NAME"),
    ] = None,
    unit: Unit = "auto",
    up: Up = "auto",
    library: Library = None,
    max_triangles: MaxTriangles = DEFAULT_MAX_TRIANGLES,
    vertex_colors: VertexColors = "auto",
    surface: Surface = "none",
    allow_plain: AllowPlain = False,
    license_: Annotated[str | None, typer.Option("--license", help="Recorded with the asset.")] = None,
    author: Annotated[str | None, typer.Option("--author", help="Recorded with the asset.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="Recorded with the asset.")] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--stop", help="After a bad scan, go on with the others.")
    ] = True,
    keypoints: Annotated[
        Path | None,
        typer.Option(
            "--keypoints",
            help="Named points and symmetries of the scan; default: SCAN.keypoints.yaml beside it.",
            metavar="FILE",
        ),
    ] = None,
    pose: Annotated[
        list[str] | None,
        typer.Option(
            "--pose",
            help="Moment of an animated glTF: a frame (12), seconds (0.5s), of a clip (walk:12). "
            "Repeat it for several, each an asset of its own.",
            metavar="FRAME|SECONDS",
        ),
    ] = None,
    parts: Parts = None,
    part: Part = None,
    blender: Blender = None,
) -> None:
    """Take scans into the library: of one class, or of a folder whose folders are classes."""
    options = IntakeOptions(
        class_name or "any",
        unit,
        up,
        max_triangles,
        license=license_,
        author=author,
        url=url,
        keypoints=keypoints,
        reading=ReadingChoices(vertex_colors, surface, parts=PartChoice.parse(parts, part or ())),
        allow_plain=allow_plain,
    )
    check_options(options)
    poses = list(dict.fromkeys(map(ScanPose.parse, pose or [])))
    target = library_for_writing(library)
    console = Console()
    classes = dict.fromkeys(scan_files(paths), class_name) if class_name else classes_by_folder(paths)
    files = list(classes)
    if keypoints is not None and len(files) > 1:
        raise InputError(
            f"--keypoints {keypoints} belongs to one scan, but there are {len(files)}",
            "add that scan by itself, or put files named SCAN.keypoints.yaml beside the scans",
        )
    done, problems = take_in_all(classes, paths, options, target, blender, console, keep_going, poses)
    wanted = f"{len(files)} scans" if len(poses) < 2 else f"{len(files) * len(poses)} poses"
    console.print(f"{done} of {wanted} are in {outside(target)}", soft_wrap=True)
    report(problems, done)


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def inspect(
    paths: Paths,
    unit: Unit = "auto",
    up: Up = "auto",
    max_triangles: MaxTriangles = DEFAULT_MAX_TRIANGLES,
    vertex_colors: VertexColors = "auto",
    surface: Surface = "none",
    allow_plain: AllowPlain = False,
    pose: Annotated[
        str | None,
        typer.Option("--pose", help="Moment of an animated glTF, as for `add`.", metavar="FRAME|SECONDS"),
    ] = None,
    parts: Parts = None,
    part: Part = None,
    blender: Blender = None,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong with scans, and what intake will do about it; writes nothing. Exit code 1: one is refused."""
    absent = [f"{p}: there is no such file" for p in paths if not p.exists()]
    if absent:
        raise InputError(absent)
    moment = ScanPose.parse(pose) if pose else None
    reading = ReadingChoices(vertex_colors, surface, pose=moment, parts=PartChoice.parse(parts, part or ()))
    reading.check()
    inspections = [
        inspect_scan(
            path,
            unit,
            up,
            max_triangles,
            converter(blender),
            replace(reading, within=given_folder(path, paths)),
            allow_plain,
        )
        for path in scan_files(paths)
    ]
    if as_json:
        print_json([asdict(i) for i in inspections])
    else:
        console = Console()
        for inspection in inspections:
            _print_inspection(console, inspection)
    if any(i.refused for i in inspections):
        raise typer.Exit(1)


def _print_inspection(console: Console, inspection: Inspection) -> None:
    facts: list[str] = []
    if inspection.size_m:
        facts.append(extents_text(inspection.size_m))
    if inspection.triangles is not None:
        facts.append("1 triangle" if inspection.triangles == 1 else f"{inspection.triangles:,} triangles")
    facts += [f"{name} {w} x {h}" for name, w, h in inspection.textures[:4]]
    verdict = "[bold red]refused[/]" if inspection.refused else "[green]can come in[/]"
    console.print(f"[bold]{outside(inspection.path)}[/]: {verdict}", soft_wrap=True)
    if facts:
        console.print("  " + outside(", ".join(facts)), soft_wrap=True)
    table = Table("", "what is there", "what intake does", show_edge=False, pad_edge=True)
    for finding in inspection.findings:
        cells = (finding.topic, finding.what, finding.action)
        table.add_row(*(outside(c) for c in cells), style=_STYLE[finding.severity])
    console.print(table)
    if inspection.parts:
        named = Table("name in the file", "class", "triangles", show_edge=False, pad_edge=True)
        for part in inspection.parts:
            named.add_row(outside(part.name), outside(part.class_name or "—"), f"{part.triangles:,}")
        console.print()
        console.print(named)
    console.print()


@app.command("list", cls=PlainCommand, context_settings=SETTINGS)
def list_(
    library: Library = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Only this class.", metavar="NAME")] = None,
    as_json: AsJson = False,
) -> None:
    """List the scans of the library."""
    source = library or default_library()
    found = [a for a in (list_assets(source) if source else []) if class_name in (None, a.meta.class_name)]
    if as_json:
        print_json([_as_json(a) for a in found])
        return
    console = Console()
    if source is None:
        console.print(f"{NO_LIBRARY}\n  {NAME_LIBRARY}", soft_wrap=True)
        return
    if not found:
        console.print(f"no scans in {outside(source)}", soft_wrap=True)
        console.print("  scanstage assets add PATH… --class NAME, or scanstage assets pull ycb", soft_wrap=True)
        return
    table = Table(show_edge=False)
    table.add_column("asset", no_wrap=True)
    pointed, parted = any(a.meta.keypoints for a in found), any(a.meta.parts for a in found)
    renamed = any(a.meta.class_name != a.meta.asset_id.partition("/")[0] for a in found)
    for column in (
        *(["class"] if renamed else []),
        "size",
        "triangles",
        *(["keypoints"] if pointed else []),
        *(["parts"] if parted else []),
        "license",
    ):
        table.add_column(column, no_wrap=True)
    for asset in found:
        meta = asset.meta
        points = [str(len(meta.keypoints) or "")] if pointed else []
        points += [str(len(meta.parts) or "")] if parted else []
        named = [meta.class_name] if renamed else []
        cells = [meta.asset_id, *named, extents_text(meta.extents_m), f"{meta.triangles:,}", *points]
        table.add_row(*map(outside, [*cells, meta.source.get("license", "")]))
    print_whole(console, table)
    classes = len({a.meta.class_name for a in found})
    scans, kinds = "scan" if len(found) == 1 else "scans", "class" if classes == 1 else "classes"
    console.print(f"{len(found)} {scans} of {classes} {kinds} in {outside(source)}", soft_wrap=True)


def _as_json(asset: Asset) -> dict[str, Any]:
    return {**asdict(asset.meta), "folder": str(asset.folder)}


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def pull(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join((*PACKS, HDRI_PACK))}.")],
    library: Library = None,
    wheel: Annotated[
        Path | None, typer.Option("--wheel", help="The pack's wheel, for machines without network.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option("--archive", help="The archive of hdris, for machines without network.")
    ] = None,
    max_triangles: MaxTriangles = DEFAULT_MAX_TRIANGLES,
) -> None:
    """Add a pack of real scans to the library, or environment images."""
    target = library_for_writing(library)
    console = Console()
    if name == HDRI_PACK:
        _pull_hdris(target, archive, console)
        return
    result = pull_pack(name, target, wheel, max_triangles, lambda step: console.print(f"  {outside(step)}"))
    for asset in result.added:
        console.print(f"[green]✓[/] {outside(one_line_of(asset))}", soft_wrap=True)
    if result.present:
        console.print(f"{len(result.present)} of them were there already")
    pack = PACKS[name]
    console.print(
        f"{len(result.added) + len(result.present)} scans ({pack.about}; {pack.license}, {outside(pack.url)}) "
        f"in {outside(target)}",
        soft_wrap=True,
    )


def _pull_hdris(library: Path, archive: Path | None, console: Console) -> None:
    result = pull_hdris(library, archive, lambda step: console.print(f"  {outside(step)}"))
    if result.present:
        console.print(f"{result.present} of them were there already")
    console.print(
        f"{len(result.added) + result.present} environment images ({LICENSE}, {URL}) in "
        f"{outside(library / HDRI_PACK)}, for a config:",
        soft_wrap=True,
    )
    images = ", ".join(f'"{folder.absolute()}"' for folder in result.folders)
    console.print(outside(f"  light: {{hdri: {{image: {{choice: [{images}]}}}}}}"), soft_wrap=True)


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def remove(
    asset_ids: AssetIds,
    library: Library = None,
) -> None:
    """Remove scans from the library."""
    target = _library(library)
    console = Console(soft_wrap=True)
    found = [find_asset(target, text).meta.asset_id for text in asset_ids]  # all, before any is removed
    for asset_id in dict.fromkeys(found):
        remove_asset(target, asset_id)
        console.print(f"removed {outside(asset_id)}")


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def edit(
    asset_ids: AssetIds,
    unit: Annotated[str | None, typer.Option("--unit", help="That its file is in: m, cm or mm.")] = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Its label.", metavar="NAME")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="Recorded with the asset.")] = None,
    author: Annotated[str | None, typer.Option("--author", help="Recorded with the asset.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="Recorded with the asset.")] = None,
    library: Library = None,
) -> None:
    """Change what was guessed wrongly, or not known, when scans were taken in."""
    edits = AssetEdits(unit, class_name, license_, author, url)
    if edits == AssetEdits():
        raise InputError("nothing to change", "give --unit, --class, --license, --author or --url")
    target = _library(library)
    console = Console(soft_wrap=True)
    for asset in [find_asset(target, text) for text in asset_ids]:
        edited = edit_asset(target, asset, edits)
        console.print(f"[green]✓[/] {outside(one_line_of(edited))}")


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def symmetries(
    asset_id: Annotated[str, typer.Argument(help="As `list` names it, or how its name begins.", metavar="ASSET")],
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            help="Keep these candidates, in place of what the scan had: 1,3, or none. Without it nothing is written.",
            metavar="NUMBERS",
        ),
    ] = None,
    library: Library = None,
    as_json: AsJson = False,
) -> None:
    """Look for turns that leave a scan as it was, for poses (BOP); keep those that are accepted."""
    asset = find_asset(_library(library), asset_id)
    candidates = find_symmetries(asset)
    if accept is not None:
        asset = set_symmetries(asset, symmetries_of([candidates[i] for i in _accepted(accept, len(candidates))]))
    if as_json:
        shown = [asdict(c) | {"shape_only": c.shape_only} for c in candidates]
        print_json({"candidates": shown, "kept": asdict(asset.meta.symmetries)})
        return
    console = Console(soft_wrap=True)
    name, kept = asset.meta.asset_id, symmetries_text(asset.meta.symmetries)
    if accept is not None:
        console.print(f"[green]✓[/] {outside(name)}: {outside(kept)}")
        return
    console.print(f"{outside(name)} has {outside(kept)}; {'it may have' if candidates else 'none were found'}")
    if candidates:
        print_whole(console, symmetry_table(candidates))
        place = f" --library {library}" if library else ""
        command = f"scanstage assets symmetries {name} --accept 1{place}"
        console.print(f"  to keep those that are meant: {outside(command)}")


def _accepted(text: str, count: int) -> list[int]:
    """Indices of candidates. Raises InputError with all that are none."""
    words = [] if text.strip() == "none" else [word.strip() for word in text.split(",")]
    numbers = {str(i + 1): i for i in range(count)}
    wrong = [f"--accept {word}: is none of the {count} candidates" for word in words if word not in numbers]
    if wrong:
        raise InputError(wrong, "give numbers of the table, as in --accept 1,3, or none")
    return sorted({numbers[word] for word in words})


def _library(given: Path | None) -> Path:
    """That exists already. Raises InputError where none is named."""
    target = given or default_library()
    if target is None:
        raise InputError(NO_LIBRARY, NAME_LIBRARY)
    return target
