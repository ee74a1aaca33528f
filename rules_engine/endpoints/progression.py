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
from rules_engine.vocabulary import Observation

#: Codes that end an unconfirmed progression (Seymour 2017: the bar is reset).
_CLEARING = (
    terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD, terms.NED,
    terms.ICR, terms.IPR, terms.ISD, terms.NON_ICR_NON_IUPD,
)  # fmt: skip
_FINAL = (terms.PD, terms.ICPD, terms.RECUR)
_CODE = pl.Enum(terms.RESPONSES)


def derive_transitions(timeline: pl.LazyFrame, pd_rule: str) -> pl.LazyFrame:
    """Each assessment with what it can do: final and begins (while open), clears and confirms (while pending).

    Under first_pd nothing waits: that rule needs no machine.
    """
    again = pl.col("iresponse").is_not_null()
    coded = timeline.with_columns(_plain=pl.col("response").cast(_CODE, strict=False)).with_columns(
        _code=pl.when(again).then(pl.col("iresponse").cast(_CODE, strict=False)).otherwise("_plain")
    )
    response, suspected, code = pl.col("_plain"), pl.col("suspected"), pl.col("_code")
    if pd_rule == "irecist":
        final, begins = code.is_in(list(_FINAL)), code == terms.IUPD
    else:
        # While pending, a plain PD confirms, unless it is flagged again.
        code = pl.when(code.is_in([terms.PD, terms.RECUR]) & suspected).then(pl.lit(terms.IUPD, _CODE)).otherwise(code)
        final = response.is_in(list(_FINAL)) & ~suspected
        begins = (response.is_in(list(_FINAL)) & suspected) | (response == terms.IUPD)
    return coded.with_columns(
        final=final.fill_null(value=False),
        begins=begins.fill_null(value=False),
        clears=code.is_in(list(_CLEARING)).fill_null(value=False),
        confirms=code.is_in(list(_FINAL)).fill_null(value=False),
    ).drop("_plain", "_code")


def derive_scan(timeline: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """Each usable assessment with the state of its subject: was_pending, is_pending, pending_since, ends (certain).

    In and out: in the order of subjects and days.

    What an assessment does to the state is one of four maps: nothing, make pending, make open, or swap the two. The
    state after any row is what the last "make" left, swapped once for each "swap" since.
    """
    rows = derive_transitions(timeline, options["pd_rule"])
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


def derive_scanned(observation: Observation) -> pl.LazyFrame:
    """The usable assessments under a rule that waits with the state of `derive_scan`, shared by all that reads them."""
    if observation.options["pd_rule"] == "first_pd":
        return observation.usable
    return observation.step("scan", lambda: derive_scan(observation.usable, observation.options))


def derive_progression(
    scan: pl.LazyFrame, clock: pl.LazyFrame, truncation: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per subject with progression or a pending one: subject, p_date, certain_date, u_date.

    In: `derive_scanned`, one per subject and day. `certain_date` is the assessment at which progression became
    certain (null for an unconfirmed one that counts), `u_date` an unconfirmed progression that still waits.
    """
    if options["pd_rule"] == "first_pd":
        first = scan.filter("progression").group_by("subject").agg(p_date=pl.col("date").min())
        return first.with_columns(certain_date="p_date", u_date=pl.lit(None, pl.Date))
    irecist = options["irecist"]
    confirmed = pl.col("date") if irecist["confirmed_date"] == "icpd" else pl.col("pending_since")
    certain = (
        scan.filter("ends")
        .with_columns(p_date=pl.when("was_pending").then(confirmed).otherwise("date"))
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", "p_date", certain_date="date")
    )
    is_last = pl.col("subject").ne_missing(pl.col("subject").shift(-1))
    pending = (
        scan.filter(is_last, pl.col("is_pending"))
        .select("subject", u_date="pending_since")
        .join(certain, on="subject", how="anti")
    )
    evaluated = scan.filter("evaluable").join(pending, on="subject", how="semi")
    waiting = (
        pending.join(evaluated.group_by("subject").agg(_evaluated=pl.col("date").max()), on="subject", how="left")
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


def effective_response(options: Mapping[str, Any]) -> pl.Expr:
    """The code that an assessment of `derive_scanned` has under the pd_rule.

    While a suspected progression waits for its answer, an iRECIST re-assessment stands for the plain response."""
    if options["pd_rule"] == "first_pd":
        return pl.col("response")
    if options["pd_rule"] == "irecist":
        return pl.coalesce("iresponse", "response")
    answered = pl.col("was_pending") & pl.col("iresponse").is_not_null()
    return pl.when(answered).then("iresponse").otherwise("response")
