"""Parameters: declared once, referred to by options, set by an extending ruleset, the call or the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rules_engine.errors import RulesetError
from rules_engine.loading import effective, load_ruleset

BASE = """\
rules_engine: 1
id: base
kind: protocol
extends: ema
parameters:
  gap: {value: 180, unit: days, description: Longest time without an assessment, minimum: 30}
  way: {value: ignore, description: What a new therapy does, choices: [ignore, censor]}
options:
  new_therapy: {from_parameter: way}
responses:
  central: {collected_as: RECIST 1.1}
endpoints:
  PFS: {like: PFS, response: central}
  PFSGAP: {like: PFS, options: {missed_visits: {method: fixed_days, gap_days: {from_parameter: gap}}}}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return written(tmp_path, BASE)


def written(folder: Path, text: str, name: str = "base.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def gap(ruleset: Any) -> Any:
    return ruleset.endpoints["PFSGAP"].options["missed_visits"]["gap_days"]


def problems(**call: Any) -> list[Any]:
    source = call.pop("source")
    with pytest.raises(RulesetError) as raised:
        load_ruleset(source, **call)
    return list(raised.value.problems)


def test_options_take_the_value_of_their_parameter_and_keep_its_place(base: Path) -> None:
    ruleset = load_ruleset(base)
    assert gap(ruleset) == 180
    assert ruleset.endpoints["PFS"].options["new_therapy"] == "ignore"
    parameter = ruleset.parameters["gap"]
    assert (parameter.value, parameter.unit, parameter.used_by) == (
        180, "days", ("endpoints.PFSGAP.options.missed_visits.gap_days",),
    )  # fmt: skip
    assert ruleset.positions["endpoints.PFSGAP.options.missed_visits.gap_days"].line == 6
    assert "from_parameter" not in effective(ruleset)


def test_a_parameter_is_set_by_an_extending_ruleset_and_by_the_call(base: Path, tmp_path: Path) -> None:
    over = written(
        tmp_path,
        "rules_engine: 1\nid: over\nkind: protocol\nextends: ./base.yaml\nparameters: {gap: {value: 120}}\n",
        "over.yaml",
    )
    assert gap(load_ruleset(over)) == 120
    assert load_ruleset(over).parameters["gap"].unit == "days"
    assert gap(load_ruleset(over, parameters={"gap": 91})) == 91
    told = load_ruleset(base, parameters={"gap": 91}).positions["endpoints.PFSGAP.options.missed_visits.gap_days"]
    assert str(told) == "parameters as set: gap"


def test_an_option_that_is_stated_anew_replaces_the_reference(base: Path, tmp_path: Path) -> None:
    over = written(
        tmp_path,
        "rules_engine: 1\nid: over\nkind: protocol\nextends: ./base.yaml\n"
        "endpoints: {PFSGAP: {options: {missed_visits: {gap_days: 60}}}}\noptions: {missed_visits: {from_parameter: none_such}}\n",
        "over.yaml",
    )
    assert "there is no parameter `none_such`" in problems(source=over)[0].what
    over.write_text(
        over.read_text(encoding="utf-8").replace("options: {missed_visits: {from_parameter: none_such}}\n", ""),
        encoding="utf-8",
    )
    assert gap(load_ruleset(over)) == 60


@pytest.mark.parametrize(
    ("change", "what", "line", "meant"),
    [
        (
            ("{from_parameter: gap}", "{from_parameter: gpa}"),
            "there is no parameter `gpa` (declared: gap, way)",
            14,
            "gap",
        ),
        (("value: 180", "value: 20"), "the parameter 'gap' is `20`, and must be at least `30`", 6, ""),
        (("value: ignore", "value: forget"), "`forget` is none of the choices of the parameter 'way'", 7, ""),
        (("value: 180", "value: soon"), "the parameter 'gap' is `soon`, and must be at least `30`", 6, ""),
        (
            ("unit: days", "unit: weeks"),
            "the parameter 'gap' is in weeks, and endpoints.PFSGAP.options.missed_visits.gap_days is in days",
            6,
            "",
        ),
        (("  way: {value", "  wya: {value: 1}\n  way: {value"), "the parameter 'wya' has no description", 7, "way"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    change: tuple[str, str], what: str, line: int, meant: str, tmp_path: Path
) -> None:
    found = problems(source=written(tmp_path, BASE.replace(*change)))
    told = next(problem for problem in found if problem.what.startswith(what))
    assert (told.line, told.meant) == (line, meant)


def test_a_value_is_validated_by_the_option_that_takes_it(tmp_path: Path) -> None:
    found = problems(source=written(tmp_path, BASE.replace("value: 180", "value: 180.5")))
    assert [(problem.line, problem.path) for problem in found] == [
        (6, "endpoints.PFSGAP.options.missed_visits.gap_days")
    ]


def test_an_unknown_name_is_refused_with_the_closest_one(base: Path) -> None:
    (told,) = problems(source=base, parameters={"gaps": 120})
    assert told.what == "the ruleset declares no parameter 'gaps' (declared: gap, way)"
    assert told.meant == "gap"
    (told,) = problems(source="ema", parameters={"gap": 120})
    assert "(declared: none)" in told.what


def test_setting_what_nothing_refers_to_is_refused(tmp_path: Path) -> None:
    text = BASE.replace("gap_days: {from_parameter: gap}", "gap_days: 90")
    assert gap(load_ruleset(written(tmp_path, text))) == 90
    (told,) = problems(source=tmp_path / "base.yaml", parameters={"gap": 120})
    assert "nothing refers to the parameter 'gap'" in told.what


# Circles -------------------------------------------------------------------------------------------------------------------


def test_a_circle_of_extends_names_every_step_with_its_place(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        written(tmp_path, f"rules_engine: 1\nid: {name}\nkind: protocol\nextends: ./{other}.yaml\n", f"{name}.yaml")
    (told,) = problems(source=tmp_path / "a.yaml")
    assert told.line == 4
    for name in ("a", "b", "c"):
        assert f"{name}.yaml:4:10" in told.what


def test_a_circle_of_likes_names_every_step_with_its_place(tmp_path: Path) -> None:
    text = "rules_engine: 1\nid: x\nkind: protocol\nextends: ema\nendpoints:\n  A: {like: B}\n  B: {like: C}\n  C: {like: A}\n"
    found = [problem for problem in problems(source=written(tmp_path, text)) if "circle" in problem.what]
    assert len(found) == 1
    for step in ("A (", "B (", "C ("):
        assert step in found[0].what
    for line in (6, 7, 8):
        assert f"base.yaml:{line}:" in found[0].what
