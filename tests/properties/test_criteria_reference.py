"""The reference reading passes every worked case of the criteria; so a case is never merely the engine's own word."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from rules_engine.casebook.criterion_cases import CRITERION_NAMES, lesion_rows

from tests.oracle import criteria as reference

RULESETS = Path(__file__).parents[2] / "rulesets"
CASES = [
    case
    for name in ("recist_1_1", "mrecist", "irecist", "mrecist_irecist")
    for case in yaml.safe_load((RULESETS / name / "cases.yaml").read_text(encoding="utf-8"))["cases"]
]


def as_date(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


def in_case_words(key: str, row: dict[str, Any]) -> Any:
    names = {"sum_mm": "sum_x100", "nadir_mm": "nadir_x100", "mrecist_overall": "basis_overall"}
    found = row[names.get(key, key)]
    return None if found is None else Decimal(found) / 100 if key.endswith("_mm") else found


def as_written(key: str, value: Any) -> Any:
    return Decimal(str(value)) if key.endswith("_mm") and value is not None else value


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_reference_passes_the_worked_case(case: dict[str, Any]) -> None:
    criterion, options = CRITERION_NAMES[case["criterion"]], case.get("options") or {}
    timepoints = reference.assess(criterion, options, lesion_rows("S", case))
    by_date = {row["visit_date"]: row for row in timepoints}
    for visit in case["visits"]:
        for key, value in (visit.get("expect") or {}).items():
            row = by_date[as_date(visit["date"])]
            assert in_case_words(key, row) == as_written(key, value), (visit["date"], key)
    day_0 = as_date(case.get("reference_date") or case["visits"][0]["date"])
    death = as_date((case.get("events") or {}).get("death"))
    found = {
        "bor": reference.best_overall_response(criterion, options, timepoints, day_0)["bor"],
        "progression_date": reference.progression_date(criterion, options, timepoints),
        "pfs": reference.pfs(criterion, options, timepoints, day_0, death),
    }
    expected = dict(case.get("expect") or {})
    if "progression_date" in expected:
        expected["progression_date"] = as_date(expected["progression_date"])
    if "pfs" in expected:
        expected["pfs"] = {**found["pfs"], **expected["pfs"], "date": as_date(expected["pfs"]["date"])}
    assert {key: found[key] for key in expected} == expected


def test_every_case_has_its_own_name() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES)
