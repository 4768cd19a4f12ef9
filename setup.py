"""Lists the packages: every folder with code, under the name that ``pyproject.toml`` has it imported by."""

import tomllib
from pathlib import Path

from setuptools import setup


def packages() -> list[str]:
    """Names of all packages in the folders of ``[tool.setuptools.package-dir]``."""
    about = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    found = []
    for name, folder in about["tool"]["setuptools"]["package-dir"].items():
        for init in sorted(Path(folder).rglob("__init__.py")):
            found.append(".".join([name, *init.parent.relative_to(folder).parts]))
    return found


setup(packages=packages())
