"""Records as tables bring them: what is not stated, and which row of several a record points to."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine

CUT_OFF = "2023-12-31"
TREATMENTS = {"subject": pl.String, "treatment": pl.String, "component": pl.String, "start_date": pl.String,
              "last_date": pl.String, "ended": pl.String, "seq": pl.Int64}  # fmt: skip


def run(
    endpoint: str, options: dict[str, Any], subject: dict[str, Any], scans: list[tuple[str, str]], courses: Any = ()
) -> Any:
    tables = {
        "subjects": pl.DataFrame(
            [
                {
                    "subject": "1",
                    "randomisation_date": "2023-01-02",
                    "death_date": None,
                    "last_contact_date": None,
                    **subject,
                }
            ],
            schema_overrides={"death_date": pl.String, "last_contact_date": pl.String, "baseline_adequate": pl.String},
        ),
        "response_assessments": pl.DataFrame(
            [("1", day, "RECIST 1.1", code) for day, code in scans],
            schema={"subject": pl.String, "date": pl.String, "criterion": pl.String, "response": pl.String},
            orient="row",
        ),
        "treatments": pl.DataFrame([("1", "drug", *course) for course in courses], schema=TREATMENTS, orient="row"),
    }
    ruleset = {
        "rules_engine": 1, "id": "tables", "kind": "protocol", "title": "Tables", "extends": ["ema"],
        "responses": {"site": {"collected_as": "RECIST 1.1"}},
        "endpoints": {endpoint: {"like": endpoint, "response": "site", "options": options}},
    }  # fmt: skip
    (row,) = Engine(ruleset).run(tables, data_cutoff=CUT_OFF).adtte.to_dicts()
    return row


@pytest.mark.parametrize(("stated", "cnsr"), [(None, 2), ("N", 2), ("Y", 0)])
def test_a_baseline_that_is_not_stated_to_be_adequate_is_not(stated: str | None, cnsr: int) -> None:
    subject = {"baseline_adequate": stated}
    found = run("PFS", {"no_baseline": "censor_day1"}, subject, [("2023-03-01", "PD")])
    assert found["CNSR"] == cnsr


def test_of_two_courses_that_end_on_one_day_the_first_row_is_the_source() -> None:
    courses = [("ici", "2023-02-01", "2023-06-01", "Y", 7), ("ici", "2023-01-02", "2023-06-01", "Y", 4)]
    found = run("TTD", {}, {"baseline_adequate": "Y"}, [], courses)
    assert (found["ADT"], found["CNSR"], found["SRCSEQ"]) == (date(2023, 6, 1), 0, 4)
    found = run("TTD", {}, {"baseline_adequate": "Y"}, [], courses[::-1])
    assert found["SRCSEQ"] == 4


def test_a_death_on_the_last_day_does_not_cap_the_day_last_known_alive() -> None:
    """Only what lies after the data cut-off shows that the subject lived on it."""
    subject = {"baseline_adequate": "Y", "last_contact_date": "2023-06-01"}
    options = {"events": ["discontinuation"]}
    on_it = run("TTD", options, {**subject, "death_date": CUT_OFF}, [])
    assert (on_it["ADT"], on_it["SRCVAR"]) == (date(2023, 6, 1), "LSTALVDT")
    after = run("TTD", options, {**subject, "death_date": "2024-01-01"}, [])
    assert (after["ADT"], after["SRCVAR"]) == (date(2023, 12, 31), "CUTOFF")
