"""The curve from intervals against the definition, the published estimate, and what degenerate intervals allow.

tests/data/survival/reference.csv holds the masses by Turnbull's steps, run to the end (reference.R, function turnbull).
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules_engine.analysis.interval_censoring import interval_curve
from rules_engine.analysis.survival import survival_table

from rules_engine_plugins import estimators
from tests.reference import reference, statistics_of, table, value


@pytest.mark.parametrize("arm", ["alone", "both"])
def test_breast_cosmesis_by_the_definition(arm: str) -> None:
    rows = table("cosmesis").filter(pl.col("arm") == arm)
    curve = interval_curve(
        rows["left"].cast(pl.Float64).to_numpy(), rows["right"].cast(pl.Float64).fill_null(np.inf).to_numpy()
    )
    case = f"turnbull {arm}"
    expected = [
        (reference(case, f"lower {number}"), reference(case, f"upper {number}") or np.inf, mass)
        for number in range(1, len(statistics_of(case, "mass")) + 1)
        if (mass := reference(case, f"mass {number}") or 0.0) > 1e-9
    ]
    found = list(zip(curve.lower, curve.upper, curve.mass, strict=True))
    assert [place[:2] for place in found] == [place[:2] for place in expected]
    assert [place[2] for place in found] == pytest.approx([place[2] for place in expected], abs=1e-8)


def test_breast_cosmesis_as_published() -> None:
    # Fay and Shaw, Journal of Statistical Software 2010;36(2), radiotherapy alone: interval and mass.
    rows = table("cosmesis").filter(pl.col("arm") == "alone")
    curve = interval_curve(
        rows["left"].cast(pl.Float64).to_numpy(), rows["right"].cast(pl.Float64).fill_null(np.inf).to_numpy()
    )
    assert list(zip(curve.lower, curve.upper, curve.mass.round(4), strict=True)) == [
        (4, 5, 0.0463), (6, 7, 0.0334), (7, 8, 0.0887), (11, 12, 0.0708), (24, 25, 0.0926), (33, 34, 0.0818),
        (38, 40, 0.1209), (46, 48, 0.4656),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=25))
def test_with_known_days_it_is_the_kaplan_meier_curve(subjects: list[tuple[int, bool]]) -> None:
    days = np.array([day for day, _event in subjects], dtype=float)
    event = np.array([happened for _day, happened in subjects])
    curve = interval_curve(np.where(event, days - 1, days), np.where(event, days, np.inf))
    expected = survival_table(days, event)
    last_event = days[event].max(initial=0)
    for day in np.unique(days):
        if day < last_event or event[days == days.max()].all():
            share = expected.value_at(float(day), expected.survival, 1.0)
            assert curve.share_on(float(day)) == pytest.approx(share, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 8), st.booleans()), min_size=1, max_size=25))
def test_the_conditions_of_a_maximum_hold(subjects: list[tuple[int, int, bool]]) -> None:
    left = np.array([start for start, _width, _seen in subjects], dtype=float)
    right = np.array([start + width if seen else np.inf for start, width, seen in subjects])
    curve = interval_curve(left, right)
    assert curve.converged
    assert curve.mass.sum() == pytest.approx(1)
    # Gentleman and Geyer 1994: no place to put mass is worth more than a subject each, and those with mass exactly that.
    inside = (curve.lower[None, :] >= left[:, None]) & (curve.upper[None, :] <= right[:, None])
    worth = (inside / (inside @ curve.mass)[:, None]).mean(axis=0)
    assert worth == pytest.approx(np.ones(curve.mass.size), abs=1e-4)


def rows_of(*subjects: tuple[int, int | None, str]) -> pl.DataFrame:
    """Endpoint rows from (last day without, first day with the event or None, arm); days count from 1."""
    start = date(2024, 1, 1)
    return pl.DataFrame(
        {
            "days": [right or left for left, right, _arm in subjects],
            "date": [start + timedelta(days=(right or left) - 1) for left, right, _arm in subjects],
            "interval_left": [start + timedelta(days=left - 1) for left, _right, _arm in subjects],
            "interval_right": [
                None if right is None else start + timedelta(days=right - 1) for _l, right, _arm in subjects
            ],
            "event": [right is not None for _left, right, _arm in subjects],
            "arm": [arm for _left, _right, arm in subjects],
        },
        schema_overrides={"interval_right": pl.Date, "days": pl.Int64, "interval_left": pl.Date, "date": pl.Date},
    ).with_columns(entry_days=pl.lit(None, pl.Int64))


def test_intervals_come_from_the_dates_and_a_death_is_a_known_day() -> None:
    # Progression in (40, 80], death on day 90 exactly, one censored at 120.
    rows = rows_of((40, 80, "A"), (90, 90, "A"), (120, None, "A"))
    estimates = estimators.INTERVAL_CENSORED.estimate(
        rows, "arm", {"days_per_month": 1, "landmarks_months": [40, 60, 85, 90]}
    )
    shares = [value(estimates, "survival", variable="time", level=day) for day in (40, 60, 85, 90)]
    assert shares == pytest.approx([1, 1 - 1 / 6, 2 / 3, 1 / 3])
    assert (value(estimates, "least", level=60), value(estimates, "most", level=60)) == pytest.approx((2 / 3, 1))
    where = {"variable": "probability", "level": "0.5"}
    assert [value(estimates, name, **where) for name in ("median", "earliest", "latest")] == [90, 90, 90]
    assert value(estimates, "q3", level="0.75") is None
    assert (value(estimates, "events"), value(estimates, "exact")) == (2, 1)


@pytest.mark.parametrize(
    ("subjects", "note"),
    [
        ([], "no subjects"),
        ([(50, None, "A")], "not reached"),
    ],
)
def test_intervals_that_determine_little_say_why(subjects: list[tuple[int, int | None, str]], note: str) -> None:
    estimates = estimators.INTERVAL_CENSORED.estimate(rows_of(*subjects), "arm", {"group_order": ["A"]})
    assert estimates.filter(pl.col("statistic") == "median")["note"].item() == note
    assert estimates.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty()


def test_delayed_entry_and_missing_intervals_are_told() -> None:
    rows = rows_of((40, 80, "A"), (90, 90, "A"))
    entered = estimators.INTERVAL_CENSORED.estimate(rows.with_columns(entry_days=pl.lit(3)), "arm", {})
    assert "not defined under delayed entry" in entered["note"].to_list()
    without = rows.with_columns(interval_left=pl.lit(None, pl.Date))
    assert value(estimators.INTERVAL_CENSORED.estimate(without, "arm", {}), "n_without_interval") == 2
