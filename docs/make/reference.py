"""Writes the pages of docs/reference that follow from the code: the config's, the commands', the record's.

python docs/make/reference.py            # write them
python docs/make/reference.py --check    # say which are stale; exit code 1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_pages import command_page, exit_code_page
from config_keys import PAGES
from config_pages import config_index, config_page
from record_pages import record_page

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
REMAKE = "python docs/make/reference.py"


def reference_pages() -> dict[str, str]:
    """Markdown by path below docs/reference."""
    config = {f"config/{page.name}.md": config_page(page) for page in PAGES}
    return {
        "config/index.md": config_index(),
        **config,
        "commands.md": command_page(),
        "exit_codes.md": exit_code_page(),
        "records.md": record_page(),
    }


def stale() -> list[str]:
    """Pages that aren't what the code gives, or that it doesn't give."""
    pages = reference_pages()
    there = {str(p.relative_to(REFERENCE)) for p in REFERENCE.glob("config/*.md")}
    changed = [n for n, text in pages.items() if not (f := REFERENCE / n).is_file() or f.read_text("utf-8") != text]
    return sorted({*changed, *(there - set(pages))})


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        for name in (found := stale()):
            print(f"docs/reference/{name} is stale: {REMAKE}")
        return 1 if found else 0
    for name, text in reference_pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
