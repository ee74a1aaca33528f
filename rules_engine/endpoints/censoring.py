"""Step 12: why and when a subject without an event is censored. The first reason that holds is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

#: Kinds of censoring date, each with its text in the ruleset (`censoring_dates`).
START = "start"
LAST_ADEQUATE = "last_adequate"
LAST_EVALUABLE = "last_evaluable"
LAST_KNOWN_ALIVE = "last_known_alive"
THERAPY_START = "therapy_start"
DEATH_DATE = "death"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the censoring table: when it holds, the reason, the date and what kind of date that is.

    A date that is null means that there is no such assessment; the start takes its place.
    """

    holds: pl.Expr
    reason: pl.Expr
    date: pl.Expr
    kind: str


def _reason(name: str) -> pl.Expr:
    return pl.lit(name)


def dispositions(date: pl.Expr, kind: str) -> list[Row]:
    """Withdrawal, loss, end of study and cut-off: they explain why there is no more, and never move the date."""

    def until_cutoff(column: str) -> pl.Expr:
        return (pl.col(column) <= pl.col("last_day")).fill_null(value=False)

    return [
        Row(until_cutoff("withdrawal_date"), _reason("WITHDRAWAL"), date, kind),
        Row(until_cutoff("lost_to_followup_date"), _reason("LOST_TO_FOLLOWUP"), date, kind),
        Row(until_cutoff("end_of_study_date"), _reason("END_OF_STUDY"), date, kind),
        Row(pl.lit(value=True), _reason("CUTOFF"), date, kind),
    ]


def assessment_table(kind: str, *, progression_counts: bool) -> list[Row]:
    """The table of endpoints that are censored at an assessment.

    Reads: no_baseline, has_evaluable, discarded, missed_from (date), n_date, n_reason, n_at_start, u_date, died,
    adequate_last, adequate_before_u. `kind` names the assessment that counts.
    """
    start = pl.lit(None, pl.Date)
    last = pl.col("adequate_last")
    is_pending = pl.col("u_date").is_not_null() & pl.lit(progression_counts)
    before_therapy = pl.when(is_pending).then("adequate_before_u").otherwise(last)
    ended = pl.col("n_date").is_not_null()
    at_start = pl.col("n_at_start").fill_null(value=False)
    return [
        Row(pl.col("no_baseline"), _reason("NO_BASELINE"), start, START),
        Row(~pl.col("has_evaluable"), _reason("NO_POST_BASELINE"), start, START),
        Row(pl.col("discarded"), _reason("MISSED_VISITS"), pl.col("missed_from"), kind),
        Row(ended & at_start, pl.col("n_reason"), pl.col("n_date"), THERAPY_START),
        Row(ended, pl.col("n_reason"), before_therapy, kind),
        Row(pl.col("died"), _reason("DEATH_NOT_EVENT"), last, kind),
        Row(is_pending, _reason("PENDING_IUPD"), pl.col("adequate_before_u"), kind),
        *dispositions(last, kind),
    ]


def censored(table: Sequence[Row]) -> dict[str, pl.Expr]:
    """The first row that holds, as expressions: c_reason, c_date (the start where there is no other) and c_kind."""
    reason, day, kind = pl.lit(None, pl.String), pl.lit(None, pl.Date), pl.lit(None, pl.String)
    for row in reversed(table):
        reason = pl.when(row.holds).then(row.reason).otherwise(reason)
        day = pl.when(row.holds).then(row.date).otherwise(day)
        known = pl.when(row.date.is_null()).then(pl.lit(START)).otherwise(pl.lit(row.kind))
        kind = pl.when(row.holds).then(known).otherwise(kind)
    return {"c_reason": reason, "c_date": pl.coalesce(day, pl.col("start_date")), "c_kind": kind}


def censoring_code(reason: pl.Expr, reasons: Mapping[str, Mapping[str, object]]) -> pl.Expr:
    """CNSR of a reason, from the ruleset."""
    codes = {name: words["code"] for name, words in reasons.items()}
    return reason.replace_strict(codes, default=None, return_dtype=pl.Int64)
