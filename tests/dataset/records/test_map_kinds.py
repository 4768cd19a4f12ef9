"""The table of maps has every kind that a config can ask for, and each of its files is looked at by a check."""

from __future__ import annotations

from scanstage.dataset.check.check_maps import MAP_CHECKS
from scanstage.dataset.records.map_kinds import MAP_FILES, MAPS
from scanstage.scenes.config.sections.run_config import OutputConfig


def test_a_kind_is_asked_for_by_a_key_of_its_name() -> None:
    switches = {name for name, field in OutputConfig.model_fields.items() if field.annotation is bool}
    assert switches == set(MAPS)
    assert not any(OutputConfig.model_fields[name].default for name in switches)


def test_no_two_kinds_have_files_of_one_name() -> None:
    assert len(MAP_FILES) == sum(len(kind.files) for kind in MAPS.values())
    for kind in MAPS.values():
        assert kind.bytes_a_pixel > 0
        suffixes = [suffix for suffix, _ in kind.files.values()]
        assert len(suffixes) == len(set(suffixes)), "files of a kind lie in one folder, told apart by their suffix"


def test_each_file_is_checked() -> None:
    assert {*MAP_CHECKS, "soft_masks"} == set(MAP_FILES)
