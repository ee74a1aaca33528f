"""The baseline of each subject and analyte: one record, no re-baselining between treatment cycles.

The last result on or before the first study treatment; without clock times the sample of that day counts as taken
before it.
"""

from __future__ import annotations

import polars as pl

from rules_engine.grading.cutoffs import BASE_LLN, BASE_ULN, BASELINE, LLN, ULN
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import GradingRules


def derive_baseline(work: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Add the baseline's row (`base_row`), and its value and limits in the unit of each record, null unless the
    record is later.

    Also `is_baseline_record`, `is_post_baseline` and `base_unit_differs` (no exact factor between the two units; the
    baseline is then treated as missing). A record is later than the baseline where its day is, or its sequence number
    on the same day.
    """
    chosen = _choose(work, options)
    joined = work.join(chosen, on=["subject", "key"], how="left", nulls_equal=False, maintain_order="left")
    base = pl.col("base_row")
    same_day_later = (pl.col("date") == pl.col("_base_date")) & (pl.col("seq") > pl.col("_base_seq"))
    later = ((pl.col("date") > pl.col("_base_date")) | same_day_later).fill_null(value=False)
    after_start = (pl.col("date") > pl.col("_treatment_start")).fill_null(value=False)
    marked = joined.with_columns(
        is_baseline_record=(pl.col("_row") == base).fill_null(value=False),
        is_post_baseline=pl.when(base.is_not_null()).then(later).otherwise(after_start),
        _base_unit=work["unit"].gather(joined["base_row"]),
        _base_scale_unit=work["scale_unit"].gather(joined["base_row"]),
    )
    factor = _unit_factor(marked, rules)
    usable = marked["is_post_baseline"] & factor.is_not_null()
    values = {
        name: pl.Series(name, work[source].gather(marked["base_row"]) * factor)
        for name, source in ((BASELINE, "number"), (BASE_ULN, ULN), (BASE_LLN, LLN))
    }
    return marked.with_columns(
        *[pl.when(usable).then(series).alias(name) for name, series in values.items()],
        base_unit_differs=pl.Series(marked["is_post_baseline"] & marked["base_row"].is_not_null() & factor.is_null()),
    ).drop("_base_date", "_base_seq", "_base_unit", "_base_scale_unit")


def _choose(work: pl.DataFrame, options: LabOptions) -> pl.DataFrame:
    """One row per subject and analyte with a baseline: `base_row`, `_base_date`, `_base_seq`.

    Ties on one day: the highest sequence number; then, so that the order of rows never decides, the largest value and
    unit.
    """
    start = pl.col("_treatment_start")
    before = pl.col("date") <= start
    if options.baseline_lookback_days is not None:
        before &= pl.col("date") >= start - pl.duration(days=options.baseline_lookback_days)
    marked = pl.col("is_baseline").fill_null(value=False)
    eligible = {"derived": before, "flagged": marked, "flagged_else_derived": before | marked}[options.baseline]
    candidates = work.filter(
        pl.col("key").is_not_null(), pl.col("number").is_not_null(), eligible.fill_null(value=False)
    )
    first = [] if options.baseline == "derived" else ["_marked"]
    return (
        candidates.select(
            "subject", "key", "date", "seq", "number", "unit", _marked=marked, base_row="_row",
        )
        .sort(*first, "date", "seq", "number", "unit", nulls_last=False)
        .unique(["subject", "key"], keep="last", maintain_order=True)
        .select("subject", "key", "base_row", _base_date="date", _base_seq="seq")
    )  # fmt: skip


def _unit_factor(marked: pl.DataFrame, rules: GradingRules) -> pl.Series:
    """Factor from the baseline's unit to the record's: 1 where both are the same, null where it is not known."""
    same = (pl.col("_base_unit") == pl.col("unit")) | (pl.col("_base_scale_unit") == pl.col("scale_unit"))
    same |= pl.col("_base_unit").is_null() & pl.col("unit").is_null()
    factor = marked.select(
        pl.when(pl.col("base_row").is_not_null() & same.fill_null(value=False)).then(pl.lit(1.0)).alias("factor"),
        "key", "scale_unit", "_base_scale_unit", "base_row",
    )  # fmt: skip
    differing = factor.filter(pl.col("factor").is_null(), pl.col("base_row").is_not_null())
    if differing.is_empty():
        return factor["factor"]
    keys = ["key", "_base_scale_unit", "scale_unit"]
    pairs = differing.select(keys).unique().drop_nulls()
    table = pairs.with_columns(pl.Series("other", [rules.factor(*row) for row in pairs.iter_rows()], dtype=pl.Float64))
    return factor.join(table, on=keys, how="left", maintain_order="left").select(pl.coalesce("factor", "other"))[
        "factor"
    ]
