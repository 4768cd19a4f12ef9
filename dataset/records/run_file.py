"""``run.json``: what was run, with what, and what it came to. Read and written here, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import FailFast, TypeAdapter, ValidationError

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.plain_json import first_error, parse_json
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, DatasetFolder
from scanstage.dataset.records.own_files import BOOK_BYTES, read_own
from scanstage.dataset.records.provenance import Provenance
from scanstage.scenes.picture_sequence.identity import Identity
from scanstage.scenes.plan import Index

FORMAT = 2
"""Of what is written; files of format 1, which name none, are read."""
BRING_BACK = f"bring run.json back if it was one, or choose another folder with {option('out')}"
Json = dict[str, Any]


@dataclass(frozen=True)
class FailedPicture:
    """A picture that could not be made, and why."""

    index: Index
    reason: str


@dataclass(frozen=True)
class Command:
    """The command, so that it can be given again.

    Attributes:
        config: path of the config; empty where there was none.
        base: folder that relative paths in it start from.
        set: its overrides, ``dotted.path=value`` each.
        blender: executable that was named.
    """

    config: str = ""
    base: str = ""
    set: Annotated[tuple[str, ...], FailFast()] = ()
    blender: str | None = None

    @property
    def folder(self) -> Path | None:
        """Folder that relative paths in the config start from; None where that isn't known."""
        if self.base:
            return Path(self.base)
        return Path(self.config).parent if self.config else None


@dataclass(frozen=True)
class Session:
    """What one run into the folder notes of itself.

    Attributes:
        versions: of Python, the system and packages.
        engine: what the engine says of itself, see :class:`EngineInfo`.
        workers: that rendered.
        frames: first and last picture that it was to make.
        pictures: that it made.
        seconds: by stage, summed over pictures, and in all.
        shard: ``K/N``, where it was one.
    """

    versions: Json = field(default_factory=dict)
    engine: Json = field(default_factory=dict)
    workers: int | None = None
    frames: tuple[int, int] | None = None
    pictures: int | None = None
    seconds: Json = field(default_factory=dict)
    shard: str | None = None

    def to_json(self) -> Json:
        """As it stands in the file: what isn't known is left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @property
    def key(self) -> str:
        """By which two notes of one session are known to be the same."""
        return json.dumps(self.to_json(), sort_keys=True)


@dataclass(frozen=True)
class RunFile:
    """The content of a ``run.json``.

    Attributes:
        config: as it was resolved.
        identity: what decides the pictures.
        categories: labelled classes, in the order of their ids.
        library: folder of the scans; None for the built-in samples.
        given: so many first pictures keep the orders that they have, see :meth:`BalancedPictures.take_over`.
        command: that began it, or went on with it last.
        sessions: of all runs into the folder.
        failed: pictures that could not be made.
        pictures, labels: that are there, by class; None until a run has come to its end.
        engine, versions, seconds: of the last session; None before its end.
        sources: of scans and images that pictures may show; empty in files of before they were noted.
        format: see :data:`FORMAT`.
    """

    config: Json
    identity: Identity
    categories: tuple[Category, ...] = ()
    library: str | None = None
    given: Index = 0
    command: Command = Command()
    sessions: Annotated[tuple[Session, ...], FailFast()] = ()
    failed: Annotated[tuple[FailedPicture, ...], FailFast()] = ()
    pictures: int | None = None
    labels: dict[str, int] | None = None
    engine: Json | None = None
    versions: Json | None = None
    seconds: Json | None = None
    sources: Annotated[tuple[Provenance, ...], FailFast()] = ()
    format: int = 1

    @property
    def name(self) -> str:
        """Of the dataset."""
        return str(self.config["name"])

    @property
    def balance(self) -> Json | None:
        """The config's ``balance``, unresolved; None where there is none."""
        given = self.config.get("balance")
        return given if isinstance(given, dict) else None

    @property
    def holds_photos(self) -> bool:
        """Whether it is of several datasets that were joined, and photos are among them."""
        return bool(self.config.get("joined") and self.config.get("photos"))

    @property
    def uses_samples(self) -> bool:
        """Whether its scans are the built-in samples."""
        assets = self.config.get("assets")
        return isinstance(assets, dict) and assets.get("source") == "samples"

    @property
    def samples_clutter(self) -> bool:
        """Whether the built-in samples lie about as distractors."""
        distractors = self.config.get("distractors")
        source = distractors.get("source") if isinstance(distractors, dict) else None
        return source == "samples" or (isinstance(source, dict) and "samples" in source)

    @property
    def maps(self) -> tuple[str, ...]:
        """Kinds of maps that the config asks for."""
        output = self.config.get("output")
        return tuple(k for k in MAP_FOLDERS if output.get(k) is True) if isinstance(output, dict) else ()

    @property
    def failures(self) -> dict[int, str]:
        """Reasons by picture."""
        return {f.index: f.reason for f in self.failed}

    def with_failures(self, failures: Mapping[int, str]) -> RunFile:
        """With these failures in place of its own."""
        return replace(self, failed=tuple(FailedPicture(i, failures[i]) for i in sorted(failures)))

    def to_json(self) -> Json:
        """As it stands in the file."""
        content = {
            "format": FORMAT,
            "config": self.config,
            "identity": self.identity.to_json(),
            "categories": [c.to_json() for c in self.categories],
            "sources": [{k: v for k, v in asdict(s).items() if v is not None} for s in self.sources],
            "library": self.library,
            "given": self.given,
            "command": asdict(self.command),
            "engine": self.engine,
            "versions": self.versions,
            "seconds": self.seconds,
            "pictures": self.pictures,
            "labels": self.labels,
            "failed": [asdict(f) for f in self.failed],
            "sessions": [s.to_json() for s in self.sessions],
        }
        return {key: value for key, value in content.items() if value is not None or key == "library"}

    def to_bytes(self) -> bytes:
        """The file."""
        return (json.dumps(self.to_json(), indent=1) + "\n").encode("utf-8")


class NewerFormat(ValueError):
    """A ``run.json`` that a newer scanstage has written."""


class NewerRunFile(InputError):
    """The same, of a dataset that was to be used."""


_FILE = TypeAdapter(RunFile)


def parse_run_file(data: bytes) -> RunFile:
    """Parse a ``run.json``, which may have been written or changed by anybody.

    Raises ValueError where it isn't one, NewerFormat where this version doesn't know what it says.
    """
    content = parse_json(data)
    try:
        run = _FILE.validate_python(content)
    except ValidationError as e:
        where = e.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        raise ValueError(f"{'.'.join(map(str, where)) or 'all of it'}: {first_error(e)}") from None
    if not isinstance(run.config.get("name"), str):
        raise ValueError("config.name: is missing")
    if run.format > FORMAT:
        raise NewerFormat(f"it has format {run.format}, of a newer scanstage; this one knows up to {FORMAT}")
    if "categories" not in content:
        return replace(run, categories=tuple(Category(name) for name in run.identity.classes))
    return run


def read_run_file(folder: DatasetFolder) -> RunFile:
    """The ``run.json`` of a dataset. Raises InputError where it isn't one, OSError where it can't be read."""
    try:
        return parse_run_file(read_own(folder, folder.run_file.name, BOOK_BYTES))
    except NewerFormat as e:
        raise NewerRunFile(f"{folder.run_file}: {e}", "update scanstage, or choose another folder") from None
    except ValueError as e:
        raise InputError(f"{folder.run_file}: isn't what a run of scanstage writes ({e})", BRING_BACK) from None


def write_run_file(folder: DatasetFolder, run: RunFile) -> None:
    """Write it atomically. Raises OSError."""
    write_atomically(folder.run_file, run.to_bytes())
