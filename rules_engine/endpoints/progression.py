"""Step 8: the progression of each subject, and an unconfirmed one that still waits for its answer.

Under first_pd it is the first assessment of progression type. The other rules are one machine over a subject's
assessments in order of date. A subject is open or pending. While open, an assessment may be final (progression) or
begin an unconfirmed progression; while pending, it may clear it (bar reset, Seymour 2017) or confirm it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import terms

#: Codes that end an unconfirmed progression (Seymour 2017: the bar is reset).
_CLEARING = (
    terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD, terms.NED,
    terms.ICR, terms.IPR, terms.ISD, terms.NON_ICR_NON_IUPD,
)  # fmt: skip
_FINAL = (terms.PD, terms.ICPD, terms.RECUR)


def derive_transitions(timeline: pl.LazyFrame, pd_rule: str) -> pl.LazyFrame:
    """Each assessment with what it can do: final and begins (while open), clears and confirms (while pending).

    Under first_pd nothing waits: that rule needs no machine.
    """
    response, suspected = pl.col("response"), pl.col("suspected")
    if pd_rule == "irecist":
        code = pl.coalesce("iresponse", "response")
        final, begins = code.is_in(list(_FINAL)), code == terms.IUPD
    else:
        code = pl.coalesce("iresponse", "response")
        # While pending, a plain PD confirms, unless it is flagged again.
        code = pl.when(code.is_in([terms.PD, terms.RECUR]) & suspected).then(pl.lit(terms.IUPD)).otherwise(code)
        final = response.is_in(list(_FINAL)) & ~suspected
        begins = (response.is_in(list(_FINAL)) & suspected) | (response == terms.IUPD)
    return timeline.with_columns(
        final=final.fill_null(value=False),
        begins=begins.fill_null(value=False),
        clears=code.is_in(list(_CLEARING)).fill_null(value=False),
        confirms=code.is_in(list(_FINAL)).fill_null(value=False),
    )


def derive_scan(timeline: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """Each usable assessment with the state of its subject: was_pending, is_pending, pending_since, ends (certain).

    What an assessment does to the state is one of four maps: nothing, make pending, make open, or swap the two. The
    state after any row is what the last "make" left, swapped once for each "swap" since.
    """
    rows = derive_transitions(timeline, options["pd_rule"]).sort("subject", "date")
    # Every subject begins open, so the first row makes a state whatever it does; filling forward never leaves a subject.
    is_first = (pl.col("subject") != pl.col("subject").shift(1)).fill_null(value=True)
    swap = pl.col("begins") & pl.col("clears")
    made = (
        pl.when(is_first)
        .then("begins")
        .when(swap)
        .then(pl.lit(None, pl.Boolean))
        .when("begins")
        .then(pl.lit(value=True))
        .when("clears")
        .then(pl.lit(value=False))
    )
    rows = rows.with_columns(_first=is_first, _made=made, _swaps=swap.cast(pl.Int64).cum_sum())
    swaps_then = pl.when(pl.col("_made").is_not_null()).then("_swaps").forward_fill()
    swapped = (pl.col("_swaps") - swaps_then) % 2 == 1
    rows = rows.with_columns(is_pending=pl.col("_made").forward_fill() ^ swapped)
    rows = rows.with_columns(was_pending=pl.col("is_pending").shift(1) & ~pl.col("_first"))
    starts = pl.when(~pl.col("was_pending") & pl.col("begins")).then("date")
    # A pending subject has a start of its own; while open the value means nothing.
    rows = rows.with_columns(pending_since=starts.forward_fill())
    waited = (pl.col("date") - pl.col("pending_since")).dt.total_days() >= options["irecist"]["confirm_min_days"]
    ends = pl.when("was_pending").then(pl.col("confirms") & waited).otherwise("final")
    return rows.with_columns(ends=ends).drop("_first", "_made", "_swaps")


def derive_progression(
    timeline: pl.LazyFrame, clock: pl.LazyFrame, truncation: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per subject with progression or a pending one: subject, p_date, certain_date, u_date.

    In: usable assessments, one per subject and day. `certain_date` is the assessment at which progression became
    certain (null for an unconfirmed one that counts), `u_date` an unconfirmed progression that still waits.
    """
    if options["pd_rule"] == "first_pd":
        first = timeline.filter("progression").group_by("subject").agg(p_date=pl.col("date").min())
        return first.with_columns(certain_date="p_date", u_date=pl.lit(None, pl.Date))
    scanned = derive_scan(_of_subjects_with_progression(timeline), options)
    irecist = options["irecist"]
    confirmed = pl.col("date") if irecist["confirmed_date"] == "icpd" else pl.col("pending_since")
    certain = (
        scanned.filter("ends")
        .with_columns(p_date=pl.when("was_pending").then(confirmed).otherwise("date"))
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", "p_date", certain_date="date")
    )
    waiting = (
        scanned.join(certain, on="subject", how="anti", maintain_order="left")
        .group_by("subject")
        .agg(
            _pending=pl.col("is_pending").last(),
            u_date=pl.col("pending_since").last(),
            _evaluated=pl.col("date").filter("evaluable").max(),
        )
        .filter("_pending")
        .join(clock.select("subject", "died"), on="subject")
        .join(truncation.select("subject", "n_date"), on="subject", how="left")
    )
    if irecist["unconfirmed"] == "censor":
        counts = pl.lit(value=False)
    elif irecist["pending_grace_days"] is None:
        counts = pl.lit(value=True)
    else:
        in_grace = (
            ~pl.col("died")
            & pl.col("n_date").is_null()
            & (pl.col("_evaluated") <= pl.col("u_date"))
            & ((pl.lit(cutoff) - pl.col("u_date")).dt.total_days() <= irecist["pending_grace_days"])
        )
        counts = ~in_grace
    unconfirmed = waiting.select(
        "subject",
        p_date=pl.when(counts).then("u_date"),
        certain_date=pl.lit(None, pl.Date),
        u_date=pl.when(~counts).then("u_date"),
    )
    return pl.concat([certain.with_columns(u_date=pl.lit(None, pl.Date)), unconfirmed])


def derive_effective_responses(timeline: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """Each assessment with `effective`, the code that it has under the pd_rule.

    While a suspected progression waits for its answer, an iRECIST re-assessment stands for the plain response."""
    if options["pd_rule"] == "first_pd":
        return timeline.with_columns(effective="response")
    if options["pd_rule"] == "irecist":
        return timeline.with_columns(effective=pl.coalesce("iresponse", "response"))
    scanned = derive_scan(_of_subjects_with_progression(timeline), options).select("subject", "date", "was_pending")
    answered = pl.col("was_pending") & pl.col("iresponse").is_not_null()
    return (
        timeline.join(scanned, on=["subject", "date"], how="left")
        .with_columns(effective=pl.when(answered).then("iresponse").otherwise("response"))
        .drop("was_pending")
    )


def _of_subjects_with_progression(timeline: pl.LazyFrame) -> pl.LazyFrame:
    """Subjects without any assessment of progression type cannot progress; they need no scan."""
    coded = pl.col("iresponse").is_in(list(terms.PROGRESSION_TYPE))
    concerned = timeline.filter(pl.col("progression") | coded).select("subject")
    return timeline.join(concerned, on="subject", how="semi")
