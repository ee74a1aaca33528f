"""The made-up study keeps every rule of the input tables, for any number of subjects and any seed."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_engine import contracts, dates
from rules_engine.contracts import TABLES
from rules_engine.simulator import simulate

Study = dict[str, pl.DataFrame]

#: What a study brings for each kind of column, as typed files hold it.
RAW = {
    "text": pl.String(),
    "code": pl.String(),
    "date": pl.Date(),
    "partial_date": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "length": pl.Float64(),
}


def study_keeps_the_contracts(study: Study) -> None:
    assert set(study) <= set(TABLES)
    for name, rows in study.items():
        table = TABLES[name]
        assert set(table.required) <= set(rows.columns)
        for column in table.columns:
            if column.name not in rows.columns:
                continue
            values = rows[column.name]
            where = f"{name}.{column.name}"
            assert values.dtype == RAW[column.kind], where
            if column.required:
                assert values.null_count() == 0, where
            if column.codes:
                assert set(values.drop_nulls()) <= set(column.codes), where
            if column.kind == "partial_date":
                possible = rows.select(day=dates.first_possible_day(pl.col(column.name)), text=column.name)
                assert possible.filter(pl.col("text").is_not_null() & pl.col("day").is_null()).is_empty(), where
                assert possible.filter(~pl.col("text").str.contains(dates.PATTERN)).is_empty(), where
            if column.kind == "length":
                hundredths = values.drop_nulls() * contracts.UNITS_PER_MM
                assert ((hundredths - hundredths.round()).abs() < 1e-6).all(), where
        key = [column for column in table.key if column in rows.columns]
        if key:
            assert rows.select(pl.struct(key).is_unique().all()).item(), name
        assert rows.join(study["subjects"], on="subject", how="anti").is_empty(), name


def lesions_keep_the_criteria(study: Study) -> None:
    lesions = study["lesion_assessments"]
    baseline = lesions.filter("is_baseline")
    visits = baseline.group_by("subject").agg(pl.col("visit_date").unique())
    assert visits.height == study["subjects"].height
    assert (visits["visit_date"].list.len() == 1).all()
    planned = study["subjects"].select("subject", "baseline_date")
    assert baseline.join(planned, on="subject").filter(pl.col("visit_date") != pl.col("baseline_date")).is_empty()
    first_visit = lesions.group_by("subject").agg(first=pl.col("visit_date").min())
    assert baseline.join(first_visit, on="subject").filter(pl.col("visit_date") != pl.col("first")).is_empty()

    # Eisenhauer 2009 §3.1 and §4.2; Lencioni & Llovet 2010 for viable tumour and nodes at the porta hepatis.
    targets = baseline.filter(role="target")
    assert targets.filter(pl.col("mm").is_null() | (pl.col("mm") < 10)).is_empty()
    assert targets.filter(pl.col("node") & (pl.col("mm") < 15)).is_empty()
    assert targets.filter((pl.col("site") == "porta_hepatis") & (pl.col("mm") < 20)).is_empty()
    in_liver = targets.filter(organ="liver")
    assert in_liver.filter(pl.col("viable_mm").is_null() | (pl.col("viable_mm") < 10)).is_empty()
    assert targets.filter(pl.col("kind").is_not_null()).is_empty()
    assert (targets.group_by("subject").len()["len"] <= 5).all()
    assert (targets.group_by("subject", "organ").len()["len"] <= 2).all()
    assert baseline.filter(role="new").is_empty()

    per_lesion = lesions.group_by("subject", "lesion_id").agg(pl.col("role", "organ", "node", "kind").n_unique())
    assert per_lesion.filter(pl.any_horizontal(pl.col("role", "organ", "node", "kind") != 1)).is_empty()
    assert lesions.filter((pl.col("mm") <= 0) | (pl.col("mm") > 500) | (pl.col("viable_mm") < 0)).is_empty()
    assert lesions.filter(pl.col("viable_mm") > pl.col("mm")).is_empty()
    unmeasured = pl.col("state").is_in(["absent", "tstm", "ne", "merged"])
    assert lesions.filter(unmeasured & (pl.col("mm").is_not_null() | pl.col("viable_mm").is_not_null())).is_empty()
    assert lesions.filter((pl.col("state") == "measured") & pl.col("mm").is_null()).is_empty()
    assert lesions.filter((pl.col("role") == "non-target") & pl.col("status").is_null()).is_empty()

    merged = lesions.filter(state="merged")
    assert merged.filter(pl.col("into") == pl.col("lesion_id")).is_empty()
    carriers = lesions.select("subject", pl.col("lesion_id").alias("into")).unique()
    assert merged.join(carriers, on=["subject", "into"], how="anti").is_empty()


def nothing_happens_after_the_end(study: Study) -> None:
    """No record is dated after death, withdrawal or loss, and none before the baseline scan or consent."""
    subjects = study["subjects"]
    last = subjects.select(
        "subject",
        end=pl.min_horizontal(
            dates.last_possible_day(pl.col("death_date")),
            "withdrawal_date",
            "lost_to_followup_date",
            "end_of_study_date",
        ),
        death=dates.last_possible_day(pl.col("death_date")),
    )
    columns = {
        "lesion_assessments": ["visit_date"],
        "response_assessments": ["date", "visit_date"],
        "treatments": ["start_date", "last_date"],
        "clinical_events": ["date"],
        "labs": ["date"],
        "adverse_events": ["start_date", "end_date"],
    }
    for name, names in columns.items():
        rows = study[name].join(last, on="subject")
        for column in names:
            day = pl.col(column)
            day = dates.first_possible_day(day) if rows.schema[column] == pl.String else day
            assert rows.filter(day > pl.col("end")).is_empty(), f"{name}.{column}"
    assert subjects.filter(pl.col("last_contact_date") > dates.last_possible_day(pl.col("death_date"))).is_empty()
    seen = study["lesion_assessments"].join(last, on="subject")
    assert seen.filter(pl.col("visit_date") >= pl.col("death")).is_empty()


def treatment_starts_after_baseline(study: Study) -> None:
    regimen = study["treatments"].filter(pl.col("component").is_not_null())
    assert (regimen["start_date"].str.len_chars() == 10).all()
    outside = study["treatments"].filter(pl.col("component").is_null())
    assert outside["kind"].null_count() == 0
    starts = regimen.group_by("subject").agg(start=pl.col("start_date").str.to_date().min())
    assert starts.height == study["subjects"].height
    joined = study["subjects"].join(starts, on="subject")
    assert joined.filter(pl.col("baseline_date") >= pl.col("start")).is_empty()
    assert joined.filter(dates.last_possible_day(pl.col("death_date")) < pl.col("start")).is_empty()
    scans = study["lesion_assessments"].filter(~pl.col("is_baseline")).join(starts, on="subject")
    assert scans.filter(pl.col("visit_date") <= pl.col("start")).is_empty()
    assert study["treatments"].filter(
        pl.col("last_date") < dates.first_possible_day(pl.col("start_date"))
    ).is_empty()  # fmt: skip


def events_are_plausible(study: Study) -> None:
    events = study["adverse_events"]
    assert events.filter(~pl.col("grade").is_in(["1", "2", "3", "4", "5"])).is_empty()
    start, end = dates.first_possible_day(pl.col("start_date")), dates.first_possible_day(pl.col("end_date"))
    assert events.filter(end < start).is_empty()
    assert events.filter((pl.col("grade") == "5") != pl.col("fatal")).is_empty()
    assert (events.filter("fatal").group_by("subject").len()["len"] == 1).all()
    dead = study["subjects"].filter(pl.col("death_date").is_not_null())
    assert events.filter("fatal").join(dead, on="subject", how="anti").is_empty()
    assert events.select(pl.struct("subject", "aeseq").is_unique().all()).item()
    parts = events.filter(pl.col("episode").is_not_null()).group_by("subject", "episode").agg(pl.col("term").n_unique())
    assert (parts["term"] >= 1).all()


def labs_are_plausible(study: Study) -> None:
    labs = study["labs"]
    assert labs.filter(~pl.col("value").str.contains(r"^<?\d+(\.\d+)?$")).is_empty()
    assert labs.filter(pl.col("lln") >= pl.col("uln")).is_empty()
    assert labs.select(pl.struct("subject", "date", "analyte").is_unique().all()).item()
    baseline = labs.filter("is_baseline")
    assert baseline.select(pl.struct("subject", "analyte").is_unique().all()).item()
    starts = study["treatments"].filter(pl.col("component").is_not_null())
    starts = starts.group_by("subject").agg(start=pl.col("start_date").str.to_date().min())
    assert baseline.join(starts, on="subject").filter(pl.col("date") > pl.col("start")).is_empty()
    later = labs.filter(~pl.col("is_baseline")).join(starts, on="subject")
    assert later.filter(pl.col("date") <= pl.col("start")).is_empty()


RULES = [
    study_keeps_the_contracts,
    lesions_keep_the_criteria,
    nothing_happens_after_the_end,
    treatment_starts_after_baseline,
    events_are_plausible,
    labs_are_plausible,
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(subjects=st.integers(1, 60), seed=st.integers(0, 2**63 - 1))
def test_any_study_is_valid_by_construction(subjects: int, seed: int) -> None:
    study = simulate(subjects, seed)
    assert study["subjects"].height == subjects
    for rule in RULES:
        rule(study)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_large_study_is_valid_by_construction(rule: object, large_study: Study) -> None:
    assert callable(rule)
    rule(large_study)


@pytest.fixture(scope="module")
def large_study() -> Study:
    return simulate(6_000, 7)
