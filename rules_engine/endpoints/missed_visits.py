"""Step 10: an event after two or more missed tumour assessments does not count (FDA 2007, Table A)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.endpoints.schedule import visit_offset, visits_up_to
from rules_engine.model import Schedule


def is_gap_too_long(rules: Mapping[str, Any], schedule: Schedule | None, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """True where too many visits were missed between two days; reads `anchor`, visit 0 of the schedule."""
    method = rules["method"]
    if method == "disabled":
        return pl.lit(value=False)
    days = (end - start).dt.total_days()
    if method == "fixed_days":
        return days > pl.lit(rules["gap_days"], pl.Int64)
    if schedule is None:
        raise ValueError(f"missed_visits.method {method} needs a schedule")  # reported by check() before any run
    begin = (start - pl.col("anchor")).dt.total_days()
    finish = (end - pl.col("anchor")).dt.total_days()
    seen = visits_up_to(schedule, begin + schedule.early)
    if method == "windows":
        # Visits whose whole window lies strictly between the two days.
        missed = visits_up_to(schedule, finish - schedule.late - 1) - seen
        return missed >= pl.lit(rules["n"], pl.Int64)
    allowed = visit_offset(schedule, seen + rules["n"]) - visit_offset(schedule, seen) + schedule.early + schedule.late
    return days > allowed


def is_reference(rules: Mapping[str, Any]) -> pl.Expr:
    """The assessment can start or end a gap."""
    return pl.col("evaluable") if rules["reference"] == "last_evaluable" else pl.lit(value=True)


def derive_first_long_gap(
    facts: pl.LazyFrame, references: pl.LazyFrame, rules: Mapping[str, Any], schedule: Schedule | None
) -> pl.LazyFrame:
    """The first gap that is too long anywhere since the start: subject, gap_from.

    `facts` has subject, start_date, anchor and end_date (the event that the rule may discard, else null);
    `references` has subject and date, those between start and event. Without such an event the last reference ends
    the inspection, not the cut-off.
    """
    starts = facts.select("subject", date="start_date")
    # An event before the start (of a response) counts on the day of the start and leaves no gap.
    ends = facts.filter(pl.col("end_date") > pl.col("start_date")).select("subject", date="end_date")
    steps = pl.concat([starts, references.select("subject", "date"), ends]).unique().sort("subject", "date")
    gaps = steps.with_columns(gap_from=pl.col("date").shift(1).over("subject", order_by="date")).filter(
        pl.col("gap_from").is_not_null()
    )
    return (
        gaps.join(facts.select("subject", "anchor"), on="subject")
        .filter(is_gap_too_long(rules, schedule, pl.col("gap_from"), pl.col("date")))
        .group_by("subject")
        .agg(pl.col("gap_from").min())
    )
