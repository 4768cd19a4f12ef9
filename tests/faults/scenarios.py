"""The table of all faults."""

from __future__ import annotations

import damaged_files
import disks
import hostile_configs
import hostile_scans
import kills
import noisy_output
import shards
import sick_workers
import strange_datasets
import strange_files
import two_at_once
from observation import Scenario

ALL: tuple[Scenario, ...] = (
    *kills.SCENARIOS,
    *sick_workers.SCENARIOS,
    *damaged_files.SCENARIOS,
    *disks.SCENARIOS,
    *two_at_once.SCENARIOS,
    *shards.SCENARIOS,
    *hostile_scans.SCENARIOS,
    *hostile_configs.SCENARIOS,
    *strange_files.SCENARIOS,
    *strange_datasets.SCENARIOS,
    *noisy_output.SCENARIOS,
)
