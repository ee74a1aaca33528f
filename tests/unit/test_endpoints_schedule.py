"""Planned visits: q6w until week 24, then q9w gives days 42, 84, 126, 168, 231, 294 …"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from rules_engine.endpoints.event_dates import midpoint, next_scheduled_visit
from rules_engine.endpoints.missed_visits import is_gap_too_long
from rules_engine.endpoints.schedule import planned_offsets, visit_offset, visits_up_to
from rules_engine.model import Schedule, Segment

CHANGING = Schedule((Segment(42, 168), Segment(63)), early=5, late=5)
Q8W = Schedule((Segment(56),), early=7, late=7)
ORIGIN = date(2023, 1, 2)
OFFSETS = [0, 42, 84, 126, 168, 231, 294, 357]


def value(expression: pl.Expr, **columns: object) -> object:
    return pl.select(**{name: pl.lit(value) for name, value in columns.items()}).select(found=expression).item()


@pytest.mark.parametrize(("number", "offset"), list(enumerate(OFFSETS)))
def test_each_visit_stands_where_the_schedule_puts_it(number: int, offset: int) -> None:
    assert value(visit_offset(CHANGING, pl.col("k")), k=number) == offset
    assert value(visits_up_to(CHANGING, pl.col("d")), d=offset) == number
    assert value(visits_up_to(CHANGING, pl.col("d")), d=offset - 1) == max(number - 1, 0)


@pytest.mark.parametrize(
    ("segments", "offsets"),
    [
        # Each part begins at the last visit of the one before, and its end is counted from the anchor.
        ((Segment(42, 84), Segment(56, 196), Segment(84)), [0, 42, 84, 140, 196, 280, 364]),
        # A part that ends before its first visit has none.
        ((Segment(56, 40), Segment(42)), [0, 42, 84, 126]),
        # The last part goes on, whatever it says of an end.
        ((Segment(42, 84),), [0, 42, 84, 126, 168]),
        ((Segment(42, 84), Segment(56, 140)), [0, 42, 84, 140, 196, 252]),
    ],
)
def test_a_schedule_of_several_parts(segments: tuple[Segment, ...], offsets: list[int]) -> None:
    schedule = Schedule(segments, early=7, late=7)
    assert planned_offsets(schedule, offsets[-1]) == offsets
    assert planned_offsets(schedule, offsets[-1] - 1) == offsets[:-1]
    for number, offset in enumerate(offsets):
        assert value(visit_offset(schedule, pl.col("k")), k=number) == offset
        assert value(visits_up_to(schedule, pl.col("d")), d=offset) == number


def too_long(method: str, schedule: Schedule | None, start: date, end: date, **more: object) -> object:
    rules = {"method": method, "n": 2, "gap_days": None, **more}
    return value(is_gap_too_long(rules, schedule, pl.col("a"), pl.col("b")), a=start, b=end, anchor=ORIGIN)


@pytest.mark.parametrize(
    ("method", "last_accepted", "more"),
    [
        ("windows", date(2023, 6, 26), {}),  # day 168 and seven days after it
        ("interval_sum", date(2023, 7, 3), {}),  # 56 + 56 + 7 + 7 = 126 days after 27 February
        ("fixed_days", date(2023, 7, 3), {"gap_days": 126}),
    ],
)
def test_the_last_day_that_a_gap_may_reach(method: str, last_accepted: date, more: dict[str, object]) -> None:
    start = date(2023, 2, 27)
    assert too_long(method, Q8W, start, last_accepted, **more) is False
    assert too_long(method, Q8W, start, last_accepted + timedelta(1), **more) is True
    assert too_long("disabled", None, start, date(2033, 1, 1)) is False


def test_the_allowance_follows_a_change_of_intervals() -> None:
    # From day 126 two visits on is day 231: 105 + 5 + 5 = 115 days.
    start = ORIGIN + timedelta(126)
    assert too_long("interval_sum", CHANGING, start, start + timedelta(115)) is False
    assert too_long("interval_sum", CHANGING, start, start + timedelta(116)) is True


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(49, 49), (56, 56), (63, 63), (64, 112), (104, 112), (105, 105), (5, 5), (8, 56), (48, 56)],
)
def test_a_progression_between_windows_moves_to_the_next_visit(offset: int, expected: int) -> None:
    moved = next_scheduled_visit(Q8W, pl.col("day"), date(2024, 1, 1))
    found = value(moved, day=ORIGIN + timedelta(offset), anchor=ORIGIN, death_date=None)
    assert found == ORIGIN + timedelta(expected)


def test_a_progression_before_the_first_visit_moves_to_it() -> None:
    """Where the schedule begins at a later origin than the clock."""
    moved = next_scheduled_visit(Q8W, pl.col("day"), date(2024, 1, 1))
    assert value(moved, day=ORIGIN - timedelta(8), anchor=ORIGIN, death_date=None) == ORIGIN
    assert value(moved, day=ORIGIN - timedelta(7), anchor=ORIGIN, death_date=None) == ORIGIN - timedelta(7)


@pytest.mark.parametrize(("offset", "expected"), [(57, 57), (59, 59), (60, 112), (102, 112), (103, 103)])
def test_windows_of_which_the_sides_differ(offset: int, expected: int) -> None:
    moved = next_scheduled_visit(Schedule((Segment(56),), early=9, late=3), pl.col("day"), date(2024, 1, 1))
    found = value(moved, day=ORIGIN + timedelta(offset), anchor=ORIGIN, death_date=None)
    assert found == ORIGIN + timedelta(expected)


def test_the_moved_date_is_not_after_death_or_cut_off() -> None:
    day = ORIGIN + timedelta(70)
    moved = next_scheduled_visit(Q8W, pl.col("day"), ORIGIN + timedelta(90))
    assert value(moved, day=day, anchor=ORIGIN, death_date=None) == ORIGIN + timedelta(90)
    assert value(moved, day=day, anchor=ORIGIN, death_date=ORIGIN + timedelta(80)) == ORIGIN + timedelta(80)


def test_the_middle_of_two_days_is_rounded_down() -> None:
    assert value(midpoint(pl.col("a"), pl.col("b")), a=date(2023, 2, 27), b=date(2023, 4, 24)) == date(2023, 3, 27)
    assert value(midpoint(pl.col("a"), pl.col("b")), a=date(2023, 2, 27), b=date(2023, 3, 2)) == date(2023, 2, 28)
