"""Response and progression by CA-125 alone (Rustin 2011)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from rules_engine.criteria import complete_timepoints, has_fallen_by
from rules_engine.criteria.markers import (
    derive_course,
    derive_samples,
    marker_findings,
    names_schema,
    with_later_sample,
)
from rules_engine.findings import WARNING, concat_findings, derive_findings
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need

RESPONSES = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and sample after baseline."""
    samples = derive_samples(tables["labs"], rules["ca125.analytes"], rules["ca125.units"])
    course = (
        derive_course(samples)
        .with_columns(limit_e4=pl.coalesce("uln_e4", "baseline_uln_e4"))
        .pipe(_levels, rules)
        .pipe(_responses, rules)
        .pipe(_progressions, rules)
    )
    progressed = pl.when("progresses").then("visit_date").min().over("subject")
    has_progressed = (pl.col("visit_date") >= progressed).fill_null(value=False)
    evaluable = pl.col("baseline_e4") >= rules["ca125.response.min_baseline_uln"] * pl.col("limit_e4")
    steps = (
        (pl.col("baseline_e4").is_null(), "NE", "gcig_ca125.no_baseline"),
        (pl.col("limit_e4").is_null(), "NE", "gcig_ca125.no_limit"),
        (has_progressed, "PD", "gcig_ca125.pd"),
        (~evaluable, "NON-CR/NON-PD", "gcig_ca125.not_evaluable_for_response"),
        (pl.col("responds") & pl.col("normalises"), "CR", "gcig_ca125.cr"),
        (pl.col("responds"), "PR", "gcig_ca125.pr"),
        (pl.lit(value=True), "SD", "gcig_ca125.sd"),
    )
    return course.with_columns(
        overall=pl.coalesce(pl.when(holds).then(pl.lit(code)) for holds, code, _rule in steps),
        rule_id=pl.coalesce(pl.when(holds).then(pl.lit(rule)) for holds, _code, rule in steps),
        progression_date=pl.when(has_progressed & pl.col("limit_e4").is_not_null()).then(progressed),
    ).pipe(complete_timepoints)


def _levels(course: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add what each sample is compared with: `is_normal`, `has_fallen`, and `threshold_e4`, from which it is a rise.

    The threshold is a multiple of the upper limit where CA-125 was normal at baseline or has become normal since, else of the nadir.
    """
    is_normal = pl.col("value_e4") <= pl.col("limit_e4")
    normal_before = (
        is_normal.cast(pl.Int8).cum_max().shift(1).over("subject", order_by="visit_date").fill_null(0).cast(pl.Boolean)
    )
    normal_baseline = pl.col("baseline_e4") <= pl.col("limit_e4")
    return course.with_columns(
        is_normal=is_normal,
        has_fallen=has_fallen_by(pl.col("value_e4"), pl.col("baseline_e4"), rules["ca125.response.pct"]),
        threshold_e4=pl.when(normal_baseline | normal_before)
        .then(rules["ca125.pd.times_uln"] * pl.col("limit_e4"))
        .otherwise(rules["ca125.pd.times_nadir"] * pl.col("nadir_e4")),
    )


def _responses(course: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `responds` and `normalises`: a fall that is maintained up to a sample late enough; and both samples normal."""
    next_loss = (
        pl.when(~pl.col("has_fallen"))
        .then("visit_date")
        .shift(-1)
        .fill_null(strategy="backward")
        .over("subject", order_by="visit_date")
    )
    days = rules["ca125.response.confirm_min_days"]
    confirmed = with_later_sample(course, days, "later", ["visit_date", "is_normal"])
    held = next_loss.is_null() | (next_loss > pl.col("later_visit_date"))
    return confirmed.with_columns(
        responds=(pl.col("has_fallen") & pl.col("later_visit_date").is_not_null() & held).fill_null(value=False),
        normalises=(pl.col("is_normal") & pl.col("later_is_normal")).fill_null(value=False),
    )


def _progressions(course: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `progresses`: a rise to the threshold that the first sample late enough repeats."""
    again = with_later_sample(course, rules["ca125.pd.confirm_min_days"], "again", ["value_e4"])
    both = pl.min_horizontal(pl.col("value_e4"), pl.col("again_value_e4")) >= pl.col("threshold_e4")
    return again.with_columns(progresses=(both & pl.col("again_value_e4").is_not_null()).fill_null(value=False))


def validate(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules, timepoints: pl.LazyFrame) -> pl.LazyFrame:
    """Results that cannot be used, and samples without an upper limit of normal."""
    without_limit = timepoints.filter(pl.col("rule_id") == "gcig_ca125.no_limit")
    return concat_findings(
        [
            marker_findings(tables["labs"], rules["ca125.analytes"], rules["ca125.units"], "gcig_ca125", "CA-125"),
            derive_findings(
                without_limit,
                rule_id="gcig_ca125.limit",
                severity=WARNING,
                table="labs",
                message="neither the sample of CA-125 nor the baseline has an upper limit of normal",
                action="the response is NE",
                record=pl.col("visit_date"),
                field="uln",
            ),
        ]
    )


def _days(description: str) -> Mapping[str, Any]:
    return {"type": "integer", "minimum": 0, "description": f"{description} In days."}


def _times(description: str) -> Mapping[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": 100, "description": description}


GCIG_CA125 = Criterion(
    id="gcig_ca125",
    version="1.0",
    title="GCIG, CA-125",
    reference="Rustin GJS et al. Int J Gynecol Cancer 2011;21:419-423",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ca125.analytes": names_schema("Names of CA-125 in `labs.analyte`."),
            "ca125.units": names_schema("Names of U/mL; a result in another unit is reported and not used."),
            "ca125.response.min_baseline_uln": _times(
                "Multiple of the upper limit of normal that the baseline must reach for a response to be judged."
            ),
            "ca125.response.pct": {
                "type": "number", "exclusiveMinimum": 0, "maximum": 100,
                "description": "Fall from baseline that is a response; exactly this suffices. In percent.",
            },
            "ca125.response.confirm_min_days": _days("Least time for which the fall is maintained."),
            "ca125.pd.times_uln": _times(
                "Multiple of the upper limit of normal that is progression where CA-125 was, or has become, normal."
            ),
            "ca125.pd.times_nadir": _times("Multiple of the nadir that is progression where CA-125 never was normal."),
            "ca125.pd.confirm_min_days": _days("Least time to the second sample that shows progression."),
        },
    },
    responses=RESPONSES,
    tables=[Need("labs", "", "CA-125 by GCIG")],
    assess_tables=assess,
    validate_tables=validate,
)  # fmt: skip
