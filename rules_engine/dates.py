"""Partial dates: `2024-05-17`, `2024-05` or `2024` held as text, and the days that they may mean.

A complete date means one day; a partial one means every day from its first to its last possible day.
"""

from __future__ import annotations

import polars as pl

#: The forms that a partial date may take.
PATTERN = r"^\d{4}(-\d{2}(-\d{2})?)?$"


def is_complete(date: pl.Expr) -> pl.Expr:
    """True where year, month and day are all known; null where there is no date."""
    return date.str.len_chars() == 10


def first_possible_day(date: pl.Expr) -> pl.Expr:
    """First day that the partial date may mean; null where it is missing or no calendar date."""
    padded = (
        pl.when(date.str.len_chars() == 4)
        .then(date + "-01-01")
        .when(date.str.len_chars() == 7)
        .then(date + "-01")
        .otherwise(date)
    )
    return padded.str.to_date("%Y-%m-%d", strict=False)


def last_possible_day(date: pl.Expr) -> pl.Expr:
    """Last day that the partial date may mean; null where it is missing or no calendar date."""
    first = first_possible_day(date)
    return (
        pl.when(date.str.len_chars() == 4)
        .then(first.dt.offset_by("1y").dt.offset_by("-1d"))
        .when(date.str.len_chars() == 7)
        .then(first.dt.month_end())
        .otherwise(first)
    )


def imputed_unit(date: pl.Expr) -> pl.Expr:
    """ADaM imputation flag of a partial date: `D` (day imputed), `M` (month and day), null where complete or missing."""
    return (
        pl.when(date.str.len_chars() == 4)
        .then(pl.lit("M"))
        .when(date.str.len_chars() == 7)
        .then(pl.lit("D"))
        .otherwise(pl.lit(None, pl.String))
    )
