"""Step 10: an event after two or more missed tumour assessments does not count (FDA 2007, Table A)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.endpoints.schedule import visit_offset, visits_up_to
from rules_engine.findings import phrase
from rules_engine.model import Schedule
from rules_engine.vocabulary import Observation


def is_gap_too_long(rules: Mapping[str, Any], schedule: Schedule | None, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """True where too many visits were missed between two days; reads `anchor`, visit 0 of the schedule."""
    method = rules["method"]
    if method == "disabled":
        return pl.lit(value=False)
    if method == "windows":
        return _visits_missed(schedule, start, end) >= pl.lit(rules["n"], pl.Int64)
    return (end - start).dt.total_days() > _days_allowed(rules, schedule, start)


def described_gap(rules: Mapping[str, Any], schedule: Schedule | None, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """How long the gap was and what is allowed, in words."""
    if rules["method"] == "windows":
        told = "{} planned visits missed from {} to {}; at {} or more the event does not count"
        return phrase(told, _visits_missed(schedule, start, end), start, end, pl.lit(rules["n"]))
    told = "{} days from {} to {}; at most {} are allowed"
    return phrase(told, (end - start).dt.total_days(), start, end, _days_allowed(rules, schedule, start))


def _visits_missed(schedule: Schedule | None, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Number of visits whose whole window lies strictly between the two days."""
    planned = _require(schedule, "windows")
    begin, finish = ((day - pl.col("anchor")).dt.total_days() for day in (start, end))
    return visits_up_to(planned, finish - planned.late - 1) - visits_up_to(planned, begin + planned.early)


def _days_allowed(rules: Mapping[str, Any], schedule: Schedule | None, start: pl.Expr) -> pl.Expr:
    """The longest gap after `start` that leaves the event, in days."""
    if rules["method"] == "fixed_days":
        return pl.lit(rules["gap_days"], pl.Int64)
    planned = _require(schedule, rules["method"])
    seen = visits_up_to(planned, (start - pl.col("anchor")).dt.total_days() + planned.early)
    intervals = visit_offset(planned, seen + rules["n"]) - visit_offset(planned, seen)
    return intervals + planned.early + planned.late


def _require(schedule: Schedule | None, method: str) -> Schedule:
    if schedule is None:
        raise ValueError(f"missed_visits.method {method} needs a schedule")  # reported by check() before any run
    return schedule


def is_reference(rules: Mapping[str, Any]) -> pl.Expr:
    """The assessment can start or end a gap."""
    return pl.col("evaluable") if rules["reference"] == "last_evaluable" else pl.lit(value=True)


def events_after_missed_visits(observation: Observation) -> pl.LazyFrame:
    """The subjects for whom too many visits were missed: subject, date (end of the gap), detail.

    Under `before_event` the gap before the event, under `any_gap` the first one anywhere since the start. The event is
    one of the classes that `applies_to` names. Reads `subjects` with the event that comes first.
    """
    rules = observation.options["missed_visits"]
    subjects = observation.subjects
    if rules["scope"] == "any_gap":
        return _ends_of_long_gaps(subjects, observation, rules)
    concerned = subjects.filter(pl.col("e_class").is_in(list(rules["applies_to"])))
    since = concerned.join(_references(concerned, observation, rules), on="subject", how="left").with_columns(
        since=pl.coalesce("reference", "start_date")
    )
    gap = (rules, observation.schedule, pl.col("since"), pl.col("e_date"))
    return since.filter(is_gap_too_long(*gap)).select("subject", date="e_date", detail=described_gap(*gap))


def _references(subjects: pl.LazyFrame, observation: Observation, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """The assessment that starts the gap before the event: subject, reference."""
    day, event = pl.col("date"), pl.col("e_date")
    is_event_itself = pl.col("e_is_assessment") & (day == event)
    return (
        observation.usable.filter(is_reference(rules))
        .select("subject", "date")
        .join(subjects.select("subject", "start_date", "e_date", "e_is_assessment"), on="subject")
        .filter(day >= pl.col("start_date"), day <= event, ~is_event_itself)
        .group_by("subject")
        .agg(reference=day.max())
    )


def _ends_of_long_gaps(subjects: pl.LazyFrame, observation: Observation, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """The end of the first gap that is too long anywhere since the start: subject, date.

    An event of a class that the rule does not know ends no gap. Without an event the last reference ends the
    inspection, not the cut-off.
    """
    event = pl.col("e_date")
    limits = subjects.select(
        "subject", "start_date", "anchor", "e_date", end=pl.when(pl.col("e_class").is_not_null()).then(event)
    )
    references = (
        observation.usable.filter(is_reference(rules))
        .select("subject", "date")
        .join(limits.select("subject", "start_date", "e_date"), on="subject")
        .filter(pl.col("date") >= pl.col("start_date"), event.is_null() | (pl.col("date") <= event))
    )
    starts = limits.select("subject", date="start_date")
    # An event before the start (of a response) counts on the day of the start and leaves no gap.
    ends = limits.filter(pl.col("end") > pl.col("start_date")).select("subject", date="end")
    steps = pl.concat([starts, references.select("subject", "date"), ends])
    # Two steps on one day leave no gap between them, and before the first step there is none.
    gaps = steps.with_columns(gap_from=pl.col("date").shift(1).over("subject", order_by="date"))
    return (
        gaps.join(limits.select("subject", "anchor"), on="subject")
        .filter(is_gap_too_long(rules, observation.schedule, pl.col("gap_from"), pl.col("date")))
        .group_by("subject")
        .agg(pl.all().sort_by("date").first())
        .select(
            "subject",
            "date",
            detail=described_gap(rules, observation.schedule, pl.col("gap_from"), pl.col("date")),
        )
    )
