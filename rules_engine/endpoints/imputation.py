"""Step 3: a day for partial dates, never before what is known to have happened first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates

_ONE_DAY = pl.duration(days=1)


def imputed_day(target: pl.Expr, earliest: pl.Expr, latest: pl.Expr) -> pl.Expr:
    """The target day, moved into the days that are possible; where these exclude each other the latest one holds."""
    return pl.min_horizontal(pl.max_horizontal(target, earliest), latest)


def day_of_period(partial: pl.Expr, day: str, *, year_only: tuple[int, int]) -> pl.Expr:
    """First, 15th or last day of a month; for a year alone the month and day `year_only`."""
    first = dates.first_possible_day(partial)
    month, day_of_month = year_only
    of_month = {
        "first": first,
        "mid": first.dt.offset_by("14d"),
        "last": dates.last_possible_day(partial),
    }[day]
    of_year = pl.date(first.dt.year(), month, day_of_month)
    return pl.when(partial.str.len_chars() == 4).then(of_year).otherwise(of_month)


def death_day(options: Mapping[str, Any], cutoff: date) -> pl.Expr:
    """Day of death from `death` (partial), `t0` and `last_evidence` (latest fact of life in the whole database).

    A death that cannot have happened up to the cut-off is given its earliest possible day, which lies after the
    cut-off.
    """
    death = pl.col("death")
    lo, hi = dates.first_possible_day(death), dates.last_possible_day(death)
    after_life = pl.when(pl.col("last_evidence") >= lo).then(pl.min_horizontal(pl.col("last_evidence") + _ONE_DAY, hi))
    after_start = pl.when(pl.col("t0") >= lo).then(pl.col("t0"))
    earliest = pl.max_horizontal(lo, after_life, after_start)
    # 1 July stands for a year.
    target = day_of_period(death, options["imputation"]["death_day"], year_only=(7, 1))
    in_time = imputed_day(target, earliest, pl.min_horizontal(hi, pl.lit(cutoff)))
    # Horizontal extremes pass over nulls: without a stated date there is no day.
    partial = pl.when(earliest > cutoff).then(earliest).otherwise(in_time)
    return pl.when(dates.is_complete(death)).then(lo).when(death.is_not_null()).then(partial)


def assessment_day(options: Mapping[str, Any], cutoff: date) -> pl.Expr:
    """Day of an assessment from `date` (partial), `t0` and `death_date`; null where only the year is known.

    An assessment that began after the cut-off keeps its first possible day, which lies after the cut-off.
    """
    stated = pl.col("date")
    lo, hi = dates.first_possible_day(stated), dates.last_possible_day(stated)
    alive_until = pl.when(pl.col("death_date") >= lo).then(pl.col("death_date"))
    target = day_of_period(stated, options["imputation"]["assessment_day"], year_only=(1, 1))
    in_time = imputed_day(
        target, pl.max_horizontal(lo, pl.col("t0") + _ONE_DAY), pl.min_horizontal(hi, pl.lit(cutoff), alive_until)
    )
    return (
        pl.when(dates.is_complete(stated))
        .then(lo)
        .when(stated.str.len_chars() == 4)
        .then(pl.lit(None, pl.Date))
        .when(lo > cutoff)
        .then(lo)
        .when(stated.is_not_null())
        .then(in_time)
    )


def therapy_day(options: Mapping[str, Any], cutoff: date) -> pl.Expr:
    """First day of a therapy from `start_date` (partial), `t0` and `first_pd` (first progression as recorded).

    An imputed first of the month would otherwise erase the progression that caused the therapy.
    """
    stated = pl.col("start_date")
    lo, hi = dates.first_possible_day(stated), dates.last_possible_day(stated)
    in_period = pl.col("first_pd").is_between(lo, hi)
    not_before = pl.when(pl.lit(options["imputation"]["therapy_not_before_pd"]) & in_period).then(pl.col("first_pd"))
    # 1 January stands for a year.
    target = day_of_period(stated, options["imputation"]["therapy_day"], year_only=(1, 1))
    earliest = pl.max_horizontal(lo, pl.col("t0") + _ONE_DAY, not_before)
    in_time = imputed_day(target, earliest, pl.min_horizontal(hi, pl.lit(cutoff)))
    return pl.when(dates.is_complete(stated) | (lo > cutoff)).then(lo).when(stated.is_not_null()).then(in_time)
