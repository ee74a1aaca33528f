"""Days on which a clock may start: recorded ones, and what is made of several."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.endpoints import records_from_mappings
from rules_engine.endpoints.origin import days_apart, earliest, latest, latest_of_all, recorded_origin
from rules_engine.endpoints.words import KEY

FIRST, SECOND, THIRD = date(2024, 1, 8), date(2024, 1, 10), date(2024, 2, 5)
#: Subject 1 has both days, 2 and 3 have one each.
STARTS = {
    "first_tace": pl.LazyFrame({"subject": [1, 2], "date": [SECOND, THIRD]}),
    "first_ici": pl.LazyFrame({"subject": [1, 3], "date": [FIRST, SECOND]}),
}


def told(found: pl.LazyFrame) -> dict[Any, Any]:
    rows = found.sort("subject").collect().rows()
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_the_earliest_and_the_latest_of_whichever_days_a_subject_has() -> None:
    assert told(earliest(STARTS)) == {1: FIRST, 2: THIRD, 3: SECOND}
    assert told(latest(STARTS)) == {1: SECOND, 2: THIRD, 3: SECOND}


def test_the_latest_of_all_needs_all() -> None:
    assert told(latest_of_all(STARTS)) == {1: SECOND}
    assert told(latest_of_all({"first_tace": STARTS["first_tace"]})) == {1: SECOND, 2: THIRD}


def test_days_between_the_first_and_the_last() -> None:
    assert told(days_apart(STARTS)) == {1: 2, 2: 0, 3: 0}


@pytest.mark.parametrize("of_several", [earliest, latest, latest_of_all])
def test_of_no_days_nobody_has_one(of_several: Any) -> None:
    found = of_several({}).collect()
    assert found.is_empty()
    assert found.schema == {"subject": KEY, "date": pl.Date()}


def test_of_an_origin_recorded_twice_the_earlier_day_counts_and_a_missing_day_is_none() -> None:
    subjects = [
        {"subject": "1", "origins": {"randomisation": FIRST, "first_tace": SECOND}},
        {"subject": "2", "origins": {"first_tace": THIRD}},
        {"subject": "1", "origins": {"randomisation": SECOND}},
    ]
    records = records_from_mappings(subjects)
    without_day = pl.LazyFrame(
        {"subject": ["3"], "origin": ["randomisation"], "date": [None]}, schema_overrides={"date": pl.Date}
    )
    records = records.with_frames(lambda name, frame: pl.concat([frame, without_day]) if name == "origins" else frame)
    assert told(recorded_origin(records, "randomisation")) == {"1": FIRST}
    assert told(recorded_origin(records, "first_tace")) == {"1": SECOND, "2": THIRD}
