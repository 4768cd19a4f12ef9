"""Pages of the reference on the config, one a section: keys with what they take, their default and their picture."""

from __future__ import annotations

import html

from config_keys import KIND_KEYS, PAGES, Group, Key, Page, keys
from pydantic import BaseModel
from strip_table import SIZE, STRIPS, Strip

INTRO = {
    "run": "Keys at the top of a config, beside the sections. [Configs](../../guide/configs.md) says"
    " how one is written, and what"
    " values may be.",
    "assets": "Which scans are placed. [Scans](../../guide/scans.md) says how they get into a library.",
    "stage": "One stage, or a list of them with weights: `stage: {kind: table}`. `kind` decides which keys there are.",
    "looks": "A surface's material, wherever a key takes `looks`: a table's top, walls, floors, a"
    " belt, simple distractors.",
    "labels": "The keep policy. Pictures are the same whatever it says; the strips show which objects have a label."
    " [Labels](../../guide/labels.md) says what becomes of the others.",
    "balance": "Counts what is really visible, before anything is rendered, and places what is lacking:"
    " [Balance](../../guide/balance.md).",
    "background": "`background: {kind: hdri}`, `color` or `backplate`."
    " [Backplates](../../backplates.md) says how photos are used.",
    "camera": "Lens and sensor leave labels alone, distortion goes into them: [Camera](../../guide/camera.md).",
    "render": "Presets, and single keys over them. What each costs: [Time and quality](../../quality.md).",
    "output": "Form of the pictures, and maps beside them: [What is written](../../guide/outputs.md).",
    "workers": "Nothing here changes a picture. [Long runs](../../guide/long_runs.md) says what"
    " becomes of workers that fail.",
}
_GROUP_TITLES = {
    "stage": "Every stage",
    "background.hdri": "hdri",
    "placement.drop": "objects.placement: drop",
    "placement.upright": "objects.placement: upright",
    "placement.scatter": "objects.placement: scatter",
}
_KINDS_IN = {
    "stage": ["stage.kind"],
    "objects": ["placement.kind"],
    "background.hdri": ["background.kind"],
    "camera": ["camera.distortion.model"],
}
_IN_WORDS = {"null": "none", "{}": "its own defaults", "[{}]": "a table", "[]": "none", "''": "none"}


def page_of(group: str) -> str:
    """Name of the page that a group is on."""
    return next(page.name for page in PAGES for g in page.groups if g.prefix == group)


def config_page(page: Page) -> str:
    """The Markdown of a page."""
    parts = [f"# {page.title}", INTRO.get(page.name, "")]
    for group in page.groups:
        if len(page.groups) > 1:
            parts.append(f"## {_title(group)}")
            if group.prefix != page.name:
                parts.append(_about(group.model))
        own = keys(group)
        parts += [_kind(path) for path in _KINDS_IN.get(group.prefix, ())]
        parts += [_entry(key, page) for key in own]
    return "\n\n".join(part for part in parts if part) + "\n"


def config_index() -> str:
    """The first page: all sections, with how many keys each has."""
    lines = [
        "# Config reference",
        "Every key of a config, with what it takes and what it is unless given. Keys that change"
        " what one sees have a strip of"
        " pictures: the same plan, but for that key. All of it follows from the models in `scenes/config/sections/`, as"
        " `scanstage schema` does, which editors complete and check configs by.",
        "| page | keys | |\n|---|---|---|",
    ]
    for page in PAGES:
        count = sum(len(keys(group)) for group in page.groups)
        strips = sum(key.path in STRIPS for group in page.groups for key in keys(group))
        shown = f"{strips} with pictures" if strips else ""
        lines[-1] += f"\n| [{page.title}]({page.name}.md) | {count} | {shown} |"
    lines.append(
        '"Or a distribution" means that the key may be drawn for each picture: `{uniform: [a, b]}`, `{choice: [a, b]}`,'
        " `{var: name}` and so on; [Values](../../guide/configs.md#values) has them all."
    )
    return "\n\n".join(lines) + "\n"


def _title(group: Group) -> str:
    return _GROUP_TITLES.get(group.prefix, group.prefix)


def _about(model: type[BaseModel]) -> str:
    text = (model.__doc__ or "").strip()
    return " ".join(text.split())


def _kind(path: str) -> str:
    return f"### `{path}`\n\n{sentence(KIND_KEYS[path])}\n\n{strip_html(path, STRIPS[path])}"


def _entry(key: Key, page: Page) -> str:
    takes = f"{key.takes}, or a distribution" if key.any_value else key.takes
    if key.section:
        name = page_of(key.section)
        anchor = "" if key.section == name else f"#{slug(_GROUP_TITLES.get(key.section, key.section))}"
        target = anchor if name == page.name and anchor else f"{name}.md{anchor}"
        takes = takes.replace("a mapping", f"a mapping: [{_short(key.section)}]({target})", 1)
    default = _IN_WORDS.get(key.default, f"`{key.default}`") if key.default else ""
    rest = f"Unless given: {default}." if default and "default:" not in key.meaning else ""
    if not key.default:
        rest = "It has to be given."
    facts = f"*Takes* {takes}. {rest}".strip()
    parts = [f"### `{key.path}`", sentence(key.meaning), facts]
    if key.path in STRIPS:
        parts.append(strip_html(key.path, STRIPS[key.path]))
    return "\n\n".join(parts)


def _short(section: str) -> str:
    return _GROUP_TITLES.get(section, section)


def slug(title: str) -> str:
    """The anchor of a heading, as Python-Markdown and GitHub make it."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " _-")
    return "-".join(kept.split())


def sentence(text: str) -> str:
    """A field's description as a sentence."""
    text = text.strip()
    first = text.split(" ", 1)[0]
    if (first.isalpha() and first.islower() and len(first) > 1) or first == "a":
        text = text[0].upper() + text[1:]
    return _escaped(text) + ("" if text.endswith((".", "!")) else ".")


def _escaped(text: str) -> str:
    """Marks of Markdown that descriptions have as plain text: file names with braces, stars and angles."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        parts[i] = parts[i].replace("*", r"\*").replace("<", "&lt;").replace("_", r"\_")
    return "`".join(parts)


def strip_html(name: str, strip: Strip) -> str:
    """The strip, with what is different in each panel below it."""
    columns = strip.columns or len(strip.panels)
    width, rows = columns * (SIZE[0] + 6) - 6, -(-len(strip.panels) // columns)
    height = rows * (SIZE[1] + 6) - 6
    said = ", ".join(panel.caption for panel in strip.panels)
    picture = (
        f'<img src="../../images/keys/{name}.webp" alt="{html.escape(f"{name}: {said}")}" width="{width}" '
        f'height="{height}" loading="lazy">'
    )
    captions = " ".join(f"<span>{html.escape(panel.caption)}</span>" for panel in strip.panels)
    return (
        f'<figure class="strip" style="--columns: {columns}; max-width: {width}px">\n{picture}\n'
        f"<figcaption>{captions}</figcaption>\n</figure>"
    )
