"""Which record is the baseline: days, clock times, marks, ties; what is after it; what is on treatment."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine.grading import LabOptions, derive_context, derive_lab_grades, lab_findings
from rules_engine.grading.documents import rules_of_version

from tests.strategies.safety import CUTOFF, table

START = date(2024, 3, 1)
NOON = time(12, 0)


def graded(*rows: dict[str, Any], start_time: time | None = NOON, **options: Any) -> pl.DataFrame:
    """ALT results of one subject; `day` counts from the day of the first treatment, which is 0."""
    results = [
        {
            "subject": "1", "analyte": "ALT", "unit": "U/L", "lln": 5.0, "uln": 40.0, "seq": number, "row": number,
            "date": START + timedelta(days=row.pop("day")), **row,
        }
        for number, row in enumerate(rows, start=1)
    ]  # fmt: skip
    courses = [
        {"subject": "1", "component": "tace", "start_date": "2024-03-01", "start_time": start_time},
        {"subject": "1", "component": "ici", "start_date": "2024-03-15", "last_date": date(2024, 4, 5)},
    ]
    context = derive_context(table("subjects", [{"subject": "1"}]), table("treatments", courses), CUTOFF)
    return derive_lab_grades(table("labs", results), rules_of_version("5.0"), LabOptions(**options), context).collect()


def baselines(out: pl.DataFrame) -> list[str]:
    return out.filter("is_baseline_record")["value"].to_list()


SAME_DAY = (
    {"day": -3, "value": "31"},
    {"day": 0, "time": time(8, 0), "value": "32"},
    {"day": 0, "time": time(12, 0), "value": "33"},
    {"day": 0, "time": time(18, 0), "value": "34"},
)


@pytest.mark.parametrize(
    ("first_day", "start_time", "expected"),
    [
        ("by_time", NOON, "33"),  # at the very start still counts as before
        ("by_time", None, "34"),  # nothing says that treatment had begun
        ("before", NOON, "34"),
        ("after", NOON, "31"),
    ],
)
def test_a_sample_of_the_first_day_is_before_or_after_by_its_time(
    first_day: str, start_time: time | None, expected: str
) -> None:
    rows = [dict(row) for row in SAME_DAY]
    assert baselines(graded(*rows, start_time=start_time, baseline_first_day=first_day)) == [expected]


def test_results_of_the_day_after_the_baseline_are_compared_with_it() -> None:
    out = graded(*[dict(row) for row in SAME_DAY])
    assert out["is_post_baseline"].to_list() == [False, False, False, True]
    assert out["on_treatment"].to_list() == [False, False, False, True]


def test_without_a_time_the_sample_counts_as_before_and_as_the_earliest_of_its_day() -> None:
    out = graded({"day": 0, "time": time(9, 0), "value": "31"}, {"day": 0, "value": "32"})
    assert baselines(out) == ["31"]
    # Nothing orders the two but the number, by which the second one comes later.
    assert out["is_post_baseline"].to_list() == [False, True]


def test_the_time_goes_before_the_sequence_number() -> None:
    out = graded({"day": 0, "time": time(9, 0), "value": "31"}, {"day": 0, "time": time(8, 0), "value": "32"})
    assert baselines(out) == ["31"]
    assert out["is_post_baseline"].to_list() == [False, False]


def test_a_start_without_a_time_on_the_first_day_leaves_it_open_which_came_first() -> None:
    courses = [
        {"subject": "1", "component": "tace", "start_date": "2024-03-01", "start_time": NOON},
        {"subject": "1", "component": "ici", "start_date": "2024-03-01"},
        {"subject": "2", "component": "tace", "start_date": "2024-03-01", "start_time": NOON},
        {"subject": "2", "component": "ici", "start_date": "2024-03-01", "start_time": time(9, 0)},
        {"subject": "2", "component": "ici", "start_date": "2024-03-22"},
    ]
    people = table("subjects", [{"subject": "1"}, {"subject": "2"}])
    found = derive_context(people, table("treatments", courses), CUTOFF).collect().sort("subject")
    assert found["treatment_start_time"].to_list() == [None, time(9, 0)]


def test_on_treatment_is_from_the_first_to_the_last_day_of_any_component() -> None:
    out = graded(*[{"day": day, "value": "30"} for day in (-1, 0, 1, 35, 36)], start_time=None)
    assert out["on_treatment"].to_list() == [False, False, True, True, False]


def test_two_marked_baselines_are_told_and_the_last_is_used() -> None:
    marked = [{"day": -9, "value": "31", "is_baseline": True}, {"day": -2, "value": "32", "is_baseline": True}]
    out = graded(*marked, {"day": -1, "value": "33"})
    assert baselines(out) == ["32"]
    told = lab_findings(out.lazy()).collect()
    assert told.filter(pl.col("rule_id") == "grading.labs.several_baselines").select("subject", "record").rows() == [
        ("1", "row 1")
    ]


def test_results_at_one_time_without_an_order_are_told() -> None:
    rows = [{"day": 0, "time": NOON, "value": value, "seq": 7} for value in ("31", "32")]
    out = graded(*[dict(row) for row in rows])
    assert baselines(out) == ["32"]
    assert "grading.labs.baseline_tie" in set(lab_findings(out.lazy()).collect()["rule_id"])
    apart = graded(*[dict(row, time=time(10 + number)) for number, row in enumerate(rows)])
    assert "grading.labs.baseline_tie" not in set(lab_findings(apart.lazy()).collect()["rule_id"])


CALCIUM = (
    {"day": 5, "analyte": "CA", "value": "12.0", "unit": "mg/dL", "lln": 8.5, "uln": 10.5},
    {"day": 5, "analyte": "CAION", "value": "1.2", "unit": "mmol/L", "lln": 1.1, "uln": 1.3},
    {"day": 6, "analyte": "CA", "value": "12.0", "unit": "mg/dL", "lln": 8.5, "uln": 10.5},
    {"day": 6, "analyte": "CAION", "value": "n.d.", "unit": "mmol/L", "lln": 1.1, "uln": 1.3},
)


def test_ionized_calcium_goes_first_where_a_day_has_both() -> None:
    out = graded(*[dict(row) for row in CALCIUM])
    assert out["atoxgr"].to_list() == [None, 0, 2, None]
    assert out["grade_reason"].to_list() == ["IONIZED_PREFERRED", None, None, "NOT_NUMERIC"]


def test_each_calcium_is_graded_where_the_protocol_asks_for_it() -> None:
    out = graded(*[dict(row) for row in CALCIUM], calcium_of_one_day="each")
    assert out["atoxgr"].to_list() == [2, 0, 2, None]
