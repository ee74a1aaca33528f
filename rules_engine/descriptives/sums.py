"""The change of the sum of diameters from baseline: who has one, and in whom the sum fell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine.descriptives.rows import ARM, Rows, by_arm

ANALYSIS: Final = "sums_of_diameters"
FELL: Final = "fell"


def changes(timepoints: pl.DataFrame) -> pl.DataFrame:
    """One row per subject and visit with a complete sum: `subject`, `visit_date`, `change` (a share of the baseline sum)."""
    change = (pl.col("sum_x100") - pl.col("baseline_x100")) / pl.col("baseline_x100")
    return (
        timepoints.filter(pl.col("sum_x100").is_not_null(), pl.col("baseline_x100") > 0)
        .select("subject", "visit_date", change=change)
        .sort("subject", "visit_date")
    )


def best_changes(found: pl.DataFrame) -> pl.DataFrame:
    """One row per subject of `changes`: its largest fall or smallest growth."""
    return found.group_by("subject").agg(pl.col("change").min())


def tally_sums(timepoints: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """`arm`, `count` of subjects with a complete sum after baseline, and in how many of them it `fell` at some visit."""
    best = best_changes(changes(timepoints)).join(people, on="subject", how="left")
    return (
        best.group_by(ARM)
        .agg(count=pl.len().cast(pl.Int64), fell=(pl.col("change") < 0).sum().cast(pl.Int64))
        .sort(ARM, nulls_last=True)
    )


def describe_sums(tallies: Mapping[str, pl.DataFrame], arms: Sequence[str]) -> pl.DataFrame:
    """Rows of the ARD: `variable` is the stream."""
    rows = Rows(ANALYSIS, arms)
    for stream, tally in tallies.items():
        if tally.is_empty():
            continue
        sizes = by_arm(tally, arms)
        rows.add("n", "Subjects with a complete sum after baseline", sizes, "d", sizes, variable=stream)
        rows.add_counts(
            "Subjects whose sum fell below baseline", by_arm(tally, arms, "fell"), sizes, variable=stream, level=FELL
        )
    return rows.frame()
