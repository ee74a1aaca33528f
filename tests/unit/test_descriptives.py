"""Counts and summaries as analysis results, held against numbers worked out by hand; and each number has one name."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.descriptives import describe_cohort, describe_quality, tally_records
from rules_engine.findings import SCHEMA as FINDINGS_SCHEMA
from rules_engine.model import CovariateDefinition, EndpointDefinition, Ruleset
from rules_engine.pipeline import DISCREPANCY_SCHEMA
from rules_engine.vocabulary import (
    ANALYSES_OF_ENGINE,
    ARD_KEY,
    ARD_SCHEMA,
    RESPONSE_SCHEMA,
    TIMEPOINT_SCHEMA,
    TTE_SCHEMA,
)

CUTOFF = date(2025, 12, 31)
SUBJECTS: dict[str, list[Any]] = {
    "subject": list("123456"),
    "arm": ["A", "A", "A", "A", "B", None],
    "sex": ["F", "M", "M", None, "M", "F"],
    "birth_date": ["1960", "1955-06-15", None, "1970-03", "1950-01-01", None],
    "baseline_date": [date(2024, 1, 1)] * 6,
    "death_date": ["2025-02-01", "2026-01-01", None, None, "2025", None],
    "stage": ["2", "10", "2", None, "10", "10"],
    "weight": [60.0, 80.0, 70.0, None, 90.5, None],
}
ENDPOINTS = {
    "PFS": EndpointDefinition("PFS", "time_to_event", "Progression-free survival", "overall", {}),
    "ORR": EndpointDefinition("ORR", "response_rate", "Objective response", "overall", {}),
}


def frame(schema: dict[str, pl.DataType], **columns: Any) -> pl.DataFrame:
    """A frame of a declared schema from some of its columns; the others are null."""
    given = pl.DataFrame(columns, schema_overrides={name: schema[name] for name in columns})
    missing = (pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in columns)
    return given.with_columns(missing).select(list(schema))


PFS = frame(
    TTE_SCHEMA,
    subject=list("123456"),
    days=[30, 60, 60, 90, 10, 120],
    months=[day / 30 for day in (30, 60, 60, 90, 10, 120)],
    event=[True, True, False, False, True, False],
    event_type=[1, 1, 0, 2, 1, 0],
    reason=["PD", "DEATH", "CUTOFF", "DEATH_NOT_EVENT", "site says so", None],
)
ORR = frame(
    RESPONSE_SCHEMA,
    subject=list("123456"),
    value=["CR", "NE", "NE", "PD", "PR", "MISSING"],
    responder=[True, False, False, False, True, False],
    rule_id=["x", "response.best.too_early", "response.best.no_baseline", "x", "x", None],
)
TIMEPOINTS = frame(
    TIMEPOINT_SCHEMA,
    subject=["1", "1", "2", "2", "5", "6", "6"],
    visit_date=[date(2024, day, 1) for day in (2, 3, 2, 3, 2, 2, 3)],
    overall=["iUPD", "iCPD", "iUPD", "iSD", "PD", "iUPD", "NE"],
    basis_overall=["PD", "PD", "PD", "SD", "PD", "PD", "NE"],
    sum_x100=[6000, 7000, 3000, 5000, None, 4000, 4100],
    baseline_x100=[5000, 5000, 4000, 4000, 4000, 4000, 4000],
)
TREATMENTS = {
    "subject": ["1", "1", "2", "3", "5", "6"],
    "component": ["tace", "tace", "tace", "ici", None, "other"],
    "kind": [None, None, None, None, "resection", None],
    "start_date": ["2024-01-02", "2024-03-01", "2024-01", "2026-02-01", "2025-01-01", "2024-05-05"],
}


def described(
    subjects: dict[str, list[Any]] | None = None, *, arms: tuple[str, ...] = ("B", "A", "C"), **more: Any
) -> pl.DataFrame:
    """Results of the study above; arm C is named in the ruleset and nobody is in it."""
    table = pl.DataFrame(SUBJECTS if subjects is None else subjects, infer_schema_length=None)
    table = table.with_columns(pl.col("arm", "subject").cast(pl.String))
    records = {
        "times": {"PFS": PFS}, "responses": {"ORR": ORR}, "timepoints": {"overall": TIMEPOINTS},
        "treatments": pl.LazyFrame(TREATMENTS), "covariates": {}, **more,
    }  # fmt: skip
    ruleset = Ruleset(
        id="small", kind="protocol", title="t", document={"study": {"arms": list(arms)}}, endpoints=ENDPOINTS,
        covariates=records["covariates"],
    )  # fmt: skip
    tallies = tally_records(table, records["times"], records["responses"], records["timepoints"])
    return describe_cohort(ruleset, tallies, table, records["treatments"], CUTOFF)


@pytest.fixture(scope="module")
def ard() -> pl.DataFrame:
    return described()


def numbers(
    ard: pl.DataFrame, analysis: str, variable: str | None, level: str | None, statistic: str = "count",
    paramcd: str | None = None,
) -> list[float | None]:  # fmt: skip
    """The number in the arms B, A, C, then in total."""
    found = ard.filter(
        pl.col("analysis") == analysis, pl.col("statistic") == statistic,
        *(pl.col(name).eq_missing(pl.lit(value, pl.String))
          for name, value in (("variable", variable), ("level", level), ("paramcd", paramcd))),
    )  # fmt: skip
    assert found["group"].to_list() == ["B", "A", "C", None], (analysis, variable, level, statistic)
    assert found["group_variable"].to_list() == ["arm", "arm", "arm", None]
    return found["value"].to_list()


def test_each_number_has_one_name_and_a_reason_where_it_is_missing(ard: pl.DataFrame) -> None:
    assert ard.schema == ARD_SCHEMA
    assert not ard.select(ARD_KEY).is_duplicated().any()
    missing = ard.filter(pl.col("value").is_null())
    assert missing.height > 0
    assert missing["note"].null_count() == 0
    assert set(ard["analysis"]) < set(ANALYSES_OF_ENGINE)


def test_the_flow_of_subjects(ard: pl.DataFrame) -> None:
    assert numbers(ard, "flow", None, None, "n") == [1, 4, 0, 6]
    assert numbers(ard, "flow", "without_arm", None) == [0, 0, 0, 1]
    assert numbers(ard, "flow", "received", "tace") == [0, 2, 0, 2]
    assert numbers(ard, "flow", "received", "other") == [0, 0, 0, 1]
    assert numbers(ard, "flow", "received", "curative_conversion") == [1, 0, 0, 1]
    # Begun after the data cut-off: not received, as far as this run can see.
    assert ard.filter(pl.col("level") == "ici").is_empty()
    # A death of which only the year is known has happened by the first day that it can have been.
    assert numbers(ard, "flow", "left", "death") == [1, 1, 0, 2]
    assert numbers(ard, "flow", "record", None, paramcd="PFS") == [1, 4, 0, 6]


def test_a_share_is_of_the_group_and_nobody_has_none(ard: pl.DataFrame) -> None:
    assert numbers(ard, "flow", "received", "tace", "share") == [0, 0.5, None, 2 / 6]
    of_nobody = ard.filter(pl.col("analysis") == "flow", pl.col("level") == "tace", pl.col("group") == "C")
    assert of_nobody.filter(pl.col("statistic") == "share")["note"].to_list() == ["no subjects"]
    assert of_nobody["n"].to_list() == [0, 0]


def test_numbers_are_summarised(ard: pl.DataFrame) -> None:
    found = {
        name: numbers(ard, "characteristics", "weight", None, name)
        for name in ("n", "mean", "std_dev", "median", "q1", "q3", "minimum", "maximum", "missing", "share_missing")
    }
    assert found["n"] == [1, 3, 0, 4]
    assert found["mean"] == [90.5, 70, None, pytest.approx(75.125)]
    assert found["std_dev"] == [None, 10, None, pytest.approx(13.10455, abs=1e-5)]
    assert found["median"] == [90.5, 70, None, 75]
    assert found["q1"] == [90.5, 65, None, 67.5]  # as R's quantile() gives them
    assert found["q3"] == [90.5, 75, None, 82.625]
    assert (found["minimum"], found["maximum"]) == ([90.5, 60, None, 60], [90.5, 80, None, 90.5])
    assert found["missing"] == [0, 1, 0, 2]
    assert found["share_missing"] == [0, 0.25, None, 2 / 6]
    of_weight = ard.filter(pl.col("variable") == "weight", pl.col("value").is_null())
    assert set(of_weight["note"]) == {"no finite value", "fewer than two values", "no subjects"}


def test_ages_are_whole_years_at_baseline(ard: pl.DataFrame) -> None:
    # 1960: 2 July 1960 is the middle; March 1970: the 16th.
    assert numbers(ard, "characteristics", "age", None, "minimum") == [74, 53, None, 53]
    assert numbers(ard, "characteristics", "age", None, "median") == [74, 63, None, 65.5]


def test_levels_are_counted_in_the_order_of_numbers(ard: pl.DataFrame) -> None:
    counted = ard.filter(pl.col("variable") == "stage", pl.col("statistic") == "count", pl.col("group").is_null())
    assert counted.select("level", "value", "label").rows() == [("2", 2, "Stage: 2"), ("10", 3, "Stage: 10")]
    assert numbers(ard, "characteristics", "stage", None, "missing") == [0, 1, 0, 1]
    assert numbers(ard, "characteristics", "sex", "M") == [1, 2, 0, 3]


def test_how_records_end(ard: pl.DataFrame) -> None:
    def ended(variable: str | None, level: str | None, statistic: str = "count") -> list[float | None]:
        return numbers(ard, "endings", variable, level, statistic, "PFS")

    assert ended(None, None, "n") == [1, 4, 0, 6]
    assert ended("outcome", "event") == [1, 2, 0, 3]
    assert ended("outcome", "competing") == [0, 1, 0, 1]
    assert ended("outcome", "censored") == [0, 1, 0, 2]
    assert ended("event", "PD", "share") == [0, 0.25, None, 1 / 6]
    assert ended("event", "site says so") == [1, 0, 0, 1]
    assert ended("competing", "DEATH_NOT_EVENT") == [0, 1, 0, 1]
    assert ended("censored", "(not stated)") == [0, 0, 0, 1]
    words = ard.filter(pl.col("analysis") == "endings")
    labels = dict(words.select("level", "label").iter_rows())
    assert (labels["DEATH"], labels["site says so"]) == ("Death", "Site says so")


def test_responses_and_why_they_are_not_known(ard: pl.DataFrame) -> None:
    def having(variable: str | None, level: str | None, statistic: str = "count") -> list[float | None]:
        return numbers(ard, "responses", variable, level, statistic, "ORR")

    assert having(None, None, "responders") == [1, 1, 0, 2]
    assert having(None, None, "share_responders") == [1, 0.25, None, 2 / 6]
    assert having("value", "NE") == [0, 2, 0, 2]
    assert having("reason", "NE / response.best.too_early") == [0, 1, 0, 1]
    assert having("reason", "MISSING / (not stated)") == [0, 0, 0, 1]
    values = ard.filter(pl.col("analysis") == "responses", pl.col("variable") == "value")["level"]
    assert values.unique(maintain_order=True).to_list() == ["CR", "PR", "PD", "NE", "MISSING"]


def test_who_was_spared_from_a_false_progression(ard: pl.DataFrame) -> None:
    assert numbers(ard, "reassessment", "overall", None, "n") == [1, 2, 0, 4]
    outcomes = {
        outcome: numbers(ard, "reassessment", "overall", outcome)
        for outcome in ("at_once", "confirmed", "spared", "pending")
    }
    assert outcomes == {
        "at_once": [1, 0, 0, 1], "confirmed": [0, 1, 0, 1], "spared": [0, 1, 0, 1], "pending": [0, 0, 0, 1],
    }  # fmt: skip


def test_a_stream_that_re_assesses_nothing_has_no_such_rows() -> None:
    plain = TIMEPOINTS.with_columns(overall=pl.lit("PD"), basis_overall=pl.lit("PD"))
    assert described(timepoints={"overall": plain}).filter(pl.col("analysis") == "reassessment").is_empty()


def test_in_whom_the_sum_fell(ard: pl.DataFrame) -> None:
    assert numbers(ard, "sums_of_diameters", "overall", None, "n") == [0, 2, 0, 3]
    assert numbers(ard, "sums_of_diameters", "overall", "fell") == [0, 1, 0, 1]


def test_numbers_at_risk() -> None:
    ard = described()
    at_risk = [numbers(ard, "at_risk", "time", str(month), "at_risk", "PFS") for month in range(5)]
    # A month has 30 days here; who ends on a day is at risk on it.
    assert at_risk == [[1, 4, 0, 6], [0, 4, 0, 5], [0, 3, 0, 4], [0, 1, 0, 2], [0, 0, 0, 1]]
    # Nobody knows how long the last subject, who has no start, was at risk.
    unknown = pl.when(pl.col("subject") != PFS["subject"][-1])
    timed = described(times={"PFS": PFS.with_columns(days=unknown.then("days"), months=unknown.then("months"))})
    assert numbers(timed, "at_risk", "time", "0", "at_risk", "PFS")[-1] == 5
    nobody = described(times={"PFS": PFS.with_columns(days=pl.lit(None, pl.Int64), months=pl.lit(None, pl.Float64))})
    assert nobody.filter(pl.col("analysis") == "at_risk", pl.col("paramcd") == "PFS").is_empty()
    late = PFS.with_columns(entry_days=pl.Series([None, 30, 60, None, None, None], dtype=pl.Int64))
    entered = described(times={"PFS": late})
    # Subject 3 enters on the day of its end and is never at risk; subject 2 is after its day 30.
    assert [numbers(entered, "at_risk", "time", str(month), "at_risk", "PFS")[1] for month in range(4)] == [2, 2, 2, 1]
    # Who enters on a day is at risk after it; on day 0 everyone who entered by then.
    early = PFS.with_columns(entry_days=pl.Series([0, 30, 30, None, None, None], dtype=pl.Int64))
    entered = described(times={"PFS": early})
    assert [numbers(entered, "at_risk", "time", str(month), "at_risk", "PFS")[1] for month in range(4)] == [2, 2, 3, 1]


def test_levels_that_look_like_a_missing_value_and_columns_called_age_keep_their_names() -> None:
    subjects = {
        **SUBJECTS,
        "stage": ["missing", None, "(missing)", "", "=1+1", "<b>"],
        "age": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
    }
    ard = described(subjects)
    assert not ard.select(ARD_KEY).is_duplicated().any()
    assert numbers(ard, "characteristics", "stage", None, "missing") == [0, 1, 0, 1]
    assert numbers(ard, "characteristics", "stage", "missing") == [0, 1, 0, 1]
    assert numbers(ard, "characteristics", "age", None, "maximum") == [5.5, 4.5, None, 6.5]
    assert numbers(ard, "characteristics", "age at baseline", None, "maximum") == [74, 68, None, 74]


def test_what_the_ruleset_calls_levels_is_not_averaged() -> None:
    subjects = {**SUBJECTS, "score": [11, 12, 13, 14, 15, 16], "site": [str(number) for number in range(6)]}
    averaged = described(subjects)
    assert numbers(averaged, "characteristics", "score", "11") == [0, 1, 0, 1]  # few whole numbers are grades
    stated = {"score": CovariateDefinition("score", "score", "number")}
    assert numbers(described(subjects, covariates=stated), "characteristics", "score", None, "mean")[-1] == 13.5


@pytest.mark.parametrize("arms", [(), ("A",)])
def test_a_study_with_one_arm_or_none(arms: tuple[str, ...]) -> None:
    subjects = {**SUBJECTS, "arm": [*arms] * 6 if arms else [None] * 6}
    ard = described(subjects, arms=arms)
    n = ard.filter(pl.col("analysis") == "flow", pl.col("statistic") == "n")
    assert n.select("group", "value").rows() == [*((arm, 6) for arm in arms), (None, 6)]
    assert ard.filter(pl.col("variable") == "without_arm").is_empty()
    assert not ard.select(ARD_KEY).is_duplicated().any()


def test_nobody_is_described_as_nobody() -> None:
    nobody = {name: rows.clear() for name, rows in (("times", PFS), ("responses", ORR), ("timepoints", TIMEPOINTS))}
    table = pl.DataFrame(SUBJECTS, infer_schema_length=None).clear()
    tallies = tally_records(
        table, {"PFS": nobody["times"]}, {"ORR": nobody["responses"]}, {"overall": nobody["timepoints"]}
    )
    ruleset = Ruleset(id="small", kind="protocol", title="t", document={}, endpoints=ENDPOINTS)
    ard = describe_cohort(ruleset, tallies, table, pl.LazyFrame(TREATMENTS).clear(), CUTOFF)
    assert set(ard["analysis"]) == {"flow"}
    assert (
        ard.filter(pl.col("statistic") == "share")["value"].null_count() == 3
    )  # died, and a record of either endpoint


def test_the_order_of_rows_changes_nothing(ard: pl.DataFrame) -> None:
    def turned(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sample(fraction=1.0, shuffle=True, seed=3)

    subjects = turned(pl.DataFrame(SUBJECTS, infer_schema_length=None)).to_dict(as_series=False)
    again = described(
        subjects, times={"PFS": turned(PFS)}, responses={"ORR": turned(ORR)}, timepoints={"overall": turned(TIMEPOINTS)}
    )
    assert again.equals(ard)


def test_findings_and_discrepancies_are_counted() -> None:
    findings = frame(
        FINDINGS_SCHEMA,
        rule_id=["a", "a", "b", "a"],
        severity=["warning", "warning", "error", "warning"],
        table=["labs", "labs", None, "subjects"],
        subject=["1", "1", None, "2"],
    )
    differing = frame(
        DISCREPANCY_SCHEMA,
        response_name=["overall"] * 3,
        component=["target"] * 3,
        derived=["PR", "PR", None],
        collected=["SD", "SD", "PD"],
        subject=["1", "2", "1"],
    )
    ard = describe_quality(findings, differing)
    assert not ard.select(ARD_KEY).is_duplicated().any()
    counted = ard.filter(pl.col("analysis") == "findings").select("group", "variable", "level", "statistic", "value")
    assert counted.rows() == [
        (None, None, None, "findings", 4), (None, None, None, "subjects", 2),
        ("error", None, "b", "findings", 1), ("error", None, "b", "subjects", 0),
        ("warning", None, "a", "findings", 3), ("warning", None, "a", "subjects", 2),
        ("error", "(no table)", "b", "findings", 1), ("error", "(no table)", "b", "subjects", 0),
        ("warning", "labs", "a", "findings", 2), ("warning", "labs", "a", "subjects", 1),
        ("warning", "subjects", "a", "findings", 1), ("warning", "subjects", "a", "subjects", 1),
    ]  # fmt: skip
    visits = ard.filter(pl.col("analysis") == "discrepancies").select("group", "variable", "level", "value", "n")
    assert visits.rows() == [("overall", "target", "PR / SD", 2, 2), ("overall", "target", "– / PD", 1, 1)]


def test_a_study_from_text_files_is_described_as_one_with_types() -> None:
    typed = {
        **SUBJECTS, "afp": [1.5, 20.0, 3.25, 4.0, None, 1e3, ], "flag": [True, False, None, True, True, True],
        "grade": [1, 2, 1, 1, 2, None], "site": ["001", "002", "003", "001", "002", "003"],
    }  # fmt: skip
    written = {
        **typed,
        "afp": ["1.5", "20.0", "3.25", "4.0", None, "1e3"],
        "flag": ["true", "false", None, "True", "true", "true"],
        "grade": ["1", "2", "1", "1", "2", None],
        "weight": [None if value is None else str(value) for value in SUBJECTS["weight"]],
    }
    assert described(written).equals(described(typed))
    assert numbers(described(written), "characteristics", "site", "001") == [0, 2, 0, 2]
