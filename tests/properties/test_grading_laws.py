"""Laws of grading: worse values have no milder grade, ratios know no unit, the dictionary decides about every pair."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from rules_engine.grading import grade_cases, grade_validity
from rules_engine.grading.documents import rules_of_version

from tests.oracle import grading_probes as probing
from tests.properties.test_grading import VERSIONS, scales

STEPS = 60


def graded(cases: list[dict[str, Any]]) -> list[str]:
    texts = [{name: None if value is None else str(value) for name, value in case.items()} for case in cases]
    return grade_cases(pl.DataFrame(texts, infer_schema_length=None))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("baseline", ["missing", "normal", "high", "low"])
def test_a_value_further_from_normal_never_has_a_milder_grade(version: str, baseline: str) -> None:
    for unit, rows in scales(version):
        if rows[0]["analyte"] == "PROTUDIP":
            continue  # whole plus signs: nothing lies between them
        lln, uln = probing.limits(rows)
        base, base_lln, base_uln = probing._baseline(baseline, lln, uln)
        common = {
            "version": version, "term": rows[0]["term"], "variant": "", "analyte": rows[0]["analyte"], "policy": "worst_case",
            "direction": rows[0]["direction"], "unit": unit, "lln": lln, "uln": uln, "baseline_value": base,
            "baseline_lln": base_lln, "baseline_uln": base_uln, "mi_cutoff": uln * 5, "qualifiers": "symptomatic=Y;fasting=Y",
        }  # fmt: skip
        highest = max([uln * 25, *(Decimal(row[end]) * 2 for row in rows for end in ("lower", "upper") if row[end])])
        values = [highest * step / STEPS for step in range(1, STEPS + 1)]
        if rows[0]["direction"] == "L":
            values = [lln * Decimal("1.2") * step / STEPS for step in range(STEPS, 0, -1)]
        grades = [grade for grade in graded([{**common, "value": f"{value:f}"} for value in values]) if grade != "NA"]
        assert grades == sorted(grades), (rows[0]["term"], unit, baseline)


@pytest.mark.parametrize("factor", ["0.001", "17.1", "88.42", "1000"])
def test_a_ratio_is_the_same_in_every_unit(factor: str) -> None:
    scale = Decimal(factor)
    for term, analyte in (
        ("Creatinine increased", "CREAT"),
        ("Blood bilirubin increased", "BILI"),
        ("Lipase increased", "LIPASE"),
    ):
        common = {
            "version": "5.0",
            "term": term,
            "variant": "",
            "analyte": analyte,
            "direction": "H",
            "policy": "worst_case",
        }
        for baseline in (None, Decimal("0.6"), Decimal("1.9")):
            values = [Decimal(step) / 7 for step in range(1, 60)]
            one, other = (
                graded([
                    {**common, "value": value * by, "uln": Decimal("1.1") * by, "unit": "", "mi_cutoff": None,
                     "baseline_value": None if baseline is None else baseline * by, "baseline_uln": Decimal("1.1") * by}
                    for value in values
                ])
                for by in (Decimal(1), scale)
            )  # fmt: skip
            assert one == other


@pytest.mark.parametrize("version", VERSIONS)
def test_the_dictionary_decides_about_every_term_and_grade(version: str) -> None:
    for term, grades in list(rules_of_version(version).terms.items())[::25]:
        for grade in range(1, 6):
            answer = grade_validity({"term": term, "grade": str(grade), "version": version})
            assert answer["valid"] == (grade in grades.allowed), (term, grade)
            assert answer["code"] == ("OK" if grade in grades.allowed else "GRADE_NOT_DEFINED")


def test_every_pair_of_v5_in_one_frame() -> None:
    """All 837 terms and five grades through the graded frame: accepted exactly as the dictionary has them."""
    from tests.strategies.safety import context, graded_events

    terms = rules_of_version("5.0").terms
    pairs = [(term, grade) for term in terms for grade in range(1, 6)]
    events = [{"subject": "1", "term": term, "grade": str(grade), "start_date": "2024-03-05"} for term, grade in pairs]
    treatment = [{"subject": "1", "component": "tace", "start_date": "2024-03-01"}]
    out = graded_events(events, context([{"subject": "1"}], treatment)).sort("row")
    expected = ["OK" if grade in terms[term].grades else "GRADE_NOT_DEFINED" for term, grade in pairs]
    assert out["grade_code"].to_list() == expected
    assert out["atoxgrn"].to_list() == [grade for _term, grade in pairs]  # kept as reported
