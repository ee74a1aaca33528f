"""A day for partial dates (endpoints §4.10 of the rules): the target of the option, moved into the days that are possible."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.endpoints.imputation import assessment_day, death_day, therapy_day

CUT_OFF = date(2024, 12, 31)
ORIGIN = date(2024, 2, 5)


def value(expression: pl.Expr, texts: dict[str, str | None], **days: date | None) -> Any:
    columns = {**{name: pl.Series([text], dtype=pl.String) for name, text in texts.items()}}
    columns |= {name: pl.Series([day], dtype=pl.Date) for name, day in days.items()}
    return pl.DataFrame(columns).select(found=expression).item()


def death(
    stated: str | None, how: str = "mid", alive: date | None = ORIGIN, t0: date = ORIGIN, cutoff: date = CUT_OFF
) -> Any:
    options = {"imputation": {"death_day": how}}
    return value(death_day(options, cutoff), {"death": stated}, t0=t0, last_evidence=alive)


@pytest.mark.parametrize(
    ("stated", "how", "expected"),
    [
        ("2024-05", "first", date(2024, 5, 1)), ("2024-05", "mid", date(2024, 5, 15)), ("2024-05", "last", date(2024, 5, 31)),
        ("2024", "first", date(2024, 7, 1)), ("2024", "last", date(2024, 7, 1)), ("2024-05-07", "mid", date(2024, 5, 7)),
        (None, "mid", None),
    ],
)  # fmt: skip
def test_the_day_of_a_death(stated: str | None, how: str, expected: date | None) -> None:
    assert death(stated, how) == expected


@pytest.mark.parametrize(
    ("stated", "alive", "expected"),
    [
        ("2024-05", date(2024, 4, 30), date(2024, 5, 15)),  # a fact before the month says nothing of its days
        ("2024-05", date(2024, 5, 1), date(2024, 5, 15)),
        ("2024-05", date(2024, 5, 20), date(2024, 5, 21)),  # who lived on the 20th died on the 21st or later
        ("2024-05", date(2024, 5, 31), date(2024, 5, 31)),
        ("2024-05", date(2024, 6, 10), date(2024, 5, 31)),  # a contradiction: the last day of the month
        ("2024", date(2024, 9, 1), date(2024, 9, 2)),
        ("2024-12", date(2024, 12, 31), date(2024, 12, 31)),
        ("2024-05", None, date(2024, 5, 15)),
    ],
)
def test_a_death_comes_after_the_last_fact_of_life(stated: str, alive: date | None, expected: date) -> None:
    assert death(stated, alive=alive) == expected


@pytest.mark.parametrize(
    ("stated", "t0", "expected"),
    [
        ("2024-02", date(2024, 2, 20), date(2024, 2, 20)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 15)),
        ("2024-01", date(2024, 2, 5), date(2024, 1, 31)),  # a contradiction: the day that is nearest to the origin
        ("2024", date(2024, 8, 5), date(2024, 8, 5)),
    ],
)
def test_a_death_comes_not_before_the_origin(stated: str, t0: date, expected: date) -> None:
    assert death(stated, t0=t0, alive=None) == expected


@pytest.mark.parametrize(
    ("stated", "alive", "cutoff", "expected"),
    [
        ("2024-05", ORIGIN, date(2024, 5, 10), date(2024, 5, 10)),  # it may have happened up to the cut-off
        ("2024-05", date(2024, 5, 9), date(2024, 5, 10), date(2024, 5, 10)),
        ("2024-05", date(2024, 5, 10), date(2024, 5, 10), date(2024, 5, 11)),  # alive on it: after it
        ("2024-05", ORIGIN, date(2024, 4, 30), date(2024, 5, 1)),
        ("2024-05", ORIGIN, date(2024, 5, 1), date(2024, 5, 1)),
    ],
)
def test_a_death_and_the_cut_off(stated: str, alive: date, cutoff: date, expected: date) -> None:
    assert death(stated, alive=alive, cutoff=cutoff) == expected


def scan(
    stated: str | None, how: str = "last", died: date | None = None, t0: date = ORIGIN, cutoff: date = CUT_OFF
) -> Any:
    options = {"imputation": {"assessment_day": how}}
    return value(assessment_day(options, cutoff), {"date": stated}, t0=t0, death_date=died)


@pytest.mark.parametrize(
    ("stated", "how", "more", "expected"),
    [
        ("2024-05", "first", {}, date(2024, 5, 1)), ("2024-05", "mid", {}, date(2024, 5, 15)),
        ("2024-05", "last", {}, date(2024, 5, 31)), ("2024-05-07", "last", {}, date(2024, 5, 7)),
        ("2024", "first", {}, None), (None, "last", {}, None),
        # Not before the day after the origin, and not after death or the cut-off.
        ("2024-02", "first", {}, date(2024, 2, 6)), ("2024-02", "first", {"t0": date(2024, 1, 31)}, date(2024, 2, 1)),
        ("2024-05", "last", {"died": date(2024, 5, 20)}, date(2024, 5, 20)),
        ("2024-05", "last", {"died": date(2024, 5, 1)}, date(2024, 5, 1)),
        ("2024-05", "last", {"died": date(2024, 4, 30)}, date(2024, 5, 31)),  # a contradiction, which is told elsewhere
        ("2024-05", "last", {"cutoff": date(2024, 5, 10)}, date(2024, 5, 10)),
        ("2024-05", "last", {"cutoff": date(2024, 5, 1)}, date(2024, 5, 1)),
        ("2024-05", "last", {"cutoff": date(2024, 4, 30)}, date(2024, 5, 1)),  # begun after it: not in the snapshot
        # The days that are possible exclude each other: the latest that still is in the month.
        ("2024-01", "first", {}, date(2024, 1, 31)),
    ],
)  # fmt: skip
def test_the_day_of_an_assessment(stated: str | None, how: str, more: dict[str, Any], expected: date | None) -> None:
    assert scan(stated, how, **more) == expected


def therapy(
    stated: str | None, how: str = "first", pd: date | None = None, *, not_before: bool = True, t0: date = ORIGIN,
    cutoff: date = CUT_OFF,
) -> Any:  # fmt: skip
    options = {"imputation": {"therapy_day": how, "therapy_not_before_pd": not_before}}
    return value(therapy_day(options, cutoff), {"start_date": stated}, t0=t0, first_pd=pd)


@pytest.mark.parametrize(
    ("stated", "more", "expected"),
    [
        ("2024-05", {}, date(2024, 5, 1)), ("2024-05", {"how": "mid"}, date(2024, 5, 15)),
        ("2024-05", {"how": "last"}, date(2024, 5, 31)), ("2024-05-07", {"how": "last"}, date(2024, 5, 7)), (None, {}, None),
        ("2024", {"how": "last", "t0": date(2023, 11, 1)}, date(2024, 1, 1)),  # 1 January stands for a year
        ("2024", {}, date(2024, 2, 6)), ("2024-02", {}, date(2024, 2, 6)),
        ("2024-01", {}, date(2024, 1, 31)),
        # The progression that caused it, where it lies in the month.
        ("2024-05", {"pd": date(2024, 5, 13)}, date(2024, 5, 13)),
        ("2024-05", {"pd": date(2024, 5, 13), "how": "mid"}, date(2024, 5, 15)),
        ("2024-05", {"pd": date(2024, 5, 13), "not_before": False}, date(2024, 5, 1)),
        ("2024-05", {"pd": date(2024, 5, 31)}, date(2024, 5, 31)),
        ("2024-05", {"pd": date(2024, 6, 1)}, date(2024, 5, 1)),
        ("2024-05", {"pd": date(2024, 4, 30)}, date(2024, 5, 1)),
        ("2024", {"pd": date(2024, 5, 13)}, date(2024, 5, 13)),
        # The snapshot.
        ("2024-05", {"how": "last", "cutoff": date(2024, 5, 10)}, date(2024, 5, 10)),
        ("2024-05", {"how": "last", "cutoff": date(2024, 5, 1)}, date(2024, 5, 1)),
        ("2024-05", {"how": "last", "cutoff": date(2024, 4, 30)}, date(2024, 5, 1)),
    ],
)  # fmt: skip
def test_the_first_day_of_a_therapy(stated: str | None, more: dict[str, Any], expected: date | None) -> None:
    assert therapy(stated, **more) == expected
