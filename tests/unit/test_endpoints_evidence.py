"""Who is known alive: every scan that anybody read is evidence, whichever responses an endpoint reads."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from rules_engine import Engine

READINGS = [
    ("2023-02-10", "investigator", "SD"), ("2023-06-10", "investigator", "SD"),
    ("2023-02-10", "independent", "SD"), ("2023-09-20", "independent", "SD"),
]  # fmt: skip
STREAMS = {
    "site": {"collected_as": "RECIST 1.1", "assessor": "investigator"},
    "central": {"collected_as": "RECIST 1.1", "assessor": "independent"},
}


def run(death: str | None = None, **endpoints: Any) -> dict[str, dict[str, Any]]:
    tables = {
        "subjects": pl.DataFrame(
            {"subject": ["1"], "randomisation_date": ["2023-01-02"], "baseline_adequate": [True],
             "death_date": [death], "last_contact_date": ["2023-03-01"]},
            schema_overrides={"death_date": pl.String},
        ),
        "response_assessments": pl.DataFrame(
            [("1", day, "RECIST 1.1", assessor, code) for day, assessor, code in READINGS],
            ["subject", "date", "criterion", "assessor", "response"],
            orient="row",
        ),
        "treatments": pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String}),
    }  # fmt: skip
    ruleset = {
        "rules_engine": 1, "id": "alive", "kind": "protocol", "title": "Alive", "extends": ["ema"],
        "responses": STREAMS, "endpoints": endpoints,
    }  # fmt: skip
    adtte = Engine(ruleset).run(tables, data_cutoff="2023-12-31").adtte
    return {row["PARAMCD"]: row for row in adtte.to_dicts()}


def test_survival_without_responses_of_its_own_sees_every_scan() -> None:
    found = run(OS={"like": "OS"})["OS"]
    assert (found["ADT"], found["SRCDOM"], found["SRCSEQ"]) == (date(2023, 9, 20), "ADRS", 4)


def test_survival_that_reads_one_reader_sees_the_scans_of_the_other() -> None:
    found = run(OS={"like": "OS", "response": "site"}, PFS={"like": "PFS", "response": "central"})
    assert found["OS"]["ADT"] == date(2023, 9, 20)
    assert found["PFS"]["ADT"] <= found["OS"]["ADT"]


def test_progression_free_survival_is_censored_at_the_scans_of_its_own_reader() -> None:
    found = run(PFS={"like": "PFS", "response": "site"})["PFS"]
    assert found["ADT"] == date(2023, 6, 10)


def test_a_death_of_unknown_day_comes_after_the_scan_of_any_reader() -> None:
    """Mid-month would be 15 September; the independent scan of the 20th was of a living subject."""
    found = run("2023-09", OS={"like": "OS"}, PFS={"like": "PFS", "response": "site"})
    assert (found["OS"]["ADT"], found["PFS"]["ADT"]) == (date(2023, 9, 21), date(2023, 9, 21))
