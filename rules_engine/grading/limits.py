"""Limits of normal as they may be used: none that cannot be, and missing ones from the same laboratory where a study
says which laboratory that is.
"""

from __future__ import annotations

import polars as pl

from rules_engine.grading.cutoffs import LLN, ULN

NONE, SAME_SUBJECT, SAME_LABORATORY = "none", "same_subject", "same_laboratory"


def usable_limits(lln: pl.Expr, uln: pl.Expr) -> list[pl.Expr]:
    """`lln` and `uln` without what no range can be, and `range_invalid` where something was dropped.

    Limits that are swapped are both dropped: which of them is right is not known. An upper limit of 0 or less, or a
    negative lower one, stands for a missing value.
    """
    low, high = pl.when(lln.is_finite()).then(lln), pl.when(uln.is_finite()).then(uln)
    swapped = (low > high).fill_null(value=False)
    low_odd, high_odd = (low < 0).fill_null(value=False), (high <= 0).fill_null(value=False)
    return [
        pl.when(~swapped & ~low_odd).then(low).alias(LLN),
        pl.when(~swapped & ~high_odd).then(high).alias(ULN),
        (swapped | low_odd | high_odd).alias("range_invalid"),
    ]


def fill_ranges(work: pl.DataFrame, ranges: pl.DataFrame | None, how: str) -> pl.DataFrame:
    """Give results without limits those of the same laboratory; adds `range_filled`.

    `how` is `none`, `same_subject` (another result of the subject) or `same_laboratory` (also of subjects of the same sex
    and age band). Only where the laboratory is recorded, for the same analyte in the same unit. The limits of the last
    day up to the result's are taken, else those of the first day after it; where limits of that day differ, none are.

    `work` has `_row`, `subject`, `date`, `test`, `laboratory`, `stratum` and the limits; `ranges` is what `known_ranges`
    gave for all results.
    """
    nothing = work.with_columns(range_filled=pl.lit(value=False))
    if how == NONE or ranges is None or ranges.is_empty():
        return nothing
    wanting = work.filter(
        pl.col(LLN).is_null(), pl.col(ULN).is_null(), ~pl.col("range_invalid"), pl.col("laboratory").is_not_null()
    ).select("_row", "subject", "date", "test", "laboratory", "stratum")
    if wanting.is_empty():
        return nothing
    found = _nearest(wanting, ranges, ["subject"])
    if how == SAME_LABORATORY:
        rest = wanting.join(found, on="_row", how="anti").drop_nulls("stratum")
        found = pl.concat([found, _nearest(rest, ranges, ["stratum"])])
    return (
        work.join(found, on="_row", how="left", maintain_order="left")
        .with_columns(pl.coalesce(LLN, "_lln").alias(LLN), pl.coalesce(ULN, "_uln").alias(ULN))
        .with_columns(range_filled=pl.col("_lln").is_not_null() | pl.col("_uln").is_not_null())
        .drop("_lln", "_uln")
    )


def known_ranges(work: pl.DataFrame) -> pl.DataFrame:
    """The limits that laboratories gave: one row per subject, test, laboratory, day and pair of limits."""
    columns = ["subject", "stratum", "test", "laboratory", "date", LLN, ULN]
    known = pl.col(LLN).is_not_null() | pl.col(ULN).is_not_null()
    return work.filter(known, pl.col("laboratory").is_not_null(), pl.col("date").is_not_null()).select(columns).unique()


def _nearest(wanting: pl.DataFrame, ranges: pl.DataFrame, who: list[str]) -> pl.DataFrame:
    """`_row`, `_lln`, `_uln` of the nearest day's range for each result; results without one are left out."""
    keys = [*who, "test", "laboratory"]
    by_day = (
        ranges.select(*keys, "date", LLN, ULN)
        .unique()
        .group_by(*keys, "date")
        .agg(pl.len().alias("_ranges"), pl.col(LLN).first().alias("_lln"), pl.col(ULN).first().alias("_uln"))
        .filter(pl.col("_ranges") == 1)
        .sort("date")
    )
    left = wanting.drop_nulls([*who, "date"]).sort("date")
    earlier, later = (
        left.join_asof(by_day, on="date", by=keys, strategy=strategy, check_sortedness=False).select(
            "_row", "_lln", "_uln"
        )
        for strategy in ("backward", "forward")
    )
    is_found = pl.col("_lln").is_not_null() | pl.col("_uln").is_not_null()
    first = earlier.filter(is_found)
    return pl.concat([first, later.filter(is_found).join(first, on="_row", how="anti")])
