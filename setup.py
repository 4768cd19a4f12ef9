"""Where the packages are: the code lies in folders at the top, and is imported as ``scanstage.<folder>``."""

from pathlib import Path

from setuptools import setup

FOLDERS = {"scanstage": "api"} | {f"scanstage.{name}": name for name in ("assets", "scenes", "dataset", "render")}


def packages() -> list[str]:
    """Every folder with an ``__init__.py``, by the name it is imported by."""
    found = []
    for name, folder in FOLDERS.items():
        for init in sorted(Path(folder).rglob("__init__.py")):
            found.append(".".join([name, *init.parent.relative_to(folder).parts]))
    return found


setup(package_dir=FOLDERS, packages=packages(), package_data={"scanstage": ["py.typed"]})
