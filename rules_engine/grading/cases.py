"""Worked grading cases: one laboratory value per row, with everything that its grade depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from rules_engine.grading.cutoffs import BASE_LLN, BASE_ULN, BASELINE, LLN, MI_CUTOFF, ULN
from rules_engine.grading.documents import HasFolders, rules_of_version
from rules_engine.grading.lab_columns import DIRECTIONS
from rules_engine.grading.lab_facts import doubt_ranges, read_facts
from rules_engine.grading.lab_people import PEOPLE, find_people
from rules_engine.grading.lab_tests import find_tests
from rules_engine.grading.labs import Grader, grade_direction
from rules_engine.grading.limits import usable_limits
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import Direction, GradingRules

NOT_GRADABLE: Final = "NA"
#: Facts that a case may state.
_FLAGS: Final = ("symptomatic", "intervention", "on_anticoagulant", "fasting")
_DIRECTIONS: Final[Mapping[str, Direction]] = {"L": "low", "H": "high"}


def grade_cases(cases: pl.DataFrame, *, registry: HasFolders | None = None) -> list[str]:
    """The grade of each row of worked cases, `0` to `4` or `NA`, in their order.

    Columns (all text): `version`, `term`, `variant`, `analyte`, `direction` (L, H), `value`, `unit`, `lln`, `uln`,
    `baseline_value`, `baseline_lln`, `baseline_uln`, `mi_cutoff`, `qualifiers` (`symptomatic=Y;…`), `policy`.
    Value, limits and baseline share the unit; every value is after the baseline. Raises `UsageError` for a version
    without a ruleset.
    """
    grades = [NOT_GRADABLE] * cases.height
    groups: dict[tuple[str, str], list[tuple[int, Mapping[str, Any]]]] = {}
    for position, case in enumerate(cases.iter_rows(named=True)):
        version, policy = str(case["version"]).strip(), (case.get("policy") or "worst_case").strip()
        groups.setdefault((version, policy), []).append((position, case))
    for (version, policy), members in groups.items():
        rules = rules_of_version(version, registry)
        facts = [_case_facts(case, rules) for _position, case in members]
        for (position, member), by_direction in zip(members, _grades(facts, rules, policy), strict=True):
            grade = by_direction[_direction(member)]
            if grade is not None:
                grades[position] = str(grade)
    return grades


def grade_case(case: Mapping[str, Any], *, registry: HasFolders | None = None) -> str:
    """The grade of one worked case; see `grade_cases`."""
    texts = {name: _text(value) for name, value in case.items()}
    return grade_cases(pl.DataFrame([texts], schema=dict.fromkeys(texts, pl.String)), registry=registry)[0]


_SCHEMA: Final[dict[str, Any]] = {
    **dict.fromkeys(("subject", "analyte", "value", "unit"), pl.String),
    **dict.fromkeys((LLN, ULN, MI_CUTOFF, "duration_h", BASELINE, BASE_LLN, BASE_ULN), pl.Float64),
    **dict.fromkeys(_FLAGS, pl.Boolean),
}


def _case_facts(case: Mapping[str, Any], rules: GradingRules) -> dict[str, Any]:
    """What grading looks at; without an analyte where the case's term is not graded by this analyte and direction."""
    facts = _facts(case.get("qualifiers") or "")
    variant = (case.get("variant") or "").strip()
    if variant in ("fasting", "non-fasting"):
        facts.setdefault("fasting", "Y" if variant == "fasting" else "N")
    return {
        "subject": "1",
        "analyte": _analyte(case, rules, _direction(case)),
        "value": _text(case.get("value")),
        "unit": _text(case.get("unit")),
        **{name: _number(case.get(name)) for name in (LLN, ULN, MI_CUTOFF)},
        "duration_h": _number(facts.get("duration_h")),
        BASELINE: _number(case.get("baseline_value")),
        BASE_LLN: _number(case.get("baseline_lln")),
        BASE_ULN: _number(case.get("baseline_uln")),
        **{fact: _flag(facts.get(fact)) for fact in _FLAGS},
    }


def _grades(facts: list[dict[str, Any]], rules: GradingRules, on_unknown: str) -> list[dict[Direction, int | None]]:
    """The grades of each case in both directions."""
    # A case states what is to be believed; whether unit and range can belong together is a question of data.
    options = LabOptions(on_unknown=on_unknown, contradicting_range="grade")
    frame = pl.DataFrame(facts, schema=_SCHEMA)
    unknown = {"date": pl.Date(), "seq": pl.Int64(), "is_baseline": pl.Boolean()}
    labs = frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in unknown.items())
    people = find_people(labs["subject"], pl.DataFrame(schema={"subject": pl.String(), **PEOPLE}))
    tests = find_tests(labs, rules)
    baseline = [frame[BASELINE], *_usable(frame, BASE_LLN, BASE_ULN)]
    work = read_facts(labs, people, tests, rules, options).pipe(doubt_ranges, tests, rules).with_columns(baseline)
    grader = Grader(rules, options)
    columns = {direction: grade_direction(work, tests, grader, direction)["grade"] for direction in DIRECTIONS}
    return [{direction: columns[direction][row] for direction in DIRECTIONS} for row in range(work.height)]


def _usable(frame: pl.DataFrame, low: str, high: str) -> list[pl.Series]:
    """The limits of the baseline without what no range can be."""
    lln, uln, _invalid = usable_limits(pl.col(low), pl.col(high))
    return frame.select(lln.alias(low), uln.alias(high)).get_columns()


def _direction(case: Mapping[str, Any]) -> Direction:
    return _DIRECTIONS[str(case["direction"]).strip().upper()[:1]]


def _analyte(case: Mapping[str, Any], rules: GradingRules, direction: Direction) -> str | None:
    """The analyte that the case's term is graded by: the one that it names, or the one that has this term and variant.

    None where a value of the named analyte belongs to another term, or the term is not graded by values.
    """
    term, variant = str(case["term"]).strip().casefold(), (case.get("variant") or "").strip()
    named = rules.analytes.get((case.get("analyte") or "").strip().upper())
    if named is not None and (named, direction) in rules.scales:
        return named if rules.scales[named, direction][0].term.casefold() == term else None
    for (analyte, of_direction), scales in sorted(rules.scales.items()):
        if of_direction == direction and scales[0].term.casefold() == term and scales[0].variant in ("", variant):
            return analyte
    return None


def _facts(text: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.replace(",", ";").split(";") if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _number(value: Any) -> float | None:
    text = _text(value)
    return None if text is None else float(text)


def _flag(value: str | None) -> bool | None:
    return None if value is None else {"Y": True, "N": False}.get(value.strip().upper()[:1])
