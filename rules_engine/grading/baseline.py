"""The baseline of each subject and analyte: one record, no re-baselining between treatment cycles.

The last result before the first study treatment; without clock times the sample of that day counts as taken before it.
"""

from __future__ import annotations

import polars as pl

from rules_engine.grading.cutoffs import BASE_LLN, BASE_ULN, BASELINE, LLN, ULN
from rules_engine.grading.lab_tests import LabTests
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import GradingRules


def derive_baseline(work: pl.DataFrame, tests: LabTests, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Add the baseline's row (`base_row`), and its value and limits in the unit of each record, null unless the
    record is later; `_base_number`, `_base_lln` and `_base_uln` are its value and limits in its own unit.

    Also `is_baseline_record`, `is_post_baseline` and `base_unit_differs` (no exact factor between the two units; the
    baseline is then treated as missing). A record is later than the baseline where its day is; on the same day its clock
    time, or its sequence number where a time is missing or both are the same.
    """
    # One number for each subject and analyte, whose numbers have 16 bits.
    series = work.select(pl.col("person").cast(pl.Int64) * 2**16 + tests.of_results("key_number")).to_series()
    keyed = work.with_columns(series.alias("series"))
    chosen = keyed.select("series").join(_choose(keyed, options), on="series", how="left", maintain_order="left")
    base_row = chosen["base_row"]
    with_base = keyed.with_columns(
        base_row,
        *[
            work[name].gather(base_row).alias(f"_base_{name}")
            for name in ("date", "time", "seq", "number", LLN, ULN, "test")
        ],
    )
    in_order = (pl.col("time") - pl.col("_base_time")).fill_null(pl.duration())
    by_time_or_number = (in_order > pl.duration()) | (
        (in_order == pl.duration()) & (pl.col("seq") > pl.col("_base_seq")).fill_null(value=False)
    )
    same_day_later = (pl.col("date") == pl.col("_base_date")) & by_time_or_number
    later = ((pl.col("date") > pl.col("_base_date")) | same_day_later).fill_null(value=False)
    after_start = pl.col("after_start").fill_null(value=False)
    has_baseline = pl.col("base_row").is_not_null()
    marked = with_base.with_columns(
        is_baseline_record=(pl.col("_row") == pl.col("base_row")).fill_null(value=False),
        is_post_baseline=pl.when(has_baseline).then(later).otherwise(after_start),
        _factor=_unit_factor(with_base.select("test", base_test="_base_test"), tests, rules),
    )
    factor, usable = pl.col("_factor"), pl.col("is_post_baseline") & pl.col("_factor").is_not_null()
    in_unit = {BASELINE: "_base_number", BASE_ULN: f"_base_{ULN}", BASE_LLN: f"_base_{LLN}"}
    return marked.with_columns(
        *[pl.when(usable).then(pl.col(source) * factor).alias(name) for name, source in in_unit.items()],
        base_unit_differs=pl.col("is_post_baseline") & has_baseline & factor.is_null(),
    ).drop("_base_date", "_base_time", "_base_seq", "_base_test", "_factor", "series")


def _choose(work: pl.DataFrame, options: LabOptions) -> pl.DataFrame:
    """One row per subject and analyte (`series`) with a baseline: `base_row`.

    Ties on one day: the latest clock time, one without a time being the earliest; then the highest sequence number; then,
    so that the order of rows never decides, the largest value and unit.
    """
    before = ~pl.col("after_start")
    if options.baseline_lookback_days is not None:
        first_day = pl.col("_treatment_start") - pl.duration(days=options.baseline_lookback_days)
        before &= pl.col("date") >= first_day
    marked = pl.col("is_baseline").fill_null(value=False)
    eligible = {"derived": before, "flagged": marked, "flagged_else_derived": before | marked}[options.baseline]
    candidates = (
        work.lazy()
        .filter(pl.col("series").is_not_null(), pl.col("number").is_not_null(), eligible.fill_null(value=False))
        .select("series", "date", "time", "seq", "number", "test", _marked=marked, base_row="_row")
        .with_columns(is_choice=pl.col("series").is_duplicated())
        .collect(engine="in-memory")
    )
    first = [] if options.baseline == "derived" else ["_marked"]
    last = (
        candidates.filter("is_choice")
        .sort(*first, "date", "time", "seq", "number", "test", nulls_last=False)
        .unique("series", keep="last", maintain_order=True)
    )
    return pl.concat([candidates.filter(~pl.col("is_choice")), last]).select("series", "base_row")


def _unit_factor(pairs: pl.DataFrame, tests: LabTests, rules: GradingRules) -> pl.Series:
    """Factor from the unit of the baseline's test to that of the record's: 1 where both are the same, null where it is
    not known.
    """
    same = pairs.select(pl.when(pl.col("test") == pl.col("base_test")).then(pl.lit(1.0))).to_series()
    differing = pairs.filter(pl.col("base_test").is_not_null() & (pl.col("test") != pl.col("base_test")))
    if differing.is_empty():
        return same
    by = ["test", "base_test"]
    combinations = differing.select(by).unique()
    factors = [_factor_between(tests, rules, *row) for row in combinations.iter_rows()]
    table = combinations.with_columns(pl.Series("factor", factors, dtype=pl.Float64))
    other = pairs.join(table, on=by, how="left", maintain_order="left")["factor"]
    return same.fill_null(other)


def _factor_between(tests: LabTests, rules: GradingRules, test: int, base_test: int) -> float | None:
    record, base = tests.table.row(test, named=True), tests.table.row(base_test, named=True)
    if record["unit"] == base["unit"]:
        return 1.0
    if record["scale_unit"] is None or base["scale_unit"] is None:
        return None
    return rules.factor(record["key"], base["scale_unit"], record["scale_unit"])
