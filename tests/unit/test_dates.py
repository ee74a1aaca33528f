"""Partial dates mean every day from their first to their last possible one."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from rules_engine import dates


@pytest.mark.parametrize(
    ("text", "first", "last", "unit"),
    [
        ("2024-05-17", date(2024, 5, 17), date(2024, 5, 17), None),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), "D"),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28), "D"),
        ("2024-12", date(2024, 12, 1), date(2024, 12, 31), "D"),
        ("2024", date(2024, 1, 1), date(2024, 12, 31), "M"),
        (None, None, None, None),
        ("2023-02-30", None, None, None),
    ],
)
def test_a_partial_date_spans_its_days(
    text: str | None, first: date | None, last: date | None, unit: str | None
) -> None:
    row = pl.select(
        first=dates.first_possible_day(pl.lit(text, pl.String)),
        last=dates.last_possible_day(pl.lit(text, pl.String)),
        unit=dates.imputed_unit(pl.lit(text, pl.String)),
    ).row(0)
    assert row == (first, last, unit)
