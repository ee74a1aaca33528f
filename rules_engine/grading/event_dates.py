"""Partial dates of adverse events: which day an event is taken to begin and end on (ADaM ASTDT, AENDT with their
flags).

An incomplete start is moved onto the first treatment where it may lie there, so that the event counts as emergent.
"""

from __future__ import annotations

import polars as pl

from rules_engine import dates


def imputed_start(start: pl.Expr, end: pl.Expr, treatment_start: pl.Expr, death: pl.Expr) -> pl.Expr:
    """Day on which an event is taken to begin; null where nothing of it is known.

    `start` and `end` are partial dates (text), the others days. A complete date stands. An incomplete one is the
    first day that it may mean, or the first treatment where that lies within and the event had not ended before;
    never after a complete end or death.
    """
    first, last = dates.first_possible_day(start), dates.last_possible_day(start)
    may_be_first_treatment = treatment_start.is_between(first, last)
    ended_before = (dates.last_possible_day(end) < treatment_start).fill_null(value=False)
    chosen = pl.when(may_be_first_treatment & ~ended_before).then(treatment_start).otherwise(first)
    complete_end = pl.when(dates.is_complete(end)).then(dates.first_possible_day(end))
    return (
        pl.when(dates.is_complete(start))
        .then(first)
        .when(start.is_not_null())
        .then(pl.min_horizontal(chosen, complete_end, death))
    )


def imputed_end(end: pl.Expr, death: pl.Expr, end_of_study: pl.Expr, cutoff: pl.Expr) -> pl.Expr:
    """Day on which an event is taken to end; null while it goes on.

    An incomplete date is the last day that it may mean, never after death, the end of the study or the data cut-off.
    """
    last = dates.last_possible_day(end)
    return (
        pl.when(dates.is_complete(end))
        .then(last)
        .when(end.is_not_null())
        .then(pl.min_horizontal(last, death, end_of_study, cutoff))
    )


def study_day(day: pl.Expr, treatment_start: pl.Expr) -> pl.Expr:
    """Day relative to the first treatment, which is day 1; there is no day 0."""
    distance = (day - treatment_start).dt.total_days()
    return pl.when(distance >= 0).then(distance + 1).otherwise(distance)
