from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.errors import InputError
from scenes.config import load_config
from scenes.config.schema import schema_text

CONFIGS = Path(__file__).parents[2] / "configs"

MISTAKES = """\
images: 0
variables:
  time: {choice: [day, night]}
  warm: {uniform: [100, 2000]}
camera:
  elevation_deg: {uniform: [0, 95]}
  fovdeg: 3
  azimuth_deg: {unifrm: [0, 1]}
stage: {kind: tabel}
objects:
  placement: {kind: drop, density: 3}
light:
  lamps:
    - {kind: sun}
images: 3
"""


def load(tmp_path: Path, text: str, *overrides: str):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(path, list(overrides))


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(InputError) as e:
        load(tmp_path, text, *overrides)
    return e.value.problems


def test_all_mistakes_at_once_with_place_and_mend(tmp_path: Path) -> None:
    found = "\n".join(problems(tmp_path, MISTAKES.replace("images: 0\n", "seed: -1\n", 1)))
    for expected in (
        "c.yaml:1: seed: expected greater than or equal to 0, got -1",
        "c.yaml:6: camera.elevation_deg: expected a number from -90 to 90, got 95",
        "c.yaml:7: camera.fovdeg: unknown key; did you mean fov_deg?",
        "did you mean uniform?",
        "c.yaml:9: stage: unknown kind 'tabel', expected one of none, ground, table, shelf, room; did you mean table?",
        "c.yaml:11: objects.placement.density: expected a number from 0.02 to 1, got 3",
        "c.yaml:14: light.lamps.0.power: this key is required",
    ):
        assert expected in found


def test_a_key_given_twice(tmp_path: Path) -> None:
    assert problems(tmp_path, "images: 3\nseed: 1\nimages: 4") == [f"{tmp_path}/c.yaml:3: images: given twice"]


def test_references_are_checked(tmp_path: Path) -> None:
    text = """
variables: {time: {choice: [day, night]}, warm: {uniform: [100, 2000]}, a: {var: b}, b: {var: a}}
camera:
  exposure_bias_ev: {switch: {by: time, cases: {day: 0}}}
  roll_deg: {switch: {by: warm, cases: {1: 0}, default: 1}}
  fov_deg: {var: tme}
light: {lamps: [{kind: sun, power: 1, temperature_k: {var: warm}}]}
"""
    found = "\n".join(problems(tmp_path, text))
    assert "no case and no default for time = 'night'" in found
    assert "'warm' is continuous" in found
    assert "no variable 'tme'; did you mean time?" in found
    assert "'warm' does not fit here: expected a number from 1000 to 20000, got 100" in found
    assert "variables.a: refers to itself" in found


@pytest.mark.parametrize(
    "text",
    [
        "camera: {exposure: .inf}",
        "camera: {exposure: 2000}",
        "camera: {azimuth_deg: .nan}",
        "camera: {azimuth_deg: {uniform: [0, .inf]}}",
        "variables: {x: {integer: [0, 1e20]}}",
        "assets: {classes: {a: .inf}}",
        "assets: {classes: [a, b, a]}",
        "light: {hdri: {}, ambient: {}}",
        "name: ''",
        "name: ..",
        "variables: {h: 200}\nstage: {kind: table, looks: {color: {hsv: {hue: {var: h}, saturation: 1, value: 1}}}}",
        "variables: {h: red}\nstage: {kind: table, looks: {color: {hsv: {hue: {var: h}, saturation: 1, value: 1}}}}",
    ],
)
def test_values_that_lead_nowhere_are_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_yaml_means_what_it_says(tmp_path: Path) -> None:
    """No Norway problem, and 1e-3 is a number."""
    config = load(tmp_path, "assets: {classes: [no, on, off]}\ncamera: {distance_m: 1e-1}")
    assert config.assets.classes == ["no", "on", "off"]
    assert config.camera.distance_m == 0.1


def test_set_overrides(tmp_path: Path) -> None:
    text = "light: {lamps: [{kind: sun, power: 1}]}"
    config = load(tmp_path, text, "light.lamps.0.power={uniform: [2, 3]}", "camera.fov_deg=50", "images=7")
    assert config.images == 7
    assert config.camera.fov_deg == 50
    assert config.light.lamps[0].power.uniform == (2, 3)
    assert "c.yaml with --set: camera.fov: unknown key" in problems(tmp_path, text, "camera.fov=3")[0]
    assert "c.yaml:1: light.lamps.0.kind" in problems(tmp_path, "light: {lamps: [{kind: son, power: 1}]}", "seed=1")[0]
    assert "not an index" in problems(tmp_path, text, "light.lamps.4.power=1")[0]
    assert "expected dotted.path=value" in problems(tmp_path, text, "camera")[0]
    assert problems(tmp_path, text, "camera.resolution.0.x=1")
    assert problems(tmp_path, "assets: {classes: [a]}", "assets.classes.0.x=1")


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        "a: [",
        "&a [*a]",
        "a: &a [x, x]\nb: &b [*a, *a]\n" * 1,
        "\x00",
        "!!python/object:os.system {}",
        "? [a]\n: b",
    ],
)
def test_hostile_yaml_is_input_error(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_alias_bomb(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    assert "aliases" in problems(tmp_path, bomb)[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_fuzzed_configs_never_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    """Replace a random part of an example by something random: a config or an InputError, nothing else."""
    document = yaml.safe_load(
        (CONFIGS / data.draw(st.sampled_from(["quickstart.yaml", "day_and_night.yaml"]))).read_text()
    )
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=5,
    )
    node = document
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node[key], (dict, list)) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(junk)
        break
    path = tmp_path / "fuzz.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    with contextlib.suppress(InputError):
        load_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.name)
def test_examples_load(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_the_schema_file_is_current() -> None:
    assert (CONFIGS / "schema.json").read_text() == schema_text(), "run: scanstage schema > configs/schema.json"
