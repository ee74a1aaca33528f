"""Laboratory results as they arrive: what cannot be is not graded, is said aloud, and no row is lost."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import contracts
from rules_engine.grading import LabOptions, conclude_ungraded, derive_lab_grades, lab_findings, tally_ungraded
from rules_engine.grading.documents import rules_of_version

START = date(2024, 3, 1)


def graded(*rows: dict[str, Any], people: list[dict[str, Any]] | None = None, **options: Any) -> pl.DataFrame:
    schema = contracts.canonical_schema(contracts.TABLES["labs"])
    filled = [{"subject": "1", "date": START, "row": position, **row} for position, row in enumerate(rows, start=1)]
    context = pl.LazyFrame(people or [{"subject": "1"}]).with_columns(treatment_start=pl.lit(START))
    labs = pl.LazyFrame(filled, schema=schema)
    return derive_lab_grades(labs, rules_of_version("5.0"), LabOptions(**options), context).collect()


def found(out: pl.DataFrame, rule: str) -> list[tuple[Any, ...]]:
    findings = lab_findings(out.lazy()).collect().filter(pl.col("rule_id") == f"grading.labs.{rule}")
    return findings.select("subject", "record", "value").sort("subject", "record").rows()


def ungraded_findings(out: pl.DataFrame) -> pl.DataFrame:
    return conclude_ungraded(tally_ungraded(out.lazy())).collect()


def ungraded(out: pl.DataFrame) -> dict[str, str]:
    findings = ungraded_findings(out)
    return dict(findings.select("value", "message").iter_rows())


def platelets(value: object, lln: float | None = 150.0, **more: Any) -> dict[str, Any]:
    return {"analyte": "PLAT", "value": None if value is None else str(value), "unit": "10^9/L", "lln": lln, **more}


def haemoglobin(value: object, lln: float | None = 13.0, uln: float | None = 17.0, **more: Any) -> dict[str, Any]:
    return {"analyte": "HGB", "value": str(value), "unit": "g/dL", "lln": lln, "uln": uln, **more}


def test_an_analyte_or_a_unit_that_nobody_knows_is_counted_with_the_first_record() -> None:
    out = graded(
        {"analyte": "XYZ", "value": "5", "unit": "g/L"}, platelets(40, unit="drops"), platelets(40, unit=None),
        {**platelets(41, unit="drops"), "subject": "2"},
    )  # fmt: skip
    assert out["grade_reason"].to_list() == ["NO_TERM", "UNIT_UNKNOWN", "UNIT_UNKNOWN", "UNIT_UNKNOWN"]
    findings = ungraded_findings(out).sort("record")
    assert found(out, "analyte_unknown") == [("1", "row 1", "XYZ")]
    assert found(out, "unit_unknown") == [
        ("1", "row 2", "40 drops"),
        ("1", "row 3", "40 (no unit)"),
        ("2", "row 4", "41 drops"),
    ]
    assert findings["record"].to_list() == ["PLAT in drops", "PLAT in no unit", "XYZ in g/L"]
    assert findings["severity"].to_list() == ["warning", "warning", "note"]
    assert "2 result(s) of 2 subject(s)" in findings["message"][0]
    assert "row 2 of subject 1" in findings["message"][0]


def test_a_result_that_is_missing_has_no_wrong_unit() -> None:
    assert graded(platelets(None, unit=None))["grade_reason"].to_list() == ["NO_VALUE"]


def test_a_percentage_of_the_white_cells_is_no_count() -> None:
    row = {"analyte": "EOS", "value": "9", "unit": "%", "uln": 5.0}
    out = graded(
        {**row, "value": "2", "is_baseline": True, "date": START - timedelta(1)}, {**row, "date": START + timedelta(9)}
    )
    assert out["reason_high"].to_list() == ["UNIT_UNSUITABLE"] * 2
    assert "percentage" in ungraded(out)["UNIT_UNSUITABLE"]


@pytest.mark.parametrize(
    ("value", "grade", "reason"),
    [
        ("HEMOLYZED", None, "NOT_NUMERIC"), ("12,3", None, "NOT_NUMERIC"), ("1.2.3", None, "NOT_NUMERIC"),
        ("-40", None, "VALUE_IMPOSSIBLE"), ("<-1", None, "VALUE_IMPOSSIBLE"), (None, None, "NO_VALUE"),
        ("0", -4, None),  # no platelets were counted: that may be
        ("<25", -4, None), ("25", -3, None), (">1000", 0, None), ("≥ 150", 0, None), (" 40 ", -3, None),
    ],
)  # fmt: skip
def test_a_count_as_it_may_be_reported(value: str | None, grade: int | None, reason: str | None) -> None:
    out = graded(platelets(value))
    assert out["atoxgr"].to_list() == [grade]
    assert out["grade_reason"].to_list() == [reason]


@pytest.mark.parametrize("value", ["0", "0.0", "-0.5"])
def test_haemoglobin_is_never_0(value: str) -> None:
    out = graded(haemoglobin(value))
    assert out.select("atoxgr", "grade_reason").row(0) == (None, "VALUE_IMPOSSIBLE")
    assert found(out, "value_impossible") == [("1", "row 1", f"{value} g/dL")]


def test_an_impossible_number_is_no_baseline() -> None:
    creatinine = {"analyte": "CREAT", "unit": "mg/dL", "uln": 1.2}
    out = graded({**creatinine, "value": "0"}, {**creatinine, "value": "1.1", "date": START + timedelta(1)})
    assert out["base"].to_list() == [None, None]
    assert out["atoxgr"].to_list() == [None, 0]


def test_text_results_are_listed_by_subject_with_their_number() -> None:
    out = graded(platelets("clotted"), platelets("clotted"), {**platelets("n.d."), "subject": "2"})
    assert found(out, "not_numeric") == [("1", "row 1", "clotted 10^9/L"), ("2", "row 3", "n.d. 10^9/L")]


def test_swapped_limits_are_not_put_right_and_not_used() -> None:
    out = graded(haemoglobin(15, 17, 13), haemoglobin(9, 17, 13), haemoglobin(15))
    assert out["atoxgr"].to_list() == [None, -2, 0]
    assert out["grade_reason"].to_list() == ["RANGE_INVALID", None, None]
    assert out["grade_flags"].to_list() == ["RANGE_INVALID", "RANGE_INVALID", None]
    assert out["reason_high"].to_list() == ["RANGE_INVALID", "RANGE_INVALID", None]
    assert out["lln"].to_list() == [17, 17, 13]  # what was reported stays


def test_an_upper_limit_of_0_is_none() -> None:
    alt = {"analyte": "ALT", "value": "30", "unit": "U/L", "lln": 0.0}
    out = graded({**alt, "uln": 0.0}, {**alt, "uln": 40.0}, {**alt, "uln": -1.0})
    assert out["atoxgr"].to_list() == [None, 0, None]
    assert out["grade_reason"].to_list() == ["RANGE_INVALID", None, "RANGE_INVALID"]
    assert found(out, "range_invalid") == [("1", "row 1", "0.0 to 0.0 U/L")]


def test_a_limit_that_cannot_be_in_the_unit_of_the_result_stops_the_grade() -> None:
    wrong = [haemoglobin(14, 130, 170), haemoglobin(9, 130, 170), haemoglobin(140, 13, 17, unit="g/L")]
    out = graded(*wrong, haemoglobin(14))
    for direction in ("low", "high"):
        assert out[f"reason_{direction}"].to_list() == ["UNIT_CONTRADICTS_RANGE"] * 3 + [None]
    assert out["atoxgr"].to_list() == [None, None, None, 0]
    assert found(out, "unit_contradicts_range")[0] == ("1", "row 1", "130.0 to 170.0 g/dL")
    as_it_stands = graded(*wrong, contradicting_range="grade")
    assert as_it_stands["atoxgrl"].to_list() == [1, 2, 0]
    assert as_it_stands["grade_flags"].to_list() == ["UNIT_CONTRADICTS_RANGE"] * 3


@pytest.mark.parametrize(
    ("analyte", "unit", "lln", "uln"),
    [
        ("HGB", "g/dL", 11.5, 17.5), ("PLAT", "10^9/L", 125.0, 450.0), ("PLAT", "/mm3", 140000.0, 400000.0),
        ("NEUT", "10^3/uL", 1.5, 8.0), ("WBC", "10^9/L", 3.5, 11.0), ("LYM", "10^9/L", 0.8, 5.0), ("CD4", "/mm3", 400.0, 1600.0),
        ("K", "mmol/L", 3.4, 5.3), ("SODIUM", "mmol/L", 133.0, 148.0), ("MG", "mg/dL", 1.5, 2.6), ("ALB", "g/L", 33.0, 50.0),
        ("GLUC", "mg/dL", 60.0, 110.0), ("CHOL", "mg/dL", 100.0, 199.0), ("CHOL", "mmol/L", 2.5, 5.2), ("TRIG", "mg/dL", 0.0, 150.0),
        ("CACORR", "mg/dL", 8.4, 10.6), ("CAION", "mmol/L", 1.1, 1.35), ("EGFR", "mL/min/1.73m2", 90.0, 120.0), ("PH", "pH", 7.35, 7.45),
        ("PROTU24", "g/24h", 0.0, 0.15), ("URATE", "umol/L", 200.0, 420.0),
    ],
)  # fmt: skip
def test_limits_that_laboratories_use_are_believed(analyte: str, unit: str, lln: float, uln: float) -> None:
    """Ranges as adult laboratories print them, the wide ones among them."""
    value = str((lln + uln) / 2)
    out = graded({"analyte": analyte, "value": value, "unit": unit, "lln": lln, "uln": uln})
    assert not any("CONTRADICTS" in (reason or "") for reason in out.select("reason_low", "reason_high").row(0))


def test_two_results_marked_as_baseline_are_listed_and_the_last_counts() -> None:
    marked = {"is_baseline": True}
    out = graded(
        platelets(200, date=START - timedelta(9), **marked), platelets(120, date=START - timedelta(2), **marked),
        platelets(100, date=START + timedelta(7)),
    )  # fmt: skip
    assert out["base"].to_list() == [120.0] * 3
    assert found(out, "several_baselines") == [("1", "row 1", "2024-02-21, 2024-02-28")]


def test_a_baseline_beside_another_result_of_its_moment_is_listed() -> None:
    out = graded(platelets(200), platelets(120), platelets(100, date=START + timedelta(7)))
    assert out["base"].to_list() == [200.0] * 3
    assert found(out, "baseline_tie") == [("1", "row 1", "2024-03-01")]
    assert found(graded(platelets(200, seq=1), platelets(120, seq=2)), "baseline_tie") == []


def test_reasons_and_rules_are_told_by_direction() -> None:
    out = graded(haemoglobin(9, 13, None), {"analyte": "GLUC", "value": "30", "unit": "mg/dL", "lln": 65.0})
    assert out["atoxgr"].to_list() == [-2, -3]
    assert out["reason_low"].to_list() == [None, None]
    assert out["reason_high"].to_list() == ["NO_RANGE", "NOT_LAB_GRADABLE"]
    assert out["rule_low"].to_list() == ["5.0|anemia|-|L2|g/dL|any|A", "5.0|hypoglycemia|-|L3|mg/dL|any|A"]
    assert set(ungraded(out)) == {"NO_RANGE", "NOT_LAB_GRADABLE"}


# Missing ranges -------------------------------------------------------------------------------------------------------


def sampled(day: int, value: object, uln: float | None, laboratory: str | None = "A", **more: Any) -> dict[str, Any]:
    return {
        "analyte": "ALT", "value": str(value), "unit": "U/L", "uln": uln, "date": START + timedelta(days=day),
        "laboratory": laboratory, **more,
    }  # fmt: skip


def test_a_missing_range_comes_from_the_same_laboratory_the_last_day_before_first() -> None:
    rows = [sampled(1, 50, 40.0), sampled(3, 50, 45.0), sampled(5, 50, None), sampled(9, 50, 60.0)]
    out = graded(*rows)
    assert out["atoxgr"].to_list() == [1, 1, 1, 0]
    assert out["grade_flags"].to_list()[2] == "BASE_MISSING;RANGE_FILLED"
    assert out["uln"].to_list() == [40, 45, None, 60]  # what was reported stays
    assert graded(*rows, missing_range="none")["grade_reason"].to_list() == [None, None, "NO_RANGE", None]


def test_a_later_range_is_taken_where_there_is_no_earlier_one() -> None:
    assert graded(sampled(1, 50, None), sampled(9, 50, 60.0))["atoxgr"].to_list() == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        sampled(3, 50, 45.0, "B"), sampled(3, 50, 45.0, None), sampled(3, 50, 45.0, analyte="AST"),
        sampled(3, 50, 0.75, unit="ukat/L"),
    ],
)  # fmt: skip
def test_no_range_comes_from_elsewhere(other: dict[str, Any]) -> None:
    assert graded(other, sampled(5, 50, None))["atoxgr"].to_list()[1] is None


def test_ranges_of_one_day_that_differ_are_not_chosen_from() -> None:
    out = graded(sampled(3, 50, 45.0), sampled(3, 50, 55.0), sampled(5, 50, None))
    assert out["grade_reason"].to_list()[2] == "NO_RANGE"


def test_other_subjects_lend_a_range_only_where_the_protocol_says_so_and_sex_and_age_agree() -> None:
    people = [
        {"subject": "1", "sex": "F", "birth_date": "1960"}, {"subject": "2", "sex": "F", "birth_date": "1980-05"},
        {"subject": "3", "sex": "M", "birth_date": "1960"}, {"subject": "4", "sex": "F", "birth_date": "2010"},
        {"subject": "5", "sex": "F", "birth_date": None},
    ]  # fmt: skip
    given = sampled(3, 50, 45.0, subject="1")
    wanting = [sampled(5, 50, None, subject=str(number)) for number in (2, 3, 4, 5)]
    assert graded(given, *wanting, people=people)["atoxgr"].to_list()[1:] == [None] * 4
    filled = graded(given, *wanting, people=people, missing_range="same_laboratory")
    assert filled["atoxgr"].to_list()[1:] == [1, None, None, None]


@pytest.mark.parametrize(("born", "grade"), [("2006-03-06", 1), ("2006-03-07", 1), ("2006-03-08", None)])
def test_the_age_band_changes_on_the_birthday(born: str, grade: int | None) -> None:
    """The sample is of 7 March 2024; the range is that of an adult."""
    people = [{"subject": "1", "sex": "F", "birth_date": "1970"}, {"subject": "2", "sex": "F", "birth_date": born}]
    rows = [sampled(3, 50, 45.0, subject="1"), sampled(6, 50, None, subject="2")]
    filled = graded(*rows, people=people, missing_range="same_laboratory")
    assert filled["atoxgr"].to_list()[1] == grade


def test_the_record_of_a_finding_is_the_first_whatever_the_order_of_rows() -> None:
    out = graded(*[platelets("clotted", row=row) for row in (5, 2, 9)])
    assert found(out, "not_numeric") == [("1", "row 2", "clotted 10^9/L")]


def test_every_odd_result_is_told_by_subject_and_record() -> None:
    alt = {"analyte": "ALT", "unit": "U/L", "lln": 5.0, "uln": 40.0}
    out = graded(
        {**alt, "value": ">1000"}, {**alt, "value": None}, {**alt, "value": "50", "uln": None, "lln": None},
        {**alt, "value": "50", "unit": "furlongs"}, {**alt, "value": "50"},
    )  # fmt: skip
    assert out["atoxgr"].to_list() == [4, None, None, 1, 1]  # multiples of the limit need no unit
    assert found(out, "value_censored") == [("1", "row 1", ">1000 U/L")]
    assert found(out, "value_missing") == [("1", "row 2", "(none) U/L")]
    assert found(out, "range_missing") == [("1", "row 3", "none to none U/L")]
    assert found(out, "unit_unknown") == [("1", "row 4", "50 furlongs")]
    assert "UNIT_UNKNOWN" in str(out["grade_flags"][3]).split(";")
