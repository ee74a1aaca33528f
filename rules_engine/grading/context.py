"""What grading must know of each subject: when treatment and the window of observation begin and end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from rules_engine import dates
from rules_engine.errors import UsageError, closest

#: Columns of the context: one row per subject.
#:
#: `treatment_start` and `treatment_end` are the first and the last day of any component of the regimen;
#: `treatment_start_time` is the earliest clock time of that first day, null where that of a course begun on it is missing;
#: `window_start` and `window_end` bound the events that count; `tace_days` are the days of TACE sessions; `new_therapy` is
#: the first day of anticancer therapy outside the regimen; `last_observed` is the death, else the last contact.
CONTEXT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "subject": pl.String(),
    "arm": pl.String(),
    "sex": pl.String(),
    "birth_date": pl.String(),
    "safety_population": pl.Boolean(),
    "treatment_start": pl.Date(),
    "treatment_start_time": pl.Time(),
    "treatment_end": pl.Date(),
    "window_start": pl.Date(),
    "window_end": pl.Date(),
    "end_of_study": pl.Date(),
    "death": pl.Date(),
    "cutoff": pl.Date(),
    "new_therapy": pl.Date(),
    "last_observed": pl.Date(),
    "tace_days": pl.List(pl.Date),
}

#: Days from which the window may run.
STARTS: Final = (
    "first_component", "last_component", "first_tace", "first_ici", "first_other",
    "randomisation", "enrolment", "baseline",
)  # fmt: skip


def derive_context(
    subjects: pl.LazyFrame, treatments: pl.LazyFrame, cutoff: date, window: Mapping[str, Any] | None = None
) -> pl.LazyFrame:
    """One row per subject with the columns of `CONTEXT_SCHEMA`, from the canonical tables.

    `window` is a protocol's `adverse_events.window`: `from` a day (default: first component), `to` `end_of_study` or
    `cutoff`, `days_after` the last treatment, and whether it is cut at the start of a new therapy. Every end is cut at
    the data cut-off and at death. Raises `UsageError` for an unknown day.
    """
    window = window or {}
    start = str(window.get("from", "first_component"))
    if start not in STARTS:
        raise UsageError.at(
            "adverse_events.window.from",
            f"{start!r} is no day that is known",
            f"use one of {', '.join(STARTS)}",
            meant=closest(start, STARTS),
        )
    component = pl.col("component")
    day = pl.when(dates.is_complete(pl.col("start_date"))).then(dates.first_possible_day(pl.col("start_date")))
    of_regimen = treatments.filter(component.is_not_null()).with_columns(
        _day=day, _component=component.str.to_lowercase()
    )
    by_subject = of_regimen.group_by("subject").agg(
        treatment_start=pl.col("_day").min(),
        treatment_start_time=_first_time(),
        treatment_end=pl.max_horizontal("last_date", "_day").max(),
        **{
            f"first_{name}": pl.col("_day").filter(pl.col("_component") == name).min()
            for name in ("tace", "ici", "other")
        },
        tace_days=pl.col("_day").filter(pl.col("_component") == "tace").drop_nulls().unique().sort(),
    )
    outside = treatments.filter(component.is_null(), pl.col("kind").is_not_null())
    new_therapy = outside.group_by("subject").agg(new_therapy=dates.first_possible_day(pl.col("start_date")).min())
    chosen = {
        "first_component": pl.col("treatment_start"),
        "last_component": pl.max_horizontal("first_tace", "first_ici", "first_other"),
        "first_tace": pl.col("first_tace"),
        "first_ici": pl.col("first_ici"),
        "first_other": pl.col("first_other"),
        "randomisation": pl.col("randomisation_date"),
        "enrolment": pl.col("enrolment_date"),
        "baseline": pl.col("baseline_date"),
    }[start]
    last_day = pl.lit(cutoff)
    ends = [last_day, pl.col("death")]
    until = _end_column(str(window.get("to", "end_of_study")), subjects)
    if until is not None:
        ends.append(pl.col(until))
    if window.get("days_after") is not None:
        ends.append(pl.col("treatment_end") + pl.duration(days=int(window["days_after"])))
    if window.get("cut_at_new_therapy"):
        # The day on which a new therapy begins is no longer a day of the old one.
        ends.append(pl.col("new_therapy") - pl.duration(days=1))
    return (
        subjects.join(by_subject, on="subject", how="left")
        .join(new_therapy, on="subject", how="left")
        .with_columns(
            death=dates.last_possible_day(pl.col("death_date")),
            end_of_study=pl.col("end_of_study_date"),
            cutoff=last_day,
        )
        .with_columns(
            window_start=chosen,
            window_end=pl.min_horizontal(ends),
            last_observed=pl.coalesce("death", "last_contact_date"),
        )
        .select(list(CONTEXT_SCHEMA))
        .cast({name: kind for name, kind in CONTEXT_SCHEMA.items()})  # noqa: C416  (a fresh mapping for Polars)
    )


def _first_time() -> pl.Expr:
    """When the first course of a subject began on its day; null where another one of that day may have begun earlier."""
    of_first_day = pl.col("start_time").filter(pl.col("_day") == pl.col("_day").min())
    return pl.when(of_first_day.null_count() == 0).then(of_first_day.min())


def _end_column(name: str, subjects: pl.LazyFrame) -> str | None:
    """The column of the subjects that ends the window; None where only the cut-off does. Raises `UsageError`."""
    if name in ("cutoff", "data_cutoff"):
        return None
    days = [column for column, kind in subjects.collect_schema().items() if kind == pl.Date()]
    for column in (name, f"{name}_date"):
        if column in days:
            return column
    known = ["cutoff", *(column.removesuffix("_date") for column in days)]
    raise UsageError.at(
        "adverse_events.window.to",
        f"{name!r} is no day of the subjects",
        f"use one of {', '.join(known)}",
        meant=closest(name, known),
    )
