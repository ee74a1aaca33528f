"""Progression of a subject, and progression-free survival as far as a criterion's own cases need it."""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.options import waits_for_confirmation, waits_only_if_suspected
from rules_engine.model import CriterionRules

#: Columns of `progression`: one row per subject of the timepoints.
PROGRESSION_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "progression_date": pl.Date(),
    "progression_status": pl.String(),
    "progression_reasons": pl.String(),
}
#: Columns of `first_trial_pfs`: one row per subject of the reference dates.
PFS_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "event": pl.Boolean(),
    "date": pl.Date(),
    "cause": pl.String(),
}


def progression(timepoints: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One row per subject with timepoints: when the disease progressed (null = it did not) and what is known of it.

    `progression_status`: `progressed`; `confirmed` (iCPD); `unconfirmed` (an iUPD still open at the end of the data: the date is
    null where the ruleset does not call that progression); `none`. `progression_reasons`: what decided.
    """
    subjects = timepoints.select("subject").unique()
    if waits_only_if_suspected(rules):
        found = _of_hybrid(timepoints, rules)
    elif waits_for_confirmation(rules):
        found = _of_reassessment(timepoints, rules)
    else:
        found = _first_pd(timepoints, "overall", "progression_date")
    return (
        subjects.join(found, on="subject", how="left")
        .with_columns(pl.col("progression_status").fill_null("none"))
        .select(*(pl.col(name).cast(dtype) for name, dtype in PROGRESSION_SCHEMA.items()))
    )


def _first_pd(timepoints: pl.LazyFrame, code: str, dated: str) -> pl.LazyFrame:
    """The earliest date to which any PD is dated."""
    return (
        timepoints.filter(pl.col(code) == "PD")
        .group_by("subject")
        .agg(
            progression_date=pl.col(dated).min(),
            progression_reasons=pl.col("rule_id").sort_by(dated, "visit_date").first(),
        )
        .with_columns(progression_status=pl.lit("progressed"))
    )


def _of_reassessment(timepoints: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """iRECIST: the first iUPD of the block that was confirmed, or of the block still open at the end (Seymour 2017)."""
    confirmed = _confirmed(timepoints, dated_to_anchor=True)
    pending = _pending(timepoints, counts=pl.lit(rules["irecist.pending_at_end"] == "event"))
    return _earlier_wins(confirmed, pending)


def _of_hybrid(timepoints: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """mRECIST, then iRECIST: an unsuspected PD, or a suspected one once confirmed, dated as the ruleset says."""
    how = rules["hybrid.progression_date"]
    if how == "first_mrecist_pd":
        return _first_basis_pd(timepoints)
    unsuspected = _first_pd(timepoints.filter(pl.col("overall") == "PD"), "overall", "progression_date")
    confirmed = _confirmed(timepoints, dated_to_anchor=how == "first_iupd")
    never_reassessed = pl.col("scans_after") == 0
    by_option = (
        pl.when(never_reassessed)
        .then(pl.lit(rules["hybrid.unconfirmed_last"] == "event"))
        .otherwise(pl.lit(rules["irecist.pending_at_end"] == "event"))
    )
    # Dated at the confirming scan, a progression that nothing confirmed has no date.
    pending = _pending(timepoints, counts=by_option & pl.lit(how == "first_iupd"))
    return _earlier_wins(_earlier_wins(unsuspected, confirmed), pending)


def _first_basis_pd(timepoints: pl.LazyFrame) -> pl.LazyFrame:
    return (
        timepoints.filter(pl.col("basis_overall") == "PD")
        .group_by("subject")
        .agg(progression_date=pl.col("basis_progression_date").min())
        .with_columns(
            progression_reasons=pl.lit("mrecist_irecist.first_mrecist_pd"), progression_status=pl.lit("progressed")
        )
    )


def _confirmed(timepoints: pl.LazyFrame, *, dated_to_anchor: bool) -> pl.LazyFrame:
    """The first iCPD of each subject, dated to the first iUPD of its block or to itself."""
    first = (
        timepoints.filter(pl.col("overall") == "iCPD")
        .group_by("subject")
        .agg(
            visit=pl.col("visit_date").min(),
            anchor=pl.col("anchor_date").sort_by("visit_date").first(),
            progression_reasons=pl.col("confirmation_reasons").sort_by("visit_date").first(),
        )
        .join(_dates_of_iupd(timepoints), left_on=["subject", "anchor"], right_on=["subject", "visit_date"], how="left")
    )
    date = pl.col("dated_to") if dated_to_anchor else pl.col("visit")
    return first.select(
        "subject",
        progression_date=date,
        progression_reasons="progression_reasons",
        progression_status=pl.lit("confirmed"),
    )


def _dates_of_iupd(timepoints: pl.LazyFrame) -> pl.LazyFrame:
    return timepoints.select("subject", "visit_date", dated_to=pl.coalesce("progression_date", "visit_date"))


def _pending(timepoints: pl.LazyFrame, *, counts: pl.Expr) -> pl.LazyFrame:
    """Subjects whose last iUPD is neither confirmed nor reset; dated to it where `counts`.

    `scans_after` is the number of accepted assessments after it.
    """
    last = (
        timepoints.group_by("subject")
        .agg(
            state=pl.col("state").sort_by("visit_date").last(),
            anchor=pl.col("anchor_date").sort_by("visit_date").last(),
            scans_after=(
                pl.col("accepted") & (pl.col("visit_date") > pl.col("anchor_date").sort_by("visit_date").last())
            ).sum(),
        )
        .filter(pl.col("state") == "PENDING")
        .join(_dates_of_iupd(timepoints), left_on=["subject", "anchor"], right_on=["subject", "visit_date"], how="left")
    )
    return last.select(
        "subject",
        progression_date=pl.when(counts).then("dated_to"),
        progression_reasons=pl.lit("irecist.pending.at_end"),
        progression_status=pl.lit("unconfirmed"),
    )


def _earlier_wins(first: pl.LazyFrame, second: pl.LazyFrame) -> pl.LazyFrame:
    """The row with the earlier date; a date wins over none, and `first` over `second` on the same day."""
    columns = ["subject", "progression_date", "progression_reasons", "progression_status"]
    return (
        pl.concat([first.select(*columns, order=pl.lit(1)), second.select(*columns, order=pl.lit(2))])
        .sort("subject", "progression_date", "order", nulls_last=True)
        .group_by("subject", maintain_order=True)
        .first()
        .drop("order")
    )


def first_trial_pfs(
    timepoints: pl.LazyFrame, reference_dates: pl.LazyFrame, deaths: pl.LazyFrame, rules: CriterionRules
) -> pl.LazyFrame:
    """Progression-free survival of the first trial: event, date and cause, without durations.

    In: `reference_dates` (subject, reference_date), `deaths` (subject, death_date; null = alive). Event: the earlier of progression
    and death (on one day: progression). Without one, censored at the last assessment that was not NE (an open iUPD counts), or at
    the reference date where there is none. Out: subject, event, date, cause (`progression`, `death`, `censored`).
    """
    evaluable = timepoints.filter(pl.col("overall") != "NE").group_by("subject").agg(last=pl.col("visit_date").max())
    progressed = progression(timepoints, rules).select("subject", "progression_date")
    day = pl.min_horizontal("progression_date", "death_date")
    return (
        reference_dates.select("subject", "reference_date")
        .join(progressed, on="subject", how="left")
        .join(deaths.select("subject", "death_date"), on="subject", how="left")
        .join(evaluable, on="subject", how="left")
        .select(
            "subject",
            event=day.is_not_null(),
            date=pl.coalesce(day, pl.max_horizontal("last", "reference_date")),
            cause=pl.when(day.is_null())
            .then(pl.lit("censored"))
            .when(pl.col("progression_date") == day)
            .then(pl.lit("progression"))
            .otherwise(pl.lit("death")),
        )
        .select(*(pl.col(name).cast(dtype) for name, dtype in PFS_SCHEMA.items()))
    )
