"""Laboratory results in tables: worst grades, shifts, Hy's law at its bounds, and how they meet reported events."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import grading
from rules_engine.grading.documents import rules_of_version
from rules_engine.loading import load_ruleset
from rules_engine.report.edish import edish_svg

from tests.strategies.safety import context, graded_events, table

START = date(2024, 3, 1)
SUBJECTS = [{"subject": name, "arm": "A" if name in "12" else "B", "safety_population": True} for name in "1234"]
TREATMENTS = [{"subject": name, "component": "tace", "start_date": "2024-03-01"} for name in "1234"]


def result(subject: str, day: int, value: object, analyte: str = "ALT", **more: Any) -> dict[str, Any]:
    unit, uln = ("U/L", 40.0) if analyte != "BILI" else ("mg/dL", 1.0)
    day_ = START + timedelta(days=day)
    return {"subject": subject, "date": day_, "value": str(value), "analyte": analyte, "unit": unit, "uln": uln, **more}


def graded(*rows: dict[str, Any], window: dict[str, Any] | None = None) -> pl.DataFrame:
    labs, of_subjects = table("labs", rows), context(SUBJECTS, TREATMENTS, window)
    return grading.derive_lab_grades(labs, rules_of_version("5.0"), grading.LabOptions(), of_subjects).collect()


def numbers(out: pl.DataFrame, variable: str, level: str, group: str | None = None, **more: Any) -> dict[str, float]:
    ard = grading.summarise_labs(out.lazy(), table("subjects", SUBJECTS), "arm", **more).collect()
    rows = ard.filter(
        pl.col("variable") == variable, pl.col("level") == level, pl.col("group").eq_missing(pl.lit(group))
    )
    return dict(rows.select("statistic", "value").iter_rows())


ROWS = [
    result("1", 0, 30), result("1", 5, 100), result("1", 9, 250),  # 0 to 3: 6.25 x ULN
    result("2", 0, 60), result("2", 5, 70),  # 1 to 0: 1.17 x an abnormal baseline
    result("3", 5, 130),  # no baseline: 3.25 x ULN
    result("4", 0, 30), result("4", 5, "clotted"),
]  # fmt: skip


def test_the_worst_grade_and_who_could_not_be_graded() -> None:
    found = numbers(graded(*ROWS), "worst", "ALT high")
    assert {name: found[name] for name in ("subjects", "grade_0", "grade_2", "grade_3", "grade_ge_1", "emergent", "not_gradable")} == {
        "subjects": 3, "grade_0": 1, "grade_2": 1, "grade_3": 1, "grade_ge_1": 2, "emergent": 2, "not_gradable": 1,
    }  # fmt: skip
    assert found["percent_grade_ge_3"] == pytest.approx(100 / 3)
    assert numbers(graded(*ROWS), "worst", "ALT high", "B")["subjects"] == 1


def test_who_is_not_of_the_safety_population_is_not_counted_whichever_part_marks_it() -> None:
    worst = grading.derive_worst_grades(graded(*ROWS).lazy())

    def subjects_with_a_grade(safe: str) -> dict[str | None, float]:
        people = pl.DataFrame([{**subject, "safety_population": subject["subject"] in safe} for subject in SUBJECTS])
        # Of the second part nobody may be marked: who counts is decided by all.
        parts = [people.filter(pl.col("subject").is_in(list(names))).lazy() for names in ("12", "34")]
        tally = pl.concat([grading.tally_worst_grades(worst, part, "arm") for part in parts])
        ard = grading.summarise_tally(tally, people.lazy(), "arm").collect()
        whole = grading.summarise_tally(grading.tally_worst_grades(worst, people.lazy(), "arm"), people.lazy(), "arm")
        assert ard.equals(whole.collect())
        chosen = ard.filter(
            pl.col("variable") == "worst", pl.col("level") == "ALT high", pl.col("statistic") == "subjects"
        )
        return dict(chosen.select("group", "value").iter_rows())

    assert subjects_with_a_grade("1234") == {None: 3, "A": 2, "B": 1}
    assert subjects_with_a_grade("1") == {None: 1, "A": 1}
    assert subjects_with_a_grade("13") == {None: 2, "A": 1, "B": 1}
    assert subjects_with_a_grade("") == {None: 3, "A": 2, "B": 1}  # nobody is marked: everybody


def test_the_day_of_the_worst_grade_is_its_first() -> None:
    rows = [result("1", 5, 90), result("1", 9, 250), result("1", 12, 50), result("1", 20, 260)]
    worst = grading.derive_worst_grades(graded(*rows).lazy()).filter(pl.col("direction") == "high").collect()
    assert worst.select("worst_grade", "date").rows() == [(3, START + timedelta(days=9))]


def test_shifts_from_the_grade_at_baseline() -> None:
    out = graded(*ROWS)
    assert numbers(out, "shift", "ALT high from 0")["to_3"] == 1
    assert numbers(out, "shift", "ALT high from 1")["to_0"] == 1
    assert numbers(out, "shift", "ALT high from missing")["to_2"] == 1


def test_results_after_the_window_do_not_count() -> None:
    out = graded(*ROWS, window={"days_after": 6})
    assert out["in_window"].to_list() == [False, True, False, False, True, True, False, True]
    assert numbers(out, "shift", "ALT high from 0")["to_1"] == 1


def test_the_first_record_of_the_worst_grade_is_flagged() -> None:
    out = grading.derive_worst_flags(graded(*ROWS, result("1", 12, 260)))
    assert out.filter("is_worst_high")["value"].to_list() == ["250", "70", "130"]
    assert out["is_worst_low"].sum() == 0


# Hy's law -------------------------------------------------------------------------------------------------------------

ASKED = load_ruleset("tace_ici_safety").labs
assert ASKED is not None
RULE = ASKED.options["hys_law"]


def hys_law(*rows: dict[str, Any]) -> dict[str, Any]:
    return grading.derive_hys_law(graded(*rows), RULE, 1e-9).row(0, named=True)


@pytest.mark.parametrize(
    ("enzyme", "bilirubin", "is_case"),
    [(120, 2.0, False), (120.1, 2.0, True), (121, 1.99, False), (121, 2.0, True), (300, 1.0, False), (40, 9.0, False)],
)
def test_transaminase_above_3_and_bilirubin_from_2_times_the_limit(
    enzyme: float, bilirubin: float, is_case: bool
) -> None:
    for analyte in ("ALT", "AST"):
        found = hys_law(result("1", 5, enzyme, analyte), result("1", 6, bilirubin, "BILI"))
        assert found["is_case"] == is_case
        assert found["case_date"] == (START + timedelta(days=6) if is_case else None)


@pytest.mark.parametrize(("day", "is_case"), [(35, True), (36, False), (3, True)])
def test_the_two_rises_may_lie_thirty_days_apart_either_way(day: int, is_case: bool) -> None:
    assert hys_law(result("1", 5, 200), result("1", day, 3, "BILI"))["is_case"] == is_case
    assert hys_law(result("1", day, 200), result("1", 5, 3, "BILI"))["is_case"] == is_case


def test_results_up_to_baseline_do_not_count() -> None:
    found = hys_law(result("1", 0, 300), result("1", 0, 5, "BILI"), result("1", 3, 30), result("1", 3, 1, "BILI"))
    assert (found["is_case"], found["transaminase_peak"], found["bilirubin_peak"]) == (False, 0.75, 1.0)


def test_cholestasis_is_told_apart() -> None:
    rows = [result("1", 5, 200), result("1", 5, 3, "BILI")]
    assert hys_law(*rows, result("1", 5, 80, "ALP"))["cholestasis"] is True  # exactly 2 x
    assert hys_law(*rows, result("1", 5, 79, "ALP"))["cholestasis"] is False
    assert hys_law(*rows, result("1", 6, 200, "ALP"))["cholestasis"] is False  # another day


BY_BASELINE = {
    **RULE,
    "transaminase": {**RULE["transaminase"], "raised_baseline": {"above": 3}},
    "bilirubin": {**RULE["bilirubin"], "raised_baseline": {"from": 2}},
}


@pytest.mark.parametrize(
    ("base", "enzyme", "base_bilirubin", "bilirubin", "by_limit", "by_baseline"),
    [
        (80, 200, 1.5, 2.9, True, False),  # both were raised before: 2.5 and 1.9 times what they were
        (80, 240, 1.5, 3.0, True, False),  # exactly three times the baseline is not more than that
        (80, 241, 1.5, 3.0, True, True),
        (40, 121, 1.0, 2.0, True, True),  # a baseline at the limit is not raised
        (80, 241, 1.0, 2.0, True, True),  # each test by its own baseline
    ],
)
def test_where_the_baseline_was_raised_its_multiples_may_be_asked_for(
    base: float, enzyme: float, base_bilirubin: float, bilirubin: float, by_limit: bool, by_baseline: bool
) -> None:
    rows = [
        result("1", 0, base), result("1", 5, enzyme), result("1", 0, base_bilirubin, "BILI"), result("1", 6, bilirubin, "BILI"),
    ]  # fmt: skip
    assert hys_law(*rows)["is_case"] == by_limit
    found = grading.derive_hys_law(graded(*rows), BY_BASELINE, 1e-9).row(0, named=True)
    assert found["is_case"] == by_baseline
    assert found["transaminase_peak"] == enzyme / 40  # of the upper limit, whatever the rule


def test_a_baseline_in_another_unit_is_not_compared_with() -> None:
    rows = [result("1", 0, 2.0, "BILI"), result("1", 5, 200), result("1", 6, 51, "BILI", unit="umol/L", uln=17.1)]
    found = grading.derive_hys_law(graded(*rows), BY_BASELINE, 1e-9).row(0, named=True)
    assert found["is_case"]  # 2.98 x the limit; 1.5 x the baseline


def test_a_missing_or_impossible_limit_makes_no_case() -> None:
    out = graded(
        result("1", 5, 200, uln=None),
        result("1", 5, 3, "BILI"),
        result("2", 5, 200, uln=0.0),
        result("2", 5, 3, "BILI"),
    )
    assert grading.derive_hys_law(out, RULE, 1e-9).height == 0


def test_cases_are_counted_listed_and_drawn() -> None:
    out = graded(
        *(result(name, 5, value) for name, value in zip("123", (200, 200, 50), strict=True)),
        *(result(name, 5, value, "BILI") for name, value in zip("123", (3, 1, 1), strict=True)),
        result("1", 5, 100, "ALP"), result("4", 5, 200),
    )  # fmt: skip
    cases = grading.derive_hys_law(out, RULE, 1e-9)
    found = {
        level: numbers(out, "hys_law", level, hys_law=cases.lazy())["subjects"]
        for level in ("tested", "transaminase", "bilirubin", "case", "case_without_cholestasis")
    }
    assert found == {"tested": 3, "transaminase": 2, "bilirubin": 1, "case": 1, "case_without_cholestasis": 0}
    findings = grading.hys_law_findings(cases.lazy()).collect()
    assert findings.select("subject", "value").rows() == [("1", "5.0 x ULN, 3.0 x ULN")]
    svg = edish_svg(cases.with_columns(arm=pl.lit("<A>")), ["<A>"], (3.0, 2.0), description="d")
    assert svg.count("<circle") == 3
    assert "&lt;A&gt;" in svg
    assert "<A>" not in svg


# Reported against laboratory grades ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "unreported"), [(0, 1), (3, 1), (4, 0), (None, 0)])
def test_a_severe_grade_is_unreported_unless_an_event_is_near(days: int | None, unreported: int) -> None:
    event = {
        "subject": "1", "term": "Alanine aminotransferase increased", "grade": "3", "start_date": "2024-03-14",
        "end_date": "2024-03-15",
    }  # fmt: skip
    events = graded_events([event], context(SUBJECTS, TREATMENTS))
    labs = graded(result("1", 0, 30), result("1", 9, 250), result("1", 14, 45))
    found = grading.reconcile(events.lazy(), labs.lazy(), days).collect()
    assert found.filter(pl.col("rule_id") == "grading.labs.severe_without_event").height == unreported
    assert found.filter(pl.col("rule_id") == "grading.events.grade_below_lab").is_empty()
