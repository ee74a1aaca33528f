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
    record is later.

    Also `is_baseline_record`, `is_post_baseline` and `base_unit_differs` (no exact factor between the two units; the
    baseline is then treated as missing). A record is later than the baseline where its day is; on the same day its clock
    time, or its sequence number where a time is missing or both are the same.
    """
    who = ["person", "key_number"]
    keyed = work.with_columns(
        person=_numbers(work["subject"]), key_number=tests.table["key_number"].gather(work["test"])
    )
    joined = keyed.join(_choose(keyed, options), on=who, how="left", nulls_equal=False, maintain_order="left")
    base = pl.col("base_row")
    in_order = (pl.col("time") - pl.col("_base_time")).fill_null(pl.duration())
    by_time_or_number = (in_order > pl.duration()) | (
        (in_order == pl.duration()) & (pl.col("seq") > pl.col("_base_seq")).fill_null(value=False)
    )
    same_day_later = (pl.col("date") == pl.col("_base_date")) & by_time_or_number
    later = ((pl.col("date") > pl.col("_base_date")) | same_day_later).fill_null(value=False)
    after_start = pl.col("after_start").fill_null(value=False)
    marked = joined.with_columns(
        is_baseline_record=(pl.col("_row") == base).fill_null(value=False),
        is_post_baseline=pl.when(base.is_not_null()).then(later).otherwise(after_start),
    )
    factor = _unit_factor(
        marked.select("test", "base_row", base_test=work["test"].gather(marked["base_row"])), tests, rules
    )
    usable = marked["is_post_baseline"] & factor.is_not_null()
    values = {
        name: pl.Series(name, work[source].gather(marked["base_row"]) * factor)
        for name, source in ((BASELINE, "number"), (BASE_ULN, ULN), (BASE_LLN, LLN))
    }
    return marked.with_columns(
        *[pl.when(usable).then(series).alias(name) for name, series in values.items()],
        base_unit_differs=pl.Series(marked["is_post_baseline"] & marked["base_row"].is_not_null() & factor.is_null()),
    ).drop("_base_date", "_base_time", "_base_seq", "person", "key_number")


def _numbers(subjects: pl.Series) -> pl.Series:
    """A number for each subject: whole numbers are compared faster than names."""
    if subjects.is_sorted():
        return pl.DataFrame([subjects]).select(pl.col(subjects.name).rle_id()).to_series()
    return subjects.cast(pl.Categorical).to_physical()


def _choose(work: pl.DataFrame, options: LabOptions) -> pl.DataFrame:
    """One row per subject and analyte with a baseline: `base_row`, `_base_date`, `_base_time`, `_base_seq`.

    Ties on one day: the latest clock time, one without a time being the earliest; then the highest sequence number; then,
    so that the order of rows never decides, the largest value and unit.
    """
    before = ~pl.col("after_start")
    if options.baseline_lookback_days is not None:
        first_day = pl.col("_treatment_start") - pl.duration(days=options.baseline_lookback_days)
        before &= pl.col("date") >= first_day
    marked = pl.col("is_baseline").fill_null(value=False)
    eligible = {"derived": before, "flagged": marked, "flagged_else_derived": before | marked}[options.baseline]
    candidates = work.filter(
        pl.col("key_number").is_not_null(), pl.col("number").is_not_null(), eligible.fill_null(value=False)
    )
    first = [] if options.baseline == "derived" else ["_marked"]
    return (
        candidates.select(
            "person", "key_number", "date", "time", "seq", "number", "test", _marked=marked, base_row="_row"
        )
        .sort(*first, "date", "time", "seq", "number", "test", nulls_last=False)
        .unique(["person", "key_number"], keep="last", maintain_order=True)
        .select("person", "key_number", "base_row", _base_date="date", _base_time="time", _base_seq="seq")
    )


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
