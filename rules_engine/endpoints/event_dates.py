"""Step 11: rules that move the date of a progression (FDA 2007, Table B; EMA: interval-censored sensitivity)."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules_engine.endpoints.schedule import visit_offset, visits_up_to
from rules_engine.model import Schedule
from rules_engine.vocabulary import Observation


def derive_event_dates(observation: Observation) -> pl.LazyFrame:
    """The subjects with has_event, evaluable_before_e, and moved_date, the date of the event after the rules that move it."""
    subjects, options = observation.subjects, observation.options
    event, day = pl.col("e_date"), pl.col("date")
    seen = (
        observation.usable.filter("evaluable")
        .select("subject", "date")
        .join(subjects.select("subject", "start_date", "e_date"), on="subject")
        .filter(day >= pl.col("start_date"), day < event)
        .group_by("subject")
        .agg(evaluable_before_e=day.max())
    )
    rule = options["pd_date"] if options["date_transformation"] == "applied" else None
    moved = event
    if rule == "midpoint":
        moved = midpoint(pl.coalesce("evaluable_before_e", "start_date"), event)
    elif rule == "next_scheduled":
        if observation.schedule is None:
            raise ValueError("pd_date next_scheduled needs a schedule")  # reported by check() before any run
        moved = next_scheduled_visit(observation.schedule, event, observation.cutoff)
    return subjects.join(seen, on="subject", how="left").with_columns(
        has_event=event.is_not_null() & ~pl.col("discarded"),
        moved_date=pl.when("e_is_assessment").then(moved).otherwise(event),
    )


def midpoint(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """The day half-way between two days, rounded down."""
    return left + pl.duration(days=(right - left).dt.total_days() // 2)


def next_scheduled_visit(schedule: Schedule, day: pl.Expr, cutoff: date) -> pl.Expr:
    """The planned visit on or after a day outside all windows; never later than the cut-off or death.

    Reads `anchor` and `death_date`.
    """
    offset = (day - pl.col("anchor")).dt.total_days()
    seen = visits_up_to(schedule, offset)
    last, following = visit_offset(schedule, seen), visit_offset(schedule, seen + 1)
    in_window = offset.is_between(last - schedule.early, last + schedule.late) | (offset >= following - schedule.early)
    # A day before the anchor belongs to the anchor itself; a day on a visit is that visit.
    ahead = pl.when(offset <= last).then(last).otherwise(following)
    moved = pl.min_horizontal(pl.col("anchor") + pl.duration(days=ahead), pl.lit(cutoff), pl.col("death_date"))
    return pl.when(in_window).then(day).otherwise(moved)
