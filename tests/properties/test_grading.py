"""Grading against a slow second reading of the rules, and what must hold for any study."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import rules_engine
import yaml
from rules_engine import contracts
from rules_engine.grading import (
    GRADED_EVENTS_SCHEMA,
    GRADED_LABS_SCHEMA,
    EventOptions,
    LabOptions,
    derive_context,
    derive_event_grades,
    derive_lab_grades,
    grade_cases,
)
from rules_engine.grading.documents import rules_of_version

from tests.oracle import grading as oracle
from tests.oracle import grading_probes as probing

RULESETS = Path(rules_engine.__file__).resolve().parents[1] / "rulesets"
VERSIONS = {"6.0": "ctcae_v6", "5.0": "ctcae_v5", "4.03": "ctcae_v4_03"}
#: One probe in so many is taken in the short run; the seed is fixed.
SHARE = 12


def scales(version: str) -> list[tuple[str, list[Mapping[str, str]]]]:
    """Unit and rows of every term, direction and unit of a version, read without the engine."""
    document = yaml.safe_load((RULESETS / VERSIONS[version] / "ruleset.yaml").read_text(encoding="utf-8"))
    rows = oracle.rows_of(document)
    keys = {(row["analyte"], row["direction"]) for row in rows}
    found = []
    for analyte, direction in sorted(keys):
        units = {row["unit"] for row in rows if (row["analyte"], row["direction"]) == (analyte, direction)}
        for unit in sorted(units - {"any"}) or ["any"]:
            found.append((unit, oracle.rows_for(rows, analyte, direction, unit)))
    return found


def disagreements(version: str, share: int) -> list[str]:
    rng = random.Random(20240301)
    cases, expected = [], []
    for unit, rows in scales(version):
        for probe in probing.probes(rows):
            for policy in probing.POLICIES:
                if share == 1 or rng.random() * share < 1:
                    cases.append(probing.case_of(probe, rows[0], version, unit, policy))
                    expected.append(oracle.grade(probe, rows, policy))
    actual = grade_cases(pl.DataFrame(cases, infer_schema_length=None))
    assert len(cases) > 100_000 / share
    return [
        f"{case}: expected {want}, got {got}"
        for case, want, got in zip(cases, expected, actual, strict=True)
        if want != got
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_agrees_with_the_second_reading_around_every_cutoff(version: str) -> None:
    assert disagreements(version, SHARE)[:5] == []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_agrees_with_the_second_reading_on_every_probe(version: str) -> None:
    assert disagreements(version, 1)[:5] == []


def random_labs(seed: int, subjects: int, results: int) -> pl.DataFrame:
    """Results of all kinds of quality: missing values, limits, units and facts, censored values, several on one day."""
    rng = random.Random(seed)
    analytes = {
        "ALT": ("U/L", 40), "BILI": ("umol/L", 20), "HGB": ("g/L", 160), "K": ("mmol/L", 5), "SODIUM": ("mmol/L", 145),
        "CA": ("mg/dL", 10.5), "ALB": ("g/dL", 5), "INR": ("ratio", 1.2), "PLAT": ("10^9/L", 350), "MCV": ("fL", 99),
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    for number in range(subjects * results):
        analyte = rng.choice(list(analytes))
        unit, uln = analytes[analyte]
        value = f"{uln * rng.choice([0.2, 0.5, 0.7, 0.9, 1, 1.5, 2, 3, 5.5, 12]):.2f}"
        rows.append({
            "subject": str(number % subjects), "date": date(2024, 3, 1) + timedelta(days=rng.randint(-40, 60)),
            "analyte": analyte, "value": rng.choice([value, value, value, f"<{value}", f">{value}", None, "n.d."]),
            "unit": rng.choice([unit] * 8 + [None, "drops"]), "lln": rng.choice([uln * 0.4] * 6 + [None]),
            "uln": rng.choice([float(uln)] * 6 + [None]), "is_baseline": rng.choice([None] * 30 + [True]),
            "symptomatic": rng.choice([None, True, False]), "intervention": rng.choice([None, True, False]),
            "on_anticoagulant": rng.choice([None, True, False]), "seq": number + 1, "row": number + 1,
        })  # fmt: skip
    return pl.DataFrame(rows, schema=contracts.canonical_schema(contracts.TABLES["labs"]))


def graded(labs: pl.DataFrame, **options: Any) -> pl.DataFrame:
    context = labs.lazy().select("subject").unique().with_columns(treatment_start=pl.lit(date(2024, 3, 1)))
    return derive_lab_grades(labs.lazy(), rules_of_version("5.0"), LabOptions(**options), context).collect()


def test_the_order_of_rows_changes_nothing() -> None:
    labs = random_labs(1, subjects=30, results=60)
    expected = graded(labs).sort("row")
    assert graded(labs.sample(fraction=1, shuffle=True, seed=7)).sort("row").equals(expected)


def test_other_subjects_change_nothing() -> None:
    labs = random_labs(2, subjects=30, results=60)
    half = labs.filter(pl.col("subject").cast(pl.Int64) < 15)
    assert graded(labs).filter(pl.col("subject").cast(pl.Int64) < 15).equals(graded(half))


def test_grading_in_portions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labs = random_labs(6, subjects=30, results=60).sort("subject", "row")
    expected = graded(labs)
    monkeypatch.setattr("rules_engine.grading.labs.PORTION", 100)
    assert graded(labs).equals(expected)
    assert graded(labs.sort("row")).sort("subject", "row").equals(expected)


def test_rows_are_neither_lost_nor_multiplied_and_every_missing_grade_has_a_reason() -> None:
    labs = random_labs(3, subjects=40, results=80)
    out = graded(labs)
    assert out.drop(list(GRADED_LABS_SCHEMA)).equals(labs)
    assert out.filter(pl.col("atoxgr").is_null() != pl.col("grade_reason").is_not_null()).is_empty()
    assert out.filter((pl.col("atoxgr") != 0) != pl.col("rule_row_id").is_not_null()).is_empty()
    assert out["atoxgr"].drop_nulls().is_between(-4, 4).all()


def test_later_results_do_not_change_the_grade_of_earlier_ones() -> None:
    labs = random_labs(4, subjects=30, results=60).with_columns(is_baseline=pl.lit(None, pl.Boolean))
    early = labs.filter(pl.col("date") <= date(2024, 3, 20))
    assert graded(labs).filter(pl.col("date") <= date(2024, 3, 20)).equals(graded(early))


def test_the_worst_case_is_never_milder_than_the_minimum() -> None:
    labs = random_labs(5, subjects=40, results=80)
    worst, least = graded(labs, on_unknown="worst_case"), graded(labs, on_unknown="lab_minimum")
    for column in ("atoxgrl", "atoxgrh"):
        assert (worst[column].fill_null(-1) >= least[column].fill_null(-1)).all()


def random_events(seed: int, subjects: int, records: int) -> pl.DataFrame:
    """Events of all kinds of quality: partial and missing days, odd grades, unknown terms, links, ties."""
    rng = random.Random(seed)
    rows = []
    for number in range(subjects * records):
        month, day = rng.randint(1, 9), rng.randint(1, 28)
        full = f"2024-0{month}-{day:02d}"
        rows.append({
            "subject": str(number % subjects), "term": rng.choice(["Fever", "Anaemia", "Nausea", "Feeling odd"]),
            "grade": rng.choice(["1", "2", "3", "Grade 4", "5", "0", "II", None]),
            "initial_grade": rng.choice(["1", None]),
            "start_date": rng.choice([full, full, full[:7], "2024", None]),
            "end_date": rng.choice([f"2024-0{month}-28", f"2024-0{month}", None]),
            "serious": rng.choice([True, False, None]), "fatal": rng.choice([True, False, None]),
            "related_to": rng.choice(["tace", "ici;tace", None]), "episode": rng.choice([None, None, None, "A"]),
            "aeseq": rng.choice([number, 7, None]), "row": number + 1,
        })  # fmt: skip
    return pl.DataFrame(rows, schema=contracts.canonical_schema(contracts.TABLES["adverse_events"]))


def graded_events(events: pl.DataFrame) -> pl.DataFrame:
    subjects = pl.LazyFrame(
        {"subject": [str(number) for number in range(20)]},
    )
    known = contracts.canonical_schema(contracts.TABLES["subjects"])
    people = subjects.with_columns(pl.lit(None, kind).alias(name) for name, kind in known.items() if name != "subject")
    courses = pl.LazyFrame(
        [
            {"subject": str(number), "component": "tace", "start_date": "2024-03-01", "last_date": date(2024, 6, 1)}
            for number in range(20)
        ],
        schema=contracts.canonical_schema(contracts.TABLES["treatments"]),
    )
    context = derive_context(people, courses, date(2024, 12, 31))
    return derive_event_grades(events.lazy(), rules_of_version("5.0"), EventOptions(), context).collect()


def test_events_do_not_depend_on_the_order_of_rows_or_on_other_subjects() -> None:
    events = random_events(1, subjects=20, records=25)
    expected = graded_events(events).sort("row")
    assert graded_events(events.sample(fraction=1, shuffle=True, seed=3)).sort("row").equals(expected)
    some = pl.col("subject").cast(pl.Int64) < 10
    assert graded_events(events.filter(some)).sort("row").equals(expected.filter(some))


def test_events_are_neither_lost_nor_changed() -> None:
    events = random_events(2, subjects=20, records=25)
    out = graded_events(events)
    assert out.drop(list(GRADED_EVENTS_SCHEMA)).equals(events)
    assert out.filter(pl.col("atoxgrn").is_not_null() & ~pl.col("atoxgrn").is_between(1, 5)).is_empty()
    assert out.filter(pl.col("astdt") > pl.col("aendt"), pl.col("astdtf").is_not_null()).is_empty()
    first = out.filter("aoccfl").group_by("subject").len()
    assert first["len"].eq(1).all()
    assert first.height == out.filter("treatment_emergent")["subject"].n_unique()
