"""What a difference does to the estimates: the same number of two runs side by side."""

from __future__ import annotations

import polars as pl

from rules_engine.descriptives.quality import DISCREPANCIES, FINDINGS
from rules_engine.vocabulary import ARD_SCHEMA

#: What a number says, and how it is written; everything else names it.
_SAID = ("label", "value", "note", "format", "method")
KEYS = tuple(name for name in ARD_SCHEMA if name not in _SAID)
ESTIMATE_SCHEMA: dict[str, pl.DataType] = {
    **{name: ARD_SCHEMA[name] for name in KEYS},
    "label": pl.String(),
    "format": pl.String(),
    "before": pl.Float64(),
    "after": pl.Float64(),
    "difference": pl.Float64(),  # after less before; null where a side has no number
}


def compare_estimates(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """`ESTIMATE_SCHEMA`: one row per number that differs, in the order of the first run's results.

    A number that only one run has differs from nothing: an analysis or a level of its own stands among the rules that differ.
    Counts of findings and discrepancies are about the data and are left out.
    """
    about_results = ~pl.col("analysis").is_in([FINDINGS, DISCREPANCIES])
    ordered = before.filter(about_results).with_row_index("_order")
    joined = ordered.join(after.select(*KEYS, after="value"), on=list(KEYS), how="inner", nulls_equal=True)
    return (
        joined.rename({"value": "before"})
        .filter(pl.col("before").ne_missing(pl.col("after")))
        .with_columns(difference=pl.col("after") - pl.col("before"))
        .sort("_order")
        .select(list(ESTIMATE_SCHEMA))
    )
