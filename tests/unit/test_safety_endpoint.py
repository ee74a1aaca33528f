"""Time to the first severe adverse event: an endpoint like any other, with death as competing event."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine

SUBJECTS = [
    {"subject": name, "arm": "A", "last_contact_date": date(2024, 12, 1), "death_date": died}
    for name, died in (("1", None), ("2", None), ("3", "2024-05-01"), ("4", None), ("5", "2024-06-01"))
]
TREATMENTS = [
    {"subject": one["subject"], "treatment": "TACE", "component": "tace", "start_date": "2024-03-10"}
    for one in SUBJECTS
]
EVENTS: list[dict[str, Any]] = [
    {"subject": "1", "term": "Fever", "grade": "2", "start_date": "2024-03-12"},
    {"subject": "1", "term": "Sepsis", "grade": "Grade 3", "start_date": "2024-04-01"},
    {"subject": "1", "term": "Sepsis", "grade": "4", "start_date": "2024-05-01"},
    {"subject": "2", "term": "Fever", "grade": "2", "start_date": "2024-03-12"},
    {"subject": "2", "term": "Nausea", "grade": None, "start_date": "2024-03-12"},
    {"subject": "4", "term": "Sepsis", "grade": "3", "start_date": "2024-03"},  # may be the first day of treatment
    {"subject": "5", "term": "Sepsis", "grade": "5", "start_date": "2024-05-30"},
]


def protocol(**options: Any) -> dict[str, Any]:
    return {
        "rules_engine": 1, "id": "made_up", "kind": "protocol", "extends": ["seed"], "title": "Made up", "study": {"arms": ["A"]},
        "endpoints": {"TTAE3": {"like": "TTAE", "options": {"adverse_event": {"min_grade": 3, **options}}}},
    }  # fmt: skip


def records(**options: Any) -> dict[str, dict[str, Any]]:
    tables = {"subjects": SUBJECTS, "treatments": TREATMENTS, "adverse_events": EVENTS}
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    result = Engine(protocol(**options)).run(frames, data_cutoff="2024-12-31")
    return {row["USUBJID"]: row for row in result.adtte.iter_rows(named=True)}


def test_the_first_event_of_grade_3_or_higher_ends_the_time() -> None:
    found = records()
    assert {name: row["ADT"] for name, row in found.items() if row["CNSR"] == 0} == {
        "1": date(2024, 4, 1), "4": date(2024, 3, 10), "5": date(2024, 5, 30),
    }  # fmt: skip
    assert {row["EVNTDESC"] for row in found.values() if row["CNSR"] == 0} == {"ADVERSE EVENT"}
    assert found["4"]["ADTF"] == "D"


def test_death_competes_and_the_others_are_censored_when_last_known_alive() -> None:
    found = records()
    assert (found["3"]["EVENT_TYPE"], found["3"]["ADT"]) == (2, date(2024, 5, 1))
    assert (found["2"]["EVENT_TYPE"], found["2"]["ADT"]) == (0, date(2024, 12, 1))


@pytest.mark.parametrize(
    ("options", "subjects"),
    [
        ({"terms": ["SEPSIS"]}, {"1", "4", "5"}),
        ({"min_grade": 2}, {"1", "2", "4", "5"}),
        ({"min_grade": 4}, {"1", "5"}),
    ],
)
def test_the_ruleset_says_which_events_count(options: dict[str, Any], subjects: set[str]) -> None:
    assert {name for name, row in records(**options).items() if row["CNSR"] == 0} == subjects
