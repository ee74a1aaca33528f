"""Worked grading cases: one laboratory value per row, with everything that its grade depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from rules_engine.grading.cutoffs import BASE_LLN, BASE_ULN, BASELINE, LLN, MI_CUTOFF, ULN, Policy
from rules_engine.grading.documents import HasFolders, rules_of_version
from rules_engine.grading.labs import _derive_facts, _derive_scales, _grade_direction
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import Direction, GradingRules

NOT_GRADABLE: Final = "NA"
#: Facts that a case may state.
_FLAGS: Final = ("symptomatic", "intervention", "on_anticoagulant", "fasting")
_DIRECTIONS: Final[Mapping[str, Direction]] = {"L": "low", "H": "high"}


def grade_cases(cases: pl.DataFrame, *, registry: HasFolders | None = None) -> list[str]:
    """The grade of each row of worked cases, `0` to `4` or `NA`, in their order.

    Columns (all text): `version`, `term`, `variant`, `analyte`, `direction` (L, H), `value`, `unit`, `lln`, `uln`,
    `baseline_value`, `baseline_lln`, `baseline_uln`, `mi_cutoff`, `qualifiers` (`symptomatic=Y;duration_h=30`),
    `policy`. Value, limits and baseline share the unit; every value is after the baseline. Raises `UsageError` for a
    version without a ruleset.
    """
    return [grade_case(case, registry=registry) for case in cases.iter_rows(named=True)]


def grade_case(case: Mapping[str, Any], *, registry: HasFolders | None = None) -> str:
    """The grade of one worked case; see `grade_cases`."""
    rules = rules_of_version(str(case["version"]).strip(), registry)
    variant = (case.get("variant") or "").strip()
    direction = _direction(case)
    key = _analyte(case, rules, direction)
    scales = rules.scales.get((key, direction), ()) if key is not None else ()
    # A value that belongs to another term of the same analyte is not graded under this one.
    if not scales or scales[0].term.casefold() != str(case["term"]).strip().casefold():
        return NOT_GRADABLE
    facts = _facts(case.get("qualifiers") or "")
    if variant in ("fasting", "non-fasting"):
        facts.setdefault("fasting", "Y" if variant == "fasting" else "N")
    options = LabOptions(on_unknown=(case.get("policy") or "worst_case").strip())
    frame = pl.DataFrame(
        {
            "subject": "1",
            "analyte": key,
            "value": _text(case.get("value")),
            "unit": _text(case.get("unit")),
            **{name: _number(case.get(name)) for name in (LLN, ULN, MI_CUTOFF)},
            "duration_h": _number(facts.get("duration_h")),
            **{fact: _flag(facts.get(fact)) for fact in _FLAGS},
        },
        schema={
            **dict.fromkeys(("subject", "analyte", "value", "unit"), pl.String),
            **dict.fromkeys((LLN, ULN, MI_CUTOFF, "duration_h"), pl.Float64),
            **dict.fromkeys(_FLAGS, pl.Boolean),
        },
    ).with_columns(
        date=pl.lit(None, pl.Date),
        seq=pl.lit(None, pl.Int64),
        is_baseline=pl.lit(None, pl.Boolean),
        _treatment_start=pl.lit(None, pl.Date),
    )
    work = _derive_scales(_derive_facts(frame, rules, options), rules).with_columns(
        pl.lit(_number(case.get("baseline_value")), pl.Float64).alias(BASELINE),
        pl.lit(_number(case.get("baseline_uln")), pl.Float64).alias(BASE_ULN),
        pl.lit(_number(case.get("baseline_lln")), pl.Float64).alias(BASE_LLN),
    )
    policy = Policy(rules.tolerance, options.on_unknown, options.require_current_range)
    grade = _grade_direction(work, rules, policy, direction)["grade"].item()
    return NOT_GRADABLE if grade is None else str(grade)


def _direction(case: Mapping[str, Any]) -> Direction:
    return _DIRECTIONS[str(case["direction"]).strip().upper()[:1]]


def _analyte(case: Mapping[str, Any], rules: GradingRules, direction: Direction) -> str | None:
    """The case's analyte, or the one that the term and variant name."""
    named = rules.analytes.get((case.get("analyte") or "").strip().upper())
    if named is not None and (named, direction) in rules.scales:
        return named
    term, variant = str(case["term"]).strip().casefold(), (case.get("variant") or "").strip()
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
