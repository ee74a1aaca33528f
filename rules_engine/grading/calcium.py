"""Albumin-corrected calcium: what total calcium would be at a normal albumin (Payne 1973; the numbers stand in the
ruleset).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.grading.cutoffs import VALUE
from rules_engine.grading.lab_tests import LabTests
from rules_engine.grading.rules import GradingRules


def derive_corrected_calcium(work: pl.DataFrame, tests: LabTests, rules: GradingRules) -> pl.DataFrame:
    """Turn total calcium into corrected calcium by the albumin of the same subject and day.

    Adds `calcium_corrected`, `uncorrected_calcium` (no albumin on that day) and `beside_ionized` (total or corrected
    calcium of a day with an ionized result). Of several albumin results of one day the one with the highest sequence
    number counts, then the lowest one.
    """
    how = rules.calcium
    work = work.with_columns(beside_ionized=_is_beside_ionized(work, tests, how))
    calcium = tests.table.filter(pl.col("reported_key") == how["total"]) if how else tests.table.clear()
    if calcium.is_empty():
        return work.with_columns(calcium_corrected=pl.lit(value=False), uncorrected_calcium=pl.lit(value=False))
    facts = tests.table.select(
        _is_total=(pl.col("reported_key") == how["total"]).fill_null(value=False),
        _to_albumin_unit=pl.when(pl.col("key") == how["albumin"]).then(_albumin_factor(rules)),
        _per_albumin=_per_albumin(rules),
    )
    work = work.with_columns([facts[name].gather(work["test"]) for name in facts.columns])
    albumin = (
        work.with_columns(_albumin=pl.col("number") * pl.col("_to_albumin_unit"))
        .drop_nulls("_albumin")
        .sort("seq", -pl.col("_albumin"), nulls_last=False, maintain_order=True)
        .unique(["subject", "date"], keep="last", maintain_order=True)
        .select("subject", "date", "_albumin")
    )
    missing = (how["albumin_normal"] - pl.col("_albumin")).clip(lower_bound=0)
    is_low = pl.col("_albumin") < how["albumin_below"]
    added = pl.when(is_low).then(missing * pl.col("_per_albumin")).otherwise(pl.lit(0.0))
    is_total = pl.col("_is_total")
    corrects = is_total & pl.col("_albumin").is_not_null() & added.is_not_null()
    return (
        work.join(albumin, on=["subject", "date"], how="left", maintain_order="left")
        .with_columns(
            number=pl.when(corrects).then(pl.col("number") + added).otherwise("number"),
            value=pl.when(corrects).then(pl.col(VALUE) + added).otherwise(VALUE),
            calcium_corrected=corrects & is_low.fill_null(value=False) & pl.col("number").is_not_null(),
            uncorrected_calcium=is_total & pl.col("_albumin").is_null() & pl.col("number").is_not_null(),
        )
        .drop("_albumin", *facts.columns)
    )


def _is_beside_ionized(work: pl.DataFrame, tests: LabTests, how: Mapping[str, Any]) -> pl.Series:
    """Total or corrected calcium of a subject and day that also have a number of ionized calcium."""
    key = tests.table["key"]
    if not how or how["ionized"] not in set(key):
        return pl.repeat(value=False, n=work.height, eager=True)
    of_day = work.select("subject", "date", key=tests.of_results("key"), number="number")
    ionized = of_day.filter(
        pl.col("key") == how["ionized"], pl.col("number").is_not_null(), pl.col("date").is_not_null()
    )
    days = ionized.select("subject", "date", _is_there=pl.lit(value=True)).unique()
    found = of_day.join(days, on=["subject", "date"], how="left", maintain_order="left")
    return found.select((pl.col("key") == how["corrected"]) & pl.col("_is_there")).to_series().fill_null(value=False)


def _albumin_factor(rules: GradingRules) -> pl.Expr:
    """Factor from the record's unit to the unit in which the ruleset speaks of albumin; null where it is unknown."""
    analyte, target = rules.calcium["albumin"], rules.calcium["albumin_unit"]
    factors = {unit: rules.factor(analyte, unit, target) for unit in rules.conversions[analyte]}
    return pl.col("scale_unit").replace_strict(factors, default=None, return_dtype=pl.Float64)


def _per_albumin(rules: GradingRules) -> pl.Expr:
    """What one unit of missing albumin adds, in the unit of the calcium result."""
    how = rules.calcium
    added = {unit: float(amount) for unit, amount in how["per_albumin"].items()}
    known = dict(added)
    for unit in rules.conversions[how["total"]]:
        if unit not in known:
            nearest = list(added)[-1]
            factor = rules.factor(how["total"], nearest, unit)
            assert factor is not None  # noqa: S101  (both stand in one table)
            known[unit] = added[nearest] * factor
    return pl.col("scale_unit").replace_strict(known, default=None, return_dtype=pl.Float64)
