"""Censoring at the limits of its rules: cases that random histories reach too rarely to hold the limit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.strategies.engine import derive_all

CUT_OFF = date(2023, 12, 31)


def record(
    endpoint: str, assessments: list[tuple[str, str]], options: dict[str, Any], schedule: Any = None, **more: Any
) -> dict[str, Any]:
    subject = {
        "subject": "1", "origins": {"randomisation": "2023-01-02"}, "baseline": {"date": "2022-12-20", "adequate": True},
        "assessments": [{"id": f"A{n}", "date": day, "response": code} for n, (day, code) in enumerate(assessments, 1)],
        **more,
    }  # fmt: skip
    return derive_all([subject], endpoint, options, CUT_OFF, schedule)["1"]


@pytest.mark.parametrize(
    ("boundary", "scans", "expected"),
    [
        ("exclusive", ["2023-02-27", "2023-05-31"], date(2023, 5, 31)),  # the day before the therapy still counts
        ("exclusive", ["2023-02-27", "2023-06-01"], date(2023, 2, 27)),
        ("inclusive", ["2023-02-27", "2023-06-01"], date(2023, 6, 1)),
        ("inclusive", ["2023-02-27", "2023-06-02"], date(2023, 2, 27)),
    ],
)
def test_the_last_scan_beside_a_therapy_that_censors(boundary: str, scans: list[str], expected: date) -> None:
    options = {"new_therapy": "censor", "new_therapy_boundary": boundary}
    therapies = [{"id": "T1", "start": "2023-06-01", "kind": "systemic"}]
    found = record("PFS", [(day, "SD") for day in scans], options, therapies=therapies)
    assert (found["date"], found["reason"]) == (expected, "NEW_THERAPY")


def test_a_gap_is_counted_from_a_scan_on_the_day_of_the_start() -> None:
    """DOR begins with the scan that shows the response: the gap to the next event is counted from that day."""
    options = {"missed_visits": {"method": "fixed_days", "gap_days": 60, "scope": "any_gap"}}
    close = record("DOR", [("2023-03-01", "PR"), ("2023-04-30", "PD")], options)
    assert (close["event"], close["date"]) == (True, date(2023, 4, 30))
    far = record("DOR", [("2023-03-01", "PR"), ("2023-05-01", "PD")], options)
    assert (far["event"], far["date"], far["reason"]) == (False, date(2023, 3, 1), "MISSED_VISITS")


SIX_THEN_NINE_WEEKS = [{"every": 42, "until": 168}, {"every": 63}]


@pytest.mark.parametrize(
    ("segments", "early", "late", "last", "longest"),
    [
        # A scan up to `early` days before a visit is that visit: (231 - 126) + 5 + 5 = 115 days.
        (SIX_THEN_NINE_WEEKS, 5, 5, 126, 115),
        (SIX_THEN_NINE_WEEKS, 5, 5, 121, 115),
        # One day earlier it is the visit before: (168 - 84) + 5 + 5 = 94 days.
        (SIX_THEN_NINE_WEEKS, 5, 5, 120, 94),
        # Both windows are added, also where they differ: (168 - 56) + 7 + 3 = 122 days.
        ([{"every": 56}], 7, 3, 56, 122),
    ],
)
def test_the_sum_of_intervals_that_may_pass_before_an_event(
    segments: list[dict[str, int]], early: int, late: int, last: int, longest: int
) -> None:
    schedule = {"segments": segments, "early": early, "late": late}
    options = {"missed_visits": {"method": "interval_sum", "n": 2, "scope": "before_event"}}

    def on(day: int) -> str:
        return (date(2023, 1, 2) + timedelta(day)).isoformat()

    counted = record("PFS", [(on(last), "SD"), (on(last + longest), "PD")], options, schedule)
    discarded = record("PFS", [(on(last), "SD"), (on(last + longest + 1), "PD")], options, schedule)
    assert (counted["event"], discarded["reason"]) == (True, "MISSED_VISITS")


def test_a_gap_lies_between_assessments_of_one_subject() -> None:
    """Between the progression of the one in April and that of the other in September lie more days than are allowed."""

    def subject(name: str, scans: list[tuple[str, str]]) -> dict[str, Any]:
        return {
            "subject": name, "origins": {"randomisation": "2023-01-02"}, "baseline": {"date": "2022-12-20", "adequate": True},
            "assessments": [{"id": f"A{n}", "date": day, "response": code} for n, (day, code) in enumerate(scans, 1)],
        }  # fmt: skip

    options = {"missed_visits": {"method": "fixed_days", "gap_days": 90, "scope": "any_gap"}}
    first = subject("1", [("2023-02-27", "SD"), ("2023-04-24", "PD")])
    second = subject("2", [("2023-03-27", "SD"), ("2023-06-19", "SD"), ("2023-09-01", "PD")])
    for subjects in ([first, second], [second, first]):
        found = derive_all(subjects, "PFS", options, CUT_OFF)
        assert {name: (row["event"], row["date"]) for name, row in found.items()} == {
            "1": (True, date(2023, 4, 24)), "2": (True, date(2023, 9, 1)),
        }  # fmt: skip
