"""What a criterion says of a subject as a whole, and of each visit in the words and units of the publications."""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.best_response import best_overall_response
from rules_engine.criteria.progression import progression
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import TIMEPOINT_SCHEMA, SumParameter

#: Columns of `subject_responses`: one row per subject.
SUBJECT_RESPONSE_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "reference_date": pl.Date(),  # day 0 of the least duration of SD
    "bor": pl.String(),
    "bor_date": pl.Date(),
    "response_date": pl.Date(),
    "progression_date": pl.Date(),
    "progression_status": pl.String(),
    "progression_reasons": pl.List(pl.String()),
    "bor_rule_id": pl.String(),
}

#: Columns of `timepoint_responses`: one row per subject and visit after baseline.
PUBLISHED_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "visit_date": pl.Date(),
    "sum_mm": pl.Float64(),
    "sum_complete": pl.Boolean(),
    "baseline_mm": pl.Float64(),
    "nadir_mm": pl.Float64(),
    "change_from_baseline_pct": pl.Float64(),
    "change_from_nadir_pct": pl.Float64(),
    "change_from_nadir_mm": pl.Float64(),
    "target": pl.String(),
    "nontarget": pl.String(),
    "new_lesion": pl.Boolean(),
    "overall": pl.String(),
    "overall_as_read": pl.String(),
    "basis_overall": pl.String(),
    "progression_date": pl.Date(),
    "accepted": pl.Boolean(),
    "irecist_state": pl.String(),
    "anchor_date": pl.Date(),
    "confirmation_reasons": pl.List(pl.String()),
    "reason": pl.String(),
    "suspected_pseudoprogression": pl.Boolean(),
    "rule_id": pl.String(),
    "trace": pl.List(pl.String()),
}

#: Options without which there is no best overall response.
_BEST_RESPONSE_OPTIONS = ("bor.confirmation", "bor.sd_min_days")


def subject_responses(timepoints: pl.LazyFrame, reference_dates: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Best overall response and progression of each subject: one row per subject of either frame.

    In: `timepoints` of one criterion; `reference_dates` (subject, reference_date), day 0 of the least duration of SD. Where it is not
    known no SD lasts long enough. A criterion without the options of best response (`bor.*`) has none.
    """
    subjects = (
        timepoints.select("subject")
        .unique()
        .join(reference_dates.select("subject", "reference_date"), on="subject", how="full", coalesce=True)
    )
    found = subjects.join(progression(timepoints, rules), on="subject", how="left").with_columns(
        pl.col("progression_status").fill_null("none"),
        pl.col("progression_reasons").str.split(";"),
    )
    if all(key in rules.options for key in _BEST_RESPONSE_OPTIONS):
        best = best_overall_response(timepoints, subjects, rules).rename({"rule_id": "bor_rule_id"})
        found = found.join(best, on="subject", how="left")
    else:
        unknown = ("bor", "bor_date", "response_date", "bor_rule_id")
        found = found.with_columns(pl.lit(None).alias(name) for name in unknown)
    return found.select(*(pl.col(name).cast(dtype) for name, dtype in SUBJECT_RESPONSE_SCHEMA.items())).sort("subject")


def timepoint_responses(timepoints: pl.LazyFrame, sum_of: SumParameter | None = None) -> pl.LazyFrame:
    """Timepoints as a reader of the publications expects them: sums in mm, changes in percent, lists of reasons and rules.

    Changes are computed from the exact sums and are for display: decisions are made on whole hundredths of a millimetre. `sum_of` is
    the sum of a criterion that does not add up diameters; the columns then hold its unit.
    """
    parts = (sum_of or SumParameter()).per_unit
    total, base, nadir = pl.col("sum_x100"), pl.col("baseline_x100"), pl.col("nadir_x100")
    known = [pl.col(name) for name in PUBLISHED_SCHEMA if name in TIMEPOINT_SCHEMA and name not in _LISTS]
    return timepoints.select(
        *known,
        sum_mm=in_units(total, parts),
        baseline_mm=in_units(base, parts),
        nadir_mm=in_units(nadir, parts),
        change_from_baseline_pct=percent_change(total, base),
        change_from_nadir_pct=percent_change(total, nadir),
        change_from_nadir_mm=in_units(total - nadir, parts),
        irecist_state="state",
        **{name: pl.col(name).str.split(";") for name in _LISTS},
    ).select(*(pl.col(name).cast(dtype) for name, dtype in PUBLISHED_SCHEMA.items()))


_LISTS = ("confirmation_reasons", "trace")


def in_units(whole: pl.Expr, per_unit: int) -> pl.Expr:
    """Whole numbers of the engine in units, as the binary number nearest to the decimal (division alone may miss it by a bit)."""
    decimals = len(str(per_unit)) - 1
    return (whole.cast(pl.Float64) / per_unit).round(decimals)


def percent_change(value: pl.Expr, reference: pl.Expr) -> pl.Expr:
    """Change in percent; null where there is nothing to compare with. For display, never for a decision."""
    return pl.when(reference != 0).then((value - reference) * 100 / reference)
