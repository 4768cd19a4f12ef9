from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.json_schema import schema_text
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.references import deep_outcomes, variable_order
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS
from scanstage.scenes.config.sections.run_config import AssetsConfig, RunConfig
from scanstage.scenes.values.distributions import Switch, Variable

CONFIGS = Path(__file__).parents[3] / "configs"

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
        "c.yaml:9: stage: unknown kind 'tabel', expected one of none, ground, table, shelf, room, bin, corner, desk, conveyor; did you mean table?",  # noqa: E501
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


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    assert load(tmp_path, "images: 010").images == 10
    assert load(tmp_path, "images: 0o10").images == 8
    assert load(tmp_path, "", "images=010", "seed=0x10").model_dump(include={"images", "seed"}) == {
        "images": 10,
        "seed": 16,
    }
    assert problems(tmp_path, "images: 1:30")
    assert load(tmp_path, "assets: {classes: [yes, 2024-01-31]}").assets.classes == ["yes", "2024-01-31"]


def test_set_overrides(tmp_path: Path) -> None:
    text = "light: {lamps: [{kind: sun, power: 1}]}"
    config = load(tmp_path, text, "light.lamps.0.power={uniform: [2, 3]}", "camera.fov_deg=50", "images=7")
    assert config.images == 7
    assert config.camera.fov_deg == 50
    assert config.light.lamps[0].power.uniform == (2, 3)
    assert "c.yaml with `overrides`: camera.fov: unknown key" in problems(tmp_path, text, "camera.fov=3")[0]
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


def test_what_is_no_file_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    (tmp_path / "large.yaml").touch()
    os.truncate(tmp_path / "large.yaml", 1 << 40)
    for name, told in (("pipe", "pipe"), ("folder", "folder"), ("endless", "device"), ("large", "at most 1 MB")):
        with pytest.raises(InputError, match=told) as caught:
            load_config(tmp_path / f"{name}.yaml")
        assert f"{name}.yaml" in caught.value.problems[0]


HUGE = f"0x{'f' * 900}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"images: {HUGE}", "images: expected a finite number, got inf"),
        (f"seed: -{HUGE}", "seed: expected"),
        ("images: 1e999", "images: expected a finite number"),
        ("images: 99999999999999999999", "images: "),
        ("images: 10000001", "images: expected less than or equal to 10000000"),
        (f"camera: {{roll_deg: {HUGE}}}", "roll_deg: expected a finite number"),
        ("camera: {resolution: [1000000, 1000000]}", "camera.resolution.0: expected less than or equal to 16384"),
        ("camera: {azimuth_deg: 1e300}", "expected a number from -1e+06 to 1e+06"),
        ("camera: {azimuth_deg: {uniform: [-1.7e308, 1.7e308]}}", "expected a number from -1e+100 to 1e+100"),
        ("variables: {x: {choice: {a: 1e308, b: 1e308}}}", "expected a number from -1e+100 to 1e+100"),
        ("variables: {x: {normal: {mean: 0, std: .inf}}}", "finite number"),
        ("variables: {x: .inf}", "variables.x"),
        ("variables: {x: 1e200}\ncamera: {roll_deg: {var: x}}", "does not fit here"),
        ("objects: {count: 1000000}", "objects.count: expected a whole number from 0 to 500"),
        ("objects: {count: {integer: [1, 99999999999]}}", "a whole number from 0 to 500"),
        ("distractors: {count: .nan}", "distractors.count"),
        ("light: {lamps: [{kind: sun, power: 1, count: 17}]}", "light.lamps.0.count"),
        ("light: {lamps: [%s]}" % ("{kind: sun, power: 1}," * 65), "at most 64 items"),
        ("stage: [%s]" % ("{kind: ground}," * 1001), "at most 1000 items"),
        ("stage: {kind: ground, weight: 1e300}", "stage.weight: expected a number from 0 to 1e+09"),
        ("assets: {classes: {a: 1e308}}", "assets.classes.a"),
        ("render: {samples: 1e9}", "render.samples"),
        ("render: {clamp_indirect: .inf}", "render.clamp_indirect: expected a finite number"),
        ("render: {noise_threshold: .nan}", "render.noise_threshold"),
        ("workers: {memory_gb: .inf}", "workers.memory_gb: expected a finite number"),
        ("workers: {picture_timeout_s: -.inf}", "workers.picture_timeout_s"),
        ("labels: {min_pixels: 10000000000}", "labels.min_pixels"),
        ("labels: {per_class: {a: {min_visible_fraction: .nan}}}", "min_visible_fraction"),
        ("balance: {total: 1e30}", "balance.total"),
        ("balance: {most_repeats: .inf}", "balance.most_repeats: expected a finite number"),
        ("balance: {target: {a: -1}}", "balance.target.a: expected greater than or equal to 0"),
        ("balance: {target: {power: .nan, counts: {a: 1}}}", "balance.target.power"),
        ("balance: {target: {power: 1, counts: {a: 1e999}}}", "balance.target.counts.a"),
        ("balance: {target: {fill: {to: 1e20, counts: {a: 1}}}}", "balance.target.fill.to"),
        ("name: " + "n" * 101, "at most 100 characters"),
        ("? " + "k" * 500_000 + "\n: 1", "unknown key"),
    ],
)
def test_numbers_and_lists_beyond_all_bounds_are_told(tmp_path: Path, text: str, told: str) -> None:
    found = "\n".join(problems(tmp_path, text))
    assert told in found
    assert len(found) < 2000
    if "\n" not in text and text.count(":") == 1 and "[" not in text and "?" not in text:
        key, _, value = text.partition(": ")
        assert problems(tmp_path, "", f"{key}={value}")


def test_what_is_given_on_the_command_line_is_bounded_as_a_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = "{a0: &a0 [1, 1], " + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}], " for i in range(1, 9)) + "}"
    for override, told in (
        (f"variables={bomb}", "aliases count as often as used"),
        ("a." * 60_000 + "b=1", "nested more than 100 deep"),
        ("variables.x=" + "[" * 100_000, "not valid YAML"),
        ("light.lamps.²=1", "not an index"),
        (f"light.lamps.{'9' * 6000}=1", "not an index"),
        ("seed={a: 1, a: 2}", "given twice"),
        ("seed=!!python/none ", "not valid YAML"),
    ):
        found = "\n".join(problems(tmp_path, "light: {lamps: [{kind: sun, power: 1}]}", override))
        assert told in found
        assert len(found) < 1000
    monkeypatch.setattr("scanstage.scenes.config.load.MAX_NODES", 1000)
    many = [f"variables.v{i}={[0] * 100}" for i in range(20)]
    assert "more than" in problems(tmp_path, "", *many)[0], "all of them together are bounded, too"


def test_of_thousands_of_mistakes_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    for text in (
        "\n".join(f"key{i}: 1" for i in range(3000)),
        "seed: 1\n" * 3001,
        "assets: {classes: {%s}}" % ", ".join(f"c{i}: -1" for i in range(3000)),  # noqa: UP031
        "assets: {classes: {%s}}" % ", ".join(f"c{i}: {{var: v{i}}}" for i in range(3000)),  # noqa: UP031
    ):
        found = problems(tmp_path, text)
        assert len(found) == 51
        assert found[-1].startswith("… and 2,95")
        assert sum(map(len, found)) < 20_000


class Steps:
    """Counts lines of Python and calls of built-in functions while it is open."""

    def __enter__(self) -> Steps:
        self.count = 0
        sys.settrace(self._call)
        sys.setprofile(self._built_in)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def _call(self, *_: object) -> object:
        return self._line

    def _line(self, *_: object) -> object:
        self.count += 1
        return self._line

    def _built_in(self, _: object, event: str, __: object) -> None:
        self.count += event == "c_call"


def chained(n: int) -> str:
    return "variables: {%s v%d: 1}" % ("".join(f"v{i}: {{var: v{i + 1}}}, " for i in range(n)), n)  # noqa: UP031


def switches(n: int) -> str:
    options = ", ".join(f"o{i}" for i in range(n))
    cases = "".join(f"c{i}: {{switch: {{by: t, cases: {{o{i}: 1}}, default: 2}}}}, " for i in range(n))
    return f"variables: {{t: {{choice: [{options}]}}}}\nassets: {{classes: {{{cases}}}}}"


def used(n: int) -> str:
    """Many uses of one variable that follows from all others."""
    chain = chained(n)[:-1]
    return f"{chain}}}\nassets: {{classes: {{{', '.join(f'c{i}: {{var: v0}}' for i in range(n))}}}}}"


def unknown(n: int) -> str:
    """Many variables, and as many names that are none of them."""
    variables = ", ".join(f"v{i}: 1" for i in range(n))
    return f"variables: {{{variables}}}\nassets: {{classes: {{{', '.join(f'c{i}: {{var: w{i}}}' for i in range(n))}}}}}"


def doubling(n: int) -> str:
    """Each variable is one of two that are the one before."""
    twice = "".join(
        f"x{i + 1}: {{switch: {{by: t, cases: {{a: {{var: x{i}}}, b: {{var: x{i}}}}}}}}}, " for i in range(n)
    )
    return f"variables: {{t: {{choice: [a, b]}}, x0: 1, {twice}}}\ncamera: {{roll_deg: {{var: x{n}}}}}"


@pytest.mark.parametrize(
    "make",
    [
        lambda n: f"assets: {{classes: [{', '.join(f'c{i}' for i in range(n))}]}}",
        lambda n: f"assets: {{classes: [{', '.join(f'c{i // 2}' for i in range(n))}]}}",
        lambda n: f"distractors: {{source: [{', '.join(f'c{i}' for i in range(n))}]}}",
        lambda n: f"labels: {{per_class: {{{', '.join(f'c{i}: {{}}' for i in range(n))}}}}}",
        lambda n: f"variables: {{x: {{choice: [{', '.join(f'o{i}' for i in range(n))}]}}}}",
        unknown,
        chained,
        lambda n: (
            "variables:\n"
            + "\n".join(reversed(chained(n)[12:-1].replace("}, ", "}\n").splitlines())).replace("v", " v")
        ),
        switches,
        used,
        doubling,
        lambda n: "\n".join(f"key{i}: 1" for i in range(n)),
        lambda n: "seed: 1\n" * n,
    ],
    ids=[
        "classes",
        "twice",
        "distractors",
        "rules",
        "choice",
        "hints",
        "chain",
        "backwards",
        "switches",
        "used",
        "doubling",
        "unknown",
        "again",
    ],
)
def test_reading_takes_steps_in_proportion_to_the_text(tmp_path: Path, make: Callable[[int], str]) -> None:
    steps = []
    for n in (150, 300):
        (tmp_path / "c.yaml").write_text(make(n))
        with Steps() as counted, contextlib.suppress(InputError):
            load_config(tmp_path / "c.yaml")
        steps.append(counted.count)
    assert steps[0] > 1500
    assert steps[1] < 2.3 * steps[0]


def test_overrides_take_steps_in_proportion_to_their_number(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("images: 1")
    steps = []
    for n in (100, 200):
        with Steps() as counted:
            load_config(tmp_path / "c.yaml", [f"assets.classes.c{i}={{uniform: [0, 1]}}" for i in range(n)])
        steps.append(counted.count)
    assert steps[1] < 2.3 * steps[0]


class Compared(str):
    """A name that counts how often it is compared."""

    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)


def test_variables_are_put_in_order_without_comparing_each_with_each() -> None:
    config = RunConfig.model_construct(
        variables={Compared(f"v{i}"): Variable(var=f"v{i + 1}") for i in range(400)} | {Compared("v400"): 1}
    )
    assert variable_order(config) == [f"v{i}" for i in range(400, -1, -1)]
    Compared.times = 0
    variable_order(config)
    assert Compared.times < 10 * 400


def test_classes_are_looked_up_without_comparing_each_with_each() -> None:
    names = [Compared(f"c{i}") for i in range(400)]
    Compared.times = 0
    with pytest.raises(ValueError, match="named twice: c0"):
        AssetsConfig._not_empty([*names, *map(Compared, names)])
    assert Compared.times < 10 * 400


def test_what_a_variable_may_be_is_found_once_in_the_order_of_the_config(tmp_path: Path) -> None:
    config = load(tmp_path, doubling(40))
    assert list(islice(deep_outcomes(Variable(var="x40"), config), 10)) == [1]
    choices = "".join(f"{n}: {{choice: [{n}0, {n}1]}}, " for n in "cd")
    more = (
        "b: {switch: {by: t, cases: {c0: {var: c}, c1: {var: d}}}}, "
        "a: {switch: {by: c, cases: {c0: {var: b}, c1: {var: c}}}}"
    )
    config = load(tmp_path, f"variables: {{{choices} t: {{var: c}}, {more}}}")
    assert list(deep_outcomes(Variable(var="a"), config)) == ["c0", "c1", "d0", "d1"]


@given(st.integers(1, 12), st.data())
def test_variables_come_after_those_they_need_in_the_order_of_the_config(n: int, data: st.DataObject) -> None:
    needs = {f"v{i}": data.draw(st.lists(st.integers(0, n - 1), max_size=3)) for i in range(n)}
    config = RunConfig.model_construct(
        variables={
            name: Switch.model_validate(
                {"switch": {"by": f"v{some[0]}", "cases": dict(enumerate({"var": f"v{s}"} for s in some))}}
            )
            if some
            else 1
            for name, some in needs.items()
        }
    )
    order = variable_order(config)
    expected: list[str] = []
    while ready := [v for v in needs if v not in expected and all(f"v{s}" in expected for s in needs[v])]:
        expected += ready
    assert order == expected


@pytest.mark.parametrize("text", ["640x480", "640 x 480", "640X480", "[640, 480]"])
def test_a_resolution_as_people_write_it(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"camera: {{resolution: {text}}}").camera.resolution == (640, 480)


@pytest.mark.parametrize("text", ["640", "640xx480", "[640]", "[1, 2, 3]", "{width: 3}", "tall"])
def test_what_is_no_resolution_is_told_what_is(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as refused:
        load(tmp_path, f"camera: {{resolution: {text}}}")
    assert "camera.resolution: expected width and height in pixels, such as [640, 480] or 640x480" in str(refused.value)


def test_one_way_to_say_the_view(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fov_deg and focal_mm exclude each other"):
        load(tmp_path, "camera: {fov_deg: 50, focal_mm: 35}")
    config = load(tmp_path, "recipe: detection\ncamera: {fov_deg: 50}")
    assert (config.camera.fov_deg, config.camera.focal_mm) == (50, 35.0)
    assert load(tmp_path, "recipe: detection").camera.focal_mm != 35.0


def test_all_builtin_environments_by_one_word(tmp_path: Path) -> None:
    config = load(tmp_path, "light: {hdri: {image: builtin}}")
    assert config.light.hdri is not None
    assert config.light.hdri.image.choice == [f"builtin:{name}" for name in BUILTIN_HDRIS]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_no_config(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"is empty|expected a mapping"):
        load(tmp_path, text)


def test_every_key_is_described() -> None:
    schema = json.loads(schema_text())
    parts = {"": schema, **schema["$defs"]}
    keys = [
        (f"{name}.{key}", about) for name, part in parts.items() for key, about in part.get("properties", {}).items()
    ]
    assert len(keys) > 300
    assert not [key for key, about in keys if not about.get("description")]
