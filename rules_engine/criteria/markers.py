"""Tumour markers in blood: exact numbers from laboratory results, their nadir, and the sample that confirms another.

Values are whole ten-thousandths of the ruleset's unit (`value_e4`), so that thresholds compare exactly; a result that is finer is
taken to the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

import polars as pl

from rules_engine.findings import WARNING, concat_findings, derive_findings, phrase
from rules_engine.vocabulary import JsonSchema

PARTS = 10_000
_NUMBER = r"^\s*([<>]=?)?\s*(\d+(?:\.\d+)?)\s*$"


def names_schema(description: str) -> JsonSchema:
    """The JSON Schema of an option that lists names: of the marker, or of its unit."""
    return {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": description}


def ten_thousandths(value: Any) -> int:
    """A value of a ruleset in whole ten-thousandths, by way of its decimal text; a finer one goes to the next above."""
    return int((Decimal(str(value)) * PARTS).to_integral_value(ROUND_CEILING))


def derive_samples(labs: pl.LazyFrame, analytes: Sequence[str], units: Sequence[str]) -> pl.LazyFrame:
    """The samples of a marker: one row per subject and day, sorted.

    In: canonical `labs`. Out: subject, visit_date, value_e4, uln_e4, is_baseline. Analytes and units are matched without regard to
    case. A result beyond a limit (`<0.1`) counts as the limit. Of several results on one day the highest counts. Results without a
    day, a number or a known unit are left out (`marker_findings` tells of them).
    """
    number = _number()
    return (
        labs.filter(_is_marker(analytes), pl.col("date").is_not_null(), number.is_not_null(), _is_in_unit(units))
        .select(
            "subject",
            visit_date="date",
            value_e4=(number * PARTS).round(0).cast(pl.Int64),
            uln_e4=(pl.col("uln") * PARTS).round(0).cast(pl.Int64),
            is_baseline="is_baseline",
        )
        .group_by("subject", "visit_date")
        .agg(pl.col("value_e4").max(), pl.col("uln_e4").max(), pl.col("is_baseline").any())
        .sort("subject", "visit_date")
    )


def _is_marker(analytes: Sequence[str]) -> pl.Expr:
    return pl.col("analyte").str.to_lowercase().is_in([name.lower() for name in analytes])


def _number() -> pl.Expr:
    return pl.col("value").cast(pl.String).str.extract(_NUMBER, 2).cast(pl.Float64, strict=False)


def _is_in_unit(units: Sequence[str]) -> pl.Expr:
    """The result is in one of these units, which are names of one and the same."""
    named = pl.col("unit").str.strip_chars().str.to_lowercase().is_in([name.lower() for name in units])
    return named.fill_null(value=False)


def derive_course(samples: pl.LazyFrame) -> pl.LazyFrame:
    """Samples after the baseline with what came before: `baseline_e4` and `nadir_e4`, the lowest value before the sample, the
    baseline included.

    The baseline is the last sample marked as such; earlier samples are left out. Without one `baseline_e4` and `nadir_e4` are null,
    and every sample stays. Sorted by subject and day.
    """
    baselines = (
        samples.filter("is_baseline")
        .group_by("subject")
        .agg(
            baseline_date=pl.col("visit_date").max(),
            baseline_e4=pl.col("value_e4").sort_by("visit_date").last(),
            baseline_uln_e4=pl.col("uln_e4").sort_by("visit_date").last(),
        )
    )
    before = pl.col("value_e4").cum_min().shift(1).over("subject", order_by="visit_date")
    return (
        samples.drop("is_baseline")
        .join(baselines, on="subject", how="left")
        .filter(pl.col("baseline_date").is_null() | (pl.col("visit_date") >= pl.col("baseline_date")))
        .with_columns(nadir_e4=pl.when(pl.col("baseline_e4").is_not_null()).then(before))
        .filter(pl.col("baseline_date").is_null() | (pl.col("visit_date") > pl.col("baseline_date")))
        .sort("subject", "visit_date")
    )


def with_later_sample(course: pl.LazyFrame, days: int, name: str, columns: Sequence[str]) -> pl.LazyFrame:
    """Add, as `name_<column>`, columns of the subject's first sample that was taken at least `days` later (null: none was)."""
    later = course.select("subject", _due="visit_date", **{f"{name}_{column}": column for column in columns})
    wanted = course.with_columns(_due=pl.col("visit_date").dt.offset_by(f"{days}d"))
    return (
        wanted.sort("_due")
        .join_asof(later.sort("_due"), on="_due", by="subject", strategy="forward", check_sortedness=False)
        .drop("_due")
    )


def marker_findings(
    labs: pl.LazyFrame, analytes: Sequence[str], units: Sequence[str], rule: str, title: str
) -> pl.LazyFrame:
    """Results of a marker that cannot be used: no number, or a unit that the ruleset does not list; and subjects without baseline."""
    results = labs.filter(_is_marker(analytes))
    record = phrase("row {}", "row")
    told = [
        (_number().is_null(), "result", f"the result of {title} is no number", "value"),
        (_number().is_not_null() & ~_is_in_unit(units), "unit", f"the unit of {title} is none of the ruleset's", "unit"),
    ]  # fmt: skip
    parts = [
        derive_findings(
            results.filter(wrong),
            rule_id=f"{rule}.{name}",
            severity=WARNING,
            table="labs",
            message=message,
            action="the result is not used",
            record=record,
            field=column,
            value=pl.col(column).cast(pl.String),
        )
        for wrong, name, message, column in told
    ]
    without = results.group_by("subject").agg(pl.col("is_baseline").any()).filter(~pl.col("is_baseline"))
    parts.append(
        derive_findings(
            without,
            rule_id=f"{rule}.baseline",
            severity=WARNING,
            table="labs",
            message=f"no result of {title} is marked as baseline",
            action="no response can be judged by it",
            field="is_baseline",
        )
    )
    return concat_findings(parts)
