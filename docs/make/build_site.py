"""Builds the site of the documentation: pages of docs/, some files of the top, and their links, all checked.

    python docs/make/build_site.py FOLDER

Needs ``pip install -e ".[docs]"``, and no network. Pages are copied into a temporary folder, where links to files that
are no page are made links to the repository; the generator runs there, and what it has built is looked through for
links that lead nowhere and for requests to other hosts. Exit code 1: something is wrong with a page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from built_links import check_built

ROOT = Path(__file__).resolve().parents[2]
DOCS, HERE = ROOT / "docs", Path(__file__).resolve().parent
REPOSITORY = "https://github.com/scanstage/scanstage/blob/main"
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/RESULTS.md": "project/results.md",
}
"""Files of the repository outside docs/, and the pages that they are. README.md has a page of its own in docs/."""
CONFIG_PAGES = (
    *("run", "assets", "objects", "distractors", "stage", "looks", "light", "background", "camera"),
    *("labels", "balance", "render", "output", "workers", "fit", "survey"),
)
NAVIGATION: dict[str, tuple[str, ...]] = {
    "Home": ("index.md",),
    "Tutorials": ("tutorials/index.md", "tutorials/*.md"),
    "How to": ("how_to/index.md", "how_to/*.md"),
    "Guide": (
        "guide/install.md",
        "guide/scans.md",
        "guide/keypoints.md",
        "guide/symmetries.md",
        "guide/configs.md",
        "guide/camera.md",
        "backplates.md",
        "realism.md",
        "guide/labels.md",
        "guide/balance.md",
        "guide/preview.md",
        "guide/long_runs.md",
        "clusters.md",
        "quality.md",
        "guide/outputs.md",
        "guide/check.md",
        "report.md",
        "fit.md",
        "compare.md",
        "survey.md",
        "guide/export.md",
        "formats.md",
        "python.md",
    ),
    "Reference": (
        "reference/config/index.md",
        *(f"reference/config/{name}.md" for name in CONFIG_PAGES),
        "reference/commands.md",
        "reference/exit_codes.md",
        "reference/records.md",
        "reference/python.md",
    ),
    "Project": ("architecture.md", "project/*.md"),
}
"""Pages by section, in their order; patterns stand for all that aren't named. What isn't there is left out."""
FOREIGN_WORKER = "https://unpkg.com/iframe-worker/shim"
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^(```|~~~)", re.MULTILINE)


def main() -> int:
    """Build, check, and move the site to where it is to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "out", type=Path, metavar="FOLDER", help="of the site; it must not exist, or be an earlier site"
    )
    out = parser.parse_args().out.resolve()
    if out.exists() and not (out / "sitemap.xml").exists():
        parser.error(f"{out} is there, and no site")
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        copy_pages(stage / "docs")
        problems = unlisted(stage / "docs")
        lay_out_code(stage / "code")
        text = (HERE / "zensical.toml").read_text("utf-8")
        navigation = navigation_toml(stage / "docs")
        (stage / "zensical.toml").write_text(
            text.replace("[project.theme]", f"{navigation}\n\n[project.theme]", 1), "utf-8"
        )
        built = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
            cwd=stage,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            print(uncolored(built.stdout + built.stderr))
            return 1
        use_own_worker(stage / "site")
        problems += check_built(stage / "site")
        for problem in problems:
            print(problem)
        if problems:
            return 1
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(stage / "site", out)
    files = [p for p in out.rglob("*") if p.is_file()]
    pages = sum(p.suffix == ".html" for p in files)
    print(f"{out}: {pages} pages, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB")
    return 0


def copy_pages(target: Path) -> None:
    """docs/ and what else is a page, with links that hold in the site."""
    shutil.copytree(DOCS, target, ignore=shutil.ignore_patterns("*.py", "*.toml", "__pycache__"))
    sources = {target / place: ROOT / name for name, place in MOVED.items() if name != "README.md"}
    for place, source in sources.items():
        place.parent.mkdir(exist_ok=True)
        shutil.copy(source, place)
    for page in target.rglob("*.md"):
        source = sources.get(page, DOCS / page.relative_to(target))
        page.write_text(with_links(page.read_text("utf-8"), source, page.relative_to(target)), "utf-8")


def with_links(text: str, source: Path, page: Path) -> str:
    """A page's text, its links as they are to be at ``page``; those in blocks of code are left alone."""
    parts = _FENCE.split(text)
    inside = False
    for i, part in enumerate(parts):
        if part in ("```", "~~~"):
            inside = not inside
        elif not inside:
            parts[i] = _LINK.sub(lambda m: m[1] + _moved(m[2], source, page) + m[3], part)
    return "".join(parts)


def _moved(link: str, source: Path, page: Path) -> str:
    target, hash_, anchor = link.partition("#")
    if not target or re.match(r"[a-z]+:", target):
        return link
    path = Path(os.path.normpath(source.parent / target))
    if not path.is_relative_to(ROOT) or not path.exists():
        return link  # the generator says that there is no such page
    name = path.relative_to(ROOT).as_posix()
    if path.is_relative_to(DOCS):
        place = path.relative_to(DOCS).as_posix()
    elif name in MOVED:
        place = MOVED[name]
    else:
        return f"{REPOSITORY}/{name}{hash_}{anchor}"
    return os.path.relpath(place, page.parent) + hash_ + anchor


def navigation(docs: Path) -> dict[str, list[str]]:
    """Pages by section, with patterns resolved."""
    named = {entry for entries in NAVIGATION.values() for entry in entries}
    found: dict[str, list[str]] = {}
    for section, entries in NAVIGATION.items():
        pages: list[str] = []
        for entry in entries:
            matching = sorted(p.relative_to(docs).as_posix() for p in docs.glob(entry))
            pages += [p for p in matching if p == entry or p not in named]
        if pages:
            found[section] = pages
    return found


def navigation_toml(docs: Path) -> str:
    """The navigation as TOML."""
    config = "reference/config/"
    rows = []
    for section, pages in navigation(docs).items():
        entries = [json.dumps(p) for p in pages if not p.startswith(config)]
        # In the list of sections a page is its section; its title says what that is about.
        named = [p if p.endswith("index.md") else {Path(p).stem: p} for p in pages if p.startswith(config)]
        if keys := [json.dumps(p).replace('": "', '" = "') for p in named]:
            entries.insert(0, f'{{ "Config" = [{", ".join(keys)}] }}')
        rows.append(f'  {{ "{section}" = {entries[0] if section == "Home" else "[" + ", ".join(entries) + "]"} }},')
    return "nav = [\n" + "\n".join(rows) + "\n]"


def unlisted(docs: Path) -> list[str]:
    """Pages that the navigation doesn't lead to."""
    listed = {page for pages in navigation(docs).values() for page in pages}
    pages = {p.relative_to(docs).as_posix() for p in docs.rglob("*.md")}
    return [
        f"docs/{page}: the navigation (docs/make/build_site.py) doesn't lead there" for page in sorted(pages - listed)
    ]


def lay_out_code(target: Path) -> None:
    """The package under the name that it is imported by, for those that read its docstrings."""
    package = target / "scanstage"
    package.mkdir(parents=True)
    for room in ("assets", "scenes", "dataset", "render"):
        (package / room).symlink_to(ROOT / room)
    for file in (ROOT / "api").glob("*.py"):
        (package / file.name).symlink_to(file)


def use_own_worker(site: Path) -> None:
    """Put :file:`file_worker.js` in the place of the script that the generator has pages fetch from another host."""
    for page in site.rglob("*.html"):
        own = os.path.relpath(site / "make" / "file_worker.js", page.parent)
        page.write_text(page.read_text("utf-8").replace(FOREIGN_WORKER, own), "utf-8")


def uncolored(text: str) -> str:
    """Without a terminal's colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


if __name__ == "__main__":
    sys.exit(main())
