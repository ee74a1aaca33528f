"""New lesions from visit to visit: what is remembered of each, and what they say together (Seymour 2017; EORTC iRECIST FAQ).

New lesions stay out of the target sum. The measured ones have a sum of their own; a lesion joins it when it is first measured, and
raises the smallest earlier sum by that first diameter, so that growth is always growth of the same lesions.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rules_engine.criteria.new_lesions import counts
from rules_engine.model import CriterionRules

#: What is remembered of a new lesion: it counts; first shown; first diameter; part of the sum; caused the iUPD; the diameter
#: that growth is compared with.
LESION_MEMORY: dict[str, Any] = {
    "subject": pl.Categorical(pl.Categories("subject", "rules_engine.criteria")),
    "lesion_id": pl.Categorical(pl.Categories("lesion", "rules_engine.criteria")),
    "measured": pl.Boolean,
    "known": pl.Boolean,
    "shown_on": pl.Date,
    "first_c": pl.Int64,
    "in_sum": pl.Boolean,
    "cause": pl.Boolean,
    "compared_c": pl.Int64,
}
_FLAGS = ("known", "in_sum", "cause")
_ROW_FLAGS = ("shown", "certain", "typical", "resolved", "unread", "increased", "unequivocal", "nodule")


def derive_lesions_now(now: pl.LazyFrame, memory: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One row per new lesion, remembered or shown now, of the subjects with a visit: the row of the visit and what was remembered.

    Adds `recorded` (there is a row), `begins` (it counts for the first time) and `read` (its state is known).
    """
    rows = now.select("subject", "new_lesions").drop_nulls().explode("new_lesions").unnest("new_lesions")
    rows = rows.with_columns(recorded=pl.lit(value=True))
    remembered = memory.join(now.select("subject"), on="subject", how="semi")
    together = rows.join(remembered, on=["subject", "lesion_id"], how="full", coalesce=True, suffix="_before")
    together = together.join(now.select("subject", "visit_date"), on="subject", how="left").with_columns(
        pl.col(*_FLAGS, *_ROW_FLAGS, "recorded", "measured", "measured_before").fill_null(value=False),
    )
    # A lesion that is to be measured and has not been so far (an effusion, a thrombus) is followed by its status.
    together = together.with_columns(measured=pl.col("measured") | pl.col("measured_before"))
    # A lesion that was doubtful and then gone was nothing: where it is seen again, it is first shown there.
    vanished = pl.col("recorded") & ~pl.col("shown") & ~pl.col("unread")
    return (
        together.with_columns(
            first_c_now=pl.when(~vanished).then(pl.coalesce("first_c", pl.when("shown").then("c"))),
            shown_on_now=pl.when(~vanished).then(pl.coalesce("shown_on", pl.when("shown").then("visit_date"))),
        )
        .with_columns(counts=counts(rules, pl.col("first_c_now")))
        .with_columns(
            begins=~pl.col("known") & pl.col("counts"),
            read=pl.col("recorded") & ~pl.col("unread") & (~pl.col("measured") | pl.col("c").is_not_null()),
        )
    )


def derive_lesion_facts(lesions_now: pl.LazyFrame) -> pl.LazyFrame:
    """One row per subject with new lesions: what they say together at this visit.

    `begins`: a lesion counts for the first time. `new_lesion`: one that counts is there. `persists`: one that counts is not known to
    be gone. `new_sum_known`, `new_sum_complete`: sum of the measured ones. `new_growth`: since the visit compared with, or what of it
    is proven. `joining_sum`: first diameters of lesions that join the sum.
    """
    counted = pl.col("known") | pl.col("begins")
    is_there = counted & pl.col("recorded") & ~pl.col("resolved") & ~pl.col("unread")
    # While an iUPD waits, the lesions that count are those of its anchor: a further one confirms at once.
    compared = pl.col("measured") & pl.col("known")
    growth = (pl.col("c") - pl.col("compared_c")).filter(compared)
    joins = counted & pl.col("measured") & ~pl.col("in_sum") & pl.col("c").is_not_null()
    unmeasured_there = pl.col("known") & ~pl.col("measured") & ~pl.col("resolved") & ~pl.col("unread")
    earlier = pl.col("shown_on").filter("begins")  # what is remembered is from before this visit
    return (
        lesions_now.group_by("subject")
        .agg(
            begins=pl.col("begins").any(),
            new_lesion=is_there.any(),
            persists=(counted & ~pl.col("resolved")).any(),
            backdated_to=earlier.min(),
            first_sights=earlier.drop_nulls(),
            new_sum_known=pl.col("c").filter("in_sum").sum(),
            new_sum_members=pl.col("in_sum").sum(),
            new_sum_missing=(pl.col("in_sum") & pl.col("c").is_null()).any(),
            compared_members=compared.sum(),
            compared_missing=(compared & pl.col("compared_c").is_null()).any(),
            compared_total=pl.col("compared_c").filter(compared).sum(),
            compared_now=pl.col("c").filter(compared).sum(),
            common_growth_new=growth.sum(),
            compared_in_common=growth.count(),
            compared_unread=(compared & pl.col("c").is_null()).any(),
            new_increased=(unmeasured_there & pl.col("increased")).any(),
            new_unequivocal=(unmeasured_there & pl.col("unequivocal")).any(),
            cause_unknown=(pl.col("cause") & ~pl.col("read")).any(),
            joining_sum=pl.when(joins.any()).then(pl.col("c").filter(joins).sum()),
        )
        .with_columns(
            new_sum_known=pl.when(pl.col("new_sum_members") > 0).then("new_sum_known"),
            new_sum_complete=~pl.col("new_sum_missing"),
            new_growth=pl.when(pl.col("compared_members") == 0)
            .then(None)
            .when("compared_missing")
            .then(pl.when(pl.col("compared_in_common") > 0).then("common_growth_new"))
            .otherwise(pl.col("compared_now") - pl.col("compared_total")),
        )
    )


def remember_lesions(lesions_now: pl.LazyFrame, now: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """What the next visit must know of each new lesion; a scan that was disregarded shows nothing for the first time."""
    decisions = now.select(
        "subject", "accepted", "begins_block", "grown_new", "fate", "compared_unread",
    )  # fmt: skip
    known = pl.col("known") | pl.col("begins")
    begins_block, accepted = pl.col("begins_block"), pl.col("accepted")
    caused = (
        pl.col("begins")
        | (pl.col("grown_new") & pl.col("in_sum"))
        | (pl.col("known") & ~pl.col("measured") & pl.col("unequivocal"))
        | (known & (pl.col("fate") == "late"))
    )
    moves_on = pl.lit(rules["irecist.further_from"] == "previous") & accepted & ~pl.col("compared_unread")
    in_sum = pl.col("in_sum") | (known & pl.col("measured") & pl.col("c").is_not_null())
    return (
        lesions_now.join(decisions, on="subject", how="left")
        .with_columns(
            measured=pl.when(accepted).then("measured").otherwise("measured_before"),
            known=pl.when(accepted).then(known).otherwise("known"),
            shown_on=pl.when(accepted).then("shown_on_now").otherwise("shown_on"),
            first_c=pl.when(accepted).then("first_c_now").otherwise("first_c"),
            in_sum=pl.when(accepted).then(in_sum).otherwise("in_sum"),
            cause=pl.when(begins_block).then(caused).otherwise("cause"),
            compared_c=pl.when(begins_block | moves_on).then("c").otherwise("compared_c"),
        )
        .select(*(pl.col(name).cast(kind) for name, kind in LESION_MEMORY.items()))
    )
