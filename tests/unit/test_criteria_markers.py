"""Tumour markers: which results are samples, what went before them, and which later one confirms them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.contracts import LABS, canonical_schema
from rules_engine.criteria.markers import (
    derive_course,
    derive_samples,
    marker_findings,
    names_schema,
    ten_thousandths,
    with_later_sample,
)

from tests.strategies.criteria_engine import shuffled

ANALYTES, UNITS = ["CA-125"], ["U/mL"]


def day(number: int) -> date:
    return date(2024, 3, number)


def result(on: int | None, value: str | None, **more: Any) -> dict[str, Any]:
    known = {
        "subject": "A",
        "date": None if on is None else day(on),
        "analyte": "CA-125",
        "value": value,
        "unit": "U/mL",
    }
    return {**known, "uln": 35.0, **more}


def labs(*results: dict[str, Any]) -> pl.LazyFrame:
    schema = canonical_schema(LABS)
    rows = [{name: row.get(name) for name in schema} | {"row": number} for number, row in enumerate(results, 1)]
    return pl.LazyFrame(rows, schema=schema)


def samples(*results: dict[str, Any]) -> list[tuple[Any, ...]]:
    return derive_samples(shuffled(labs(*results)), ANALYTES, UNITS).collect().rows()


def test_of_several_results_of_a_day_the_highest_is_the_sample() -> None:
    found = samples(
        result(2, "70"), result(1, "80.5"), result(1, "9.12345", uln=40.0, is_baseline=True),
        result(1, "1", subject="B", uln=0.57), result(1, "1", subject="C", uln=0.00006),
    )  # fmt: skip
    assert found == [
        ("A", day(1), 805_000, 400_000, True),
        ("A", day(2), 700_000, 350_000, False),
        ("B", day(1), 10_000, 5_700, False),
        ("C", day(1), 10_000, 1, False),
    ]


@pytest.mark.parametrize(
    ("value", "read"),
    [("70", 700_000), (" <0.1 ", 1_000), (">=500", 5_000_000), ("0.00006", 1), ("0.00004", 0), ("n/a", None),
     ("7,5", None), ("٣", None), (None, None)],
)  # fmt: skip
def test_a_result_beyond_a_limit_is_the_limit_and_a_text_is_none(value: str | None, read: int | None) -> None:
    assert [row[2] for row in samples(result(1, value))] == ([] if read is None else [read])


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({"analyte": "ca-125"}, True), ({"analyte": "CA 19-9"}, False), ({"analyte": None}, False),
        ({"unit": " u/ML "}, True), ({"unit": "kU/L"}, False), ({"unit": None}, False), ({"date": None}, False),
    ],
)  # fmt: skip
def test_a_sample_is_of_the_marker_in_its_unit_and_has_a_day(more: dict[str, Any], known: bool) -> None:
    assert len(samples(result(1, "70", **more))) == known
    assert derive_samples(labs(result(1, "70")), ["other", "ca-125"], ["g/L", "u/ml"]).collect().height == 1


def course(*values: tuple[str, int, int, bool]) -> pl.DataFrame:
    names = ("subject", "on", "value_e4", "is_baseline")
    found = pl.LazyFrame(values, schema=list(names), orient="row").select(
        "subject", "value_e4", "is_baseline", visit_date=pl.date(2024, 3, "on"), uln_e4=pl.col("value_e4") + 1
    )
    return derive_course(shuffled(found)).collect()


def test_the_nadir_is_the_lowest_value_before_a_sample_from_the_last_baseline_on() -> None:
    found = course(
        ("A", 1, 10, True), ("A", 2, 80, False), ("A", 3, 90, True), ("A", 4, 95, False), ("A", 5, 60, False), ("A", 6, 70, False),
        ("B", 2, 5, False), ("B", 3, 4, False), ("C", 1, 40, True),
    )  # fmt: skip
    wanted = ("subject", "visit_date", "value_e4", "baseline_date", "baseline_e4", "baseline_uln_e4", "nadir_e4")
    assert found.select(wanted).rows() == [
        ("A", day(4), 95, day(3), 90, 91, 90),
        ("A", day(5), 60, day(3), 90, 91, 90),
        ("A", day(6), 70, day(3), 90, 91, 60),
        ("B", day(2), 5, None, None, None, None),
        ("B", day(3), 4, None, None, None, None),
    ]
    assert "is_baseline" not in found.columns


def test_the_sample_that_may_confirm_is_the_first_that_came_late_enough() -> None:
    rows = [("A", 1, 10), ("A", 8, 20), ("A", 9, 30), ("B", 8, 40)]
    found = pl.LazyFrame(rows, schema=["subject", "on", "value_e4"], orient="row")
    found = found.select("subject", "value_e4", visit_date=pl.date(2024, 3, "on"))
    later = with_later_sample(found.reverse(), 7, "next", ["value_e4", "visit_date"]).collect()
    assert later.sort("subject", "visit_date").select("value_e4", "next_value_e4", "next_visit_date").rows() == [
        (10, 20, day(8)), (20, None, None), (30, None, None), (40, None, None)
    ]  # fmt: skip


def told(*results: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    found = marker_findings(labs(*results), ANALYTES, UNITS, "marker", "CA-125").collect()
    assert set(found["table"]) <= {"labs"}
    return found.select("rule_id", "subject", "severity", "record", "field", "value").rows()


def test_a_result_that_cannot_be_used_is_told_with_its_row() -> None:
    fine = result(1, "70", is_baseline=True)
    assert told(fine, result(2, "80"), result(3, "?", analyte="other")) == []
    assert told(fine, result(2, "?")) == [("marker.result", "A", "warning", "row 2", "value", "?")]
    assert told(fine, result(2, "80", unit=None)) == [("marker.unit", "A", "warning", "row 2", "unit", None)]
    assert told(fine, result(2, "80", unit="kU/L")) == [("marker.unit", "A", "warning", "row 2", "unit", "kU/L")]
    assert told(fine, result(2, "?", unit="kU/L")) == [("marker.result", "A", "warning", "row 2", "value", "?")]
    assert told(fine, result(1, "80", subject="B")) == [("marker.baseline", "B", "warning", None, "is_baseline", None)]


def test_a_limit_of_a_ruleset_is_exact_and_a_finer_one_goes_to_the_next_above() -> None:
    assert [ten_thousandths(value) for value in (35, 0.2, 0.00011, "1.5")] == [350_000, 2_000, 2, 15_000]


def test_names_are_a_list_of_texts() -> None:
    schema = names_schema("Names.")
    assert (schema["type"], schema["minItems"], schema["items"]) == ("array", 1, {"type": "string"})
