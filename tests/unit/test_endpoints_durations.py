"""Durations are the same for a subject alone and among many."""

from __future__ import annotations

from datetime import date, timedelta

from tests.strategies.engine import derive_all


def test_months_are_the_exact_quotient_whatever_the_number_of_subjects() -> None:
    start = date(2023, 1, 2)
    subjects = [
        {
            "subject": f"S{days:04d}",
            "origins": {"randomisation": start.isoformat()},
            "death": {"date": (start + timedelta(days - 1)).isoformat()},
        }
        for days in range(400, 600)
    ]
    together = derive_all(subjects, "OS", {}, date(2025, 12, 31))
    for subject in subjects:
        days = together[subject["subject"]]["days"]
        assert together[subject["subject"]]["months"] == days / 30.4375, days
    alone = derive_all([subjects[99]], "OS", {}, date(2025, 12, 31))
    assert alone["S0499"]["months"] == together["S0499"]["months"]
