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
    if waits_only_if_suspected(rules):
        found = _of_hybrid(timepoints, rules)
    elif waits_for_confirmation(rules):
        found = _of_reassessment(timepoints, rules)
    else:
        found = _first_pd(timepoints)
    return (
        timepoints.select("subject")
        .unique()
        .join(found, on="subject", how="left")
        .with_columns(pl.col("progression_status").fill_null("none"))
        .select(*(pl.col(name).cast(dtype) for name, dtype in PROGRESSION_SCHEMA.items()))
    )


def _first_pd(timepoints: pl.LazyFrame) -> pl.LazyFrame:
    """The earliest date to which any PD is dated."""
    return (
        timepoints.filter(pl.col("overall") == "PD")
        .group_by("subject")
        .agg(pl.col("progression_date", "rule_id").sort_by("progression_date", "visit_date", nulls_last=True).first())
        .select(
            "subject",
            "progression_date",
            progression_reasons="rule_id",
            progression_status=pl.lit("progressed"),
        )
    )


def _of_reassessment(timepoints: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """iRECIST: the first iUPD of the block that was confirmed, or of the block still open at the end (Seymour 2017)."""
    pending = _pending(timepoints, counts=pl.lit(rules["irecist.pending_at_end"] == "event"))
    # One at most: confirmed stays confirmed.
    return pl.concat([_confirmed(timepoints, dated_to="anchor_date"), pending])


def _of_hybrid(timepoints: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """mRECIST, then iRECIST: an unsuspected PD, or a suspected one once confirmed, dated as the ruleset says."""
    how = rules["hybrid.progression_date"]
    if how == "first_mrecist_pd":
        return _first_basis_pd(timepoints)
    confirmed = _confirmed(timepoints, dated_to="anchor_date" if how == "first_iupd" else "visit_date")
    never_reassessed = pl.col("scans_after") == 0
    by_option = (
        pl.when(never_reassessed)
        .then(pl.lit(rules["hybrid.unconfirmed_last"] == "event"))
        .otherwise(pl.lit(rules["irecist.pending_at_end"] == "event"))
    )
    # Dated at the confirming scan, a progression that nothing confirmed has no date.
    pending = _pending(timepoints, counts=by_option & pl.lit(how == "first_iupd"))
    # One at most: neither an unsuspected progression nor a confirmed one is ever left again.
    return pl.concat([_first_pd(timepoints), confirmed, pending])


def _first_basis_pd(timepoints: pl.LazyFrame) -> pl.LazyFrame:
    return (
        timepoints.filter(pl.col("basis_overall") == "PD")
        .group_by("subject")
        .agg(pl.col("basis_progression_date").min())
        .select(
            "subject",
            progression_date="basis_progression_date",
            progression_reasons=pl.lit("mrecist_irecist.first_mrecist_pd"),
            progression_status=pl.lit("progressed"),
        )
    )


def _confirmed(timepoints: pl.LazyFrame, *, dated_to: str) -> pl.LazyFrame:
    """The first iCPD of each subject, dated to the first iUPD of its block (`anchor_date`) or to itself (`visit_date`)."""
    return (
        timepoints.filter(pl.col("overall") == "iCPD")
        .group_by("subject")
        .agg(pl.col("visit_date", "anchor_date", "confirmation_reasons", "rule_id").sort_by("visit_date").first())
        .select(
            "subject",
            progression_date=dated_to,
            progression_reasons=pl.coalesce("confirmation_reasons", "rule_id"),
            progression_status=pl.lit("confirmed"),
        )
    )


def _pending(timepoints: pl.LazyFrame, *, counts: pl.Expr) -> pl.LazyFrame:
    """Subjects whose last iUPD is neither confirmed nor reset; dated to it where `counts`.

    `scans_after` is the number of accepted assessments after it.
    """
    return (
        timepoints.with_columns(pl.col("state", "anchor_date").sort_by("visit_date").last().over("subject"))
        .filter(pl.col("state") == "PENDING")
        .group_by("subject", progression_date="anchor_date")
        .agg(scans_after=(pl.col("accepted") & (pl.col("visit_date") > pl.col("anchor_date"))).sum())
        .select(
            "subject",
            progression_date=pl.when(counts).then("progression_date"),
            progression_reasons=pl.lit("irecist.pending.at_end"),
            progression_status=pl.lit("unconfirmed"),
        )
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
