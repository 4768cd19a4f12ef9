"""``scanstage push``: a finished dataset, or a complete export, onto the Hugging Face hub."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.dataset.export.placing.export_folder import LINK, MARK, TRAINED_ON, listed_files
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record_store import recorded_indices
from scanstage.render.locks.run_lock import live_holders

_TARGET = re.compile(r"hf://(?:datasets/)?([\w.-]+)/([\w.-]+)/?", re.ASCII)
_NAME = re.compile(r"(?!.*(--|\.\.))(?!.*\.git$)[A-Za-z0-9_]([\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
MINE = ("run.json", MARK)
"""By which a repository is known to have been pushed by us."""
NEUTRAL = (".gitattributes", "README.md")
"""What a repository that was made by hand begins with."""
_NOT_FOR_OTHERS = ("blender.log", "quarantine", "shards")
_ONES_OWN = {
    MARK, "splits.json", "provenance.jsonl", "data.yaml", "classes.json", "run.json", "ledger.jsonl", "balance.json",
    "camera.json", "objects.json", "dataset_info.md", "test_targets_bop19.json",
}  # fmt: skip
"""Files that exports and datasets have outside of folders."""
_NAMED = 5


@dataclass(frozen=True)
class Pushed:
    """What a push came to.

    Attributes:
        url: of the repository.
        files: number of them.
        bytes: that they have.
    """

    url: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Parcel:
    """What is to be pushed.

    Attributes:
        root: the folder.
        names: entries directly in it that go along; whatever else lies there is the user's.
    """

    root: Path
    names: tuple[str, ...]

    @property
    def patterns(self) -> list[str]:
        """Of the files, as the hub's client matches them: ``*`` is also a slash."""
        return [glob.escape(n) + ("/*" if (self.root / n).is_dir() else "") for n in self.names]

    def files(self) -> Iterator[Path]:
        """All of them, without what is hidden; links to folders are not followed. Raises OSError."""
        for name in self.names:
            if (self.root / name).is_file():
                yield self.root / name
            for above, _, names in os.walk(self.root / name):
                yield from (Path(above) / n for n in sorted(names) if not n.startswith("."))


def push(root: Path, target: str, private: bool = False) -> Pushed:
    """Push a folder; the repository is made where there is none, and what an earlier push put there is replaced.

    Args:
        root: of a finished dataset, or of an export.
        target: ``hf://user/name``.
        private: of a repository: only its owner sees it.

    Raises:
        InputError: the name can't be one, the folder isn't complete, the package or a token is missing, the repository
            holds something else or is public against what was asked, or the hub refuses.
        OSError: the folder can't be read.
    """
    repo = repository(target)
    parcel = packed(root.resolve())
    files = list(parcel.files())
    size = sum(path.stat().st_size for path in files)
    return Pushed(_upload(_client(), parcel, repo, private), len(files), size)


def repository(target: str) -> str:
    """``user/name`` of ``hf://user/name``. Raises InputError."""
    found = _TARGET.fullmatch(target)
    if found is None:
        raise InputError(f"TARGET {target}: names no dataset of the hub", "say hf://USER/NAME")
    if wrong := [part for part in found.groups() if not _NAME.fullmatch(part)]:
        raise InputError(
            f"TARGET {target}: the hub has no such name as {listed(wrong)}",
            "letters, digits and single . - _ between them, at most 96",
        )
    return "/".join(found.groups())


def packed(root: Path) -> Parcel:
    """What of a folder is to be pushed. Raises InputError where it is neither a dataset nor an export, or not whole."""
    if (root / MARK).is_file():
        return _packed_export(root)
    dataset = open_dataset(root)
    folder, pictures = dataset.folder, dataset.run.pictures
    again = "the same `scanstage generate` goes on from there; `scanstage check` says what is wrong"
    if holders := live_holders(folder):
        raise InputError(f"{root}: {holders[0].holder} is writing to it", "wait for it to end")
    if pictures is None:
        raise InputError(f"{root}: isn't finished", again)
    if pictures != (there := len(recorded_indices(folder))):
        raise InputError(f"{root}: run.json says {pictures} pictures, there are {there}", again)
    if not Path(str(folder.coco)).is_file():
        raise InputError(f"{root}: has no annotations", "`scanstage export` writes them anew")
    own = (entry.name for entry in folder.own_entries() if entry.name not in _NOT_FOR_OTHERS)
    parcel = Parcel(root, tuple(name for name in own if (root / name).exists()))
    _refuse_links(parcel, ())
    folders = "|".join(re.escape(f.name) for f in folder.picture_folders() if f != folder.annotations)
    pictured = re.compile(rf"(?:{folders})/\d{{6,7}}\.\w+")
    known = ("annotations/instances.json", "LICENSES/", "__overview__/")
    _refuse_others(parcel, lambda name: bool(pictured.fullmatch(name)) or name.startswith(known))
    return parcel


def _packed_export(root: Path) -> Parcel:
    files = listed_files(root)
    if lost := sorted(name for name in files if not (root / name).exists()):
        number = f"{len(lost):,} {'files' if len(lost) > 1 else 'file'} of the export"
        raise InputError(f"{root}: {number} are gone: {listed(lost, most=_NAMED)}", "export anew")
    tops = sorted({name.partition("/")[0] for name in files} | {MARK})
    if not_below := {"", ".", ".."}.intersection(tops):
        raise InputError(f"{root}: its {MARK} lists files elsewhere ({listed(sorted(not_below))})", "export anew")
    parcel = Parcel(root, tuple(tops))
    _refuse_links(parcel, {name for name, (size, _) in files.items() if size == LINK})
    _refuse_others(parcel, lambda name: name in files or name == MARK or bool(TRAINED_ON.fullmatch(name)))
    return parcel


def _refuse_links(parcel: Parcel, own: Iterable[str]) -> None:
    """Raise InputError for links that we didn't make: what they lead to would be pushed in their place."""
    known = set(own)
    found = [parcel.root / name for name in parcel.names if (parcel.root / name).is_symlink()]
    for place in (parcel.root / name for name in parcel.names if not (parcel.root / name).is_symlink()):
        for above, folders, files in os.walk(place):
            found += [path for path in map(Path(above).joinpath, (*folders, *files)) if path.is_symlink()]
    names = sorted({path.relative_to(parcel.root).as_posix() for path in found} - known)
    if names:
        raise InputError(
            f"{parcel.root}: {listed(names, most=_NAMED)}: a link, and what it leads to would be pushed",
            "put the file itself there, or take the link away",
        )


def _refuse_others(parcel: Parcel, is_ours: Callable[[str], bool]) -> None:
    """Raise InputError for files in our folders that are the user's: they would be pushed."""
    found = []
    for name in parcel.names:
        for above, _, files in os.walk(parcel.root / name):
            found += [(Path(above) / file).relative_to(parcel.root).as_posix() for file in files]
    others = sorted(name for name in found if not is_ours(name) and not Path(name).name.startswith("."))
    if others:
        text = f"{parcel.root}: {listed(others, most=_NAMED)}: not of scanstage, and would be pushed"
        raise InputError(text, "put it elsewhere")


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise InputError("hf://: the package for the hub is not installed", 'pip install "scanstage[hub]"') from None
    if not huggingface_hub.get_token():
        raise InputError(
            "hf://: there is no token of the hub",
            "`hf auth login`, or set HF_TOKEN to one that may write: https://huggingface.co/settings/tokens",
        )
    return huggingface_hub.HfApi()


def _upload(client: Any, parcel: Parcel, repo: str, private: bool) -> str:
    try:
        url = str(client.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True))
        if private and not client.repo_info(repo, repo_type="dataset").private:
            raise InputError(
                f"hf://{repo}: is there already, and public",
                f"make it private in its settings, choose another name, or leave {option('private')} out",
            )
        there = set(client.list_repo_files(repo, repo_type="dataset"))
        if there.difference(NEUTRAL) and there.isdisjoint(MINE):
            raise InputError(f"hf://{repo}: holds something that scanstage didn't push", "choose another name")
        client.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=str(parcel.root),
            commit_message=f"{parcel.root.name}, by scanstage",
            allow_patterns=parcel.patterns,
            ignore_patterns=["*/.*", ".*"],  # leftovers, and what file managers leave
            # Of an earlier push, which may have had other parts: what stayed would be in two of them.
            delete_patterns=[glob.escape(name) for name in sorted(there) if "/" in name or name in _ONES_OWN],
        )
    except InputError:
        raise
    except Exception as e:  # of whatever kind: the client's library of the day has its own
        raise InputError(f"hf://{repo}: the hub refuses ({_reason(e)})", _hint(e)) from None
    return url


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _hint(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return "the token has to be one that may write there: https://huggingface.co/settings/tokens, `hf auth login`"
    return "the same command again pushes what is missing"
