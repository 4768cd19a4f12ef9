"""What a dataset claims to hold is looked at before it is held: little memory is taken, whatever is claimed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import dataset_bombs
from support.dataset_bombs import BOMBS, MEMORY_BYTES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process that knows its own size"),
]
SOUND = {"__overview__/preview.png", "annotations/instances.json"}


@pytest.fixture(scope="module")
def results(toy_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bombs")
    command = [sys.executable, dataset_bombs.__file__, str(folder), str(toy_dataset)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    return {told["name"]: told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_found_in_little_memory(results: dict[str, dict[str, Any]], name: str) -> None:
    assert name in results, f"the process ended over it, or over one before, with {MEMORY_BYTES >> 20} MB more to take"
    assert results[name]["errors"] == []
    assert results[name]["findings"], "nothing was found"
