"""Response and progression of PSA (Scher 2016)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from rules_engine.criteria import complete_timepoints, has_fallen_by
from rules_engine.criteria.markers import (
    derive_course,
    derive_samples,
    marker_findings,
    names_schema,
    ten_thousandths,
    with_later_sample,
)
from rules_engine.criteria.numbers import has_risen_by
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need

RESPONSES = ("PSA-RESPONSE", "NON-PD", "PD", "NE")


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and sample after baseline."""
    samples = derive_samples(tables["labs"], rules["psa.analytes"], rules["psa.units"])
    course = (
        derive_course(samples)
        .pipe(with_later_sample, rules["psa.pd.confirm_min_days"], "pd", ["value_e4"])
        .pipe(with_later_sample, rules["psa.response.confirm_min_days"], "response", ["value_e4"])
        .with_columns(progresses=_progresses(rules), responds=_responds(rules))
    )
    progressed = pl.when("progresses").then("visit_date").min().over("subject")
    has_progressed = (pl.col("visit_date") >= progressed).fill_null(value=False)
    without_baseline = pl.col("baseline_e4").is_null()
    steps = (
        (without_baseline, "NE", "pcwg3_psa.no_baseline"),
        (has_progressed, "PD", "pcwg3_psa.pd"),
        (pl.col("responds"), "PSA-RESPONSE", "pcwg3_psa.response"),
        (pl.lit(value=True), "NON-PD", "pcwg3_psa.non_pd"),
    )
    return course.with_columns(
        overall=pl.coalesce(pl.when(holds).then(pl.lit(code)) for holds, code, _rule in steps),
        rule_id=pl.coalesce(pl.when(holds).then(pl.lit(rule)) for holds, _code, rule in steps),
        progression_date=pl.when(has_progressed & ~without_baseline).then(progressed),
    ).pipe(complete_timepoints)


def _rises(value: pl.Expr, rules: CriterionRules) -> pl.Expr:
    """At least the stated percentage and the stated amount above the nadir."""
    least = ten_thousandths(rules["psa.pd.abs"])
    return has_risen_by(value, pl.col("nadir_e4"), rules["psa.pd.pct"], 0) & (value - pl.col("nadir_e4") >= least)


def _progresses(rules: CriterionRules) -> pl.Expr:
    """A rise that is late enough and confirmed; where PSA never fell below baseline, confirmed only if the ruleset asks."""
    elapsed = (pl.col("visit_date") - pl.col("baseline_date")).dt.total_days()
    fell = pl.col("nadir_e4") < pl.col("baseline_e4")
    confirmed = _rises(pl.col("pd_value_e4"), rules).fill_null(value=False)
    unconfirmed_counts = ~fell & pl.lit(not rules["psa.pd.confirm_without_decline"])
    rises = _rises(pl.col("value_e4"), rules)
    late = elapsed >= rules["psa.pd.from_days"]
    return pl.all_horizontal(rises, late, confirmed | unconfirmed_counts).fill_null(value=False)


def _responds(rules: CriterionRules) -> pl.Expr:
    """A fall from baseline that the next sample, late enough, confirms."""
    fallen = [
        has_fallen_by(pl.col(value), pl.col("baseline_e4"), rules["psa.response.pct"])
        for value in ("value_e4", "response_value_e4")
    ]
    return pl.all_horizontal(fallen).fill_null(value=False)


def validate(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules, _timepoints: pl.LazyFrame) -> pl.LazyFrame:
    """Results that cannot be used."""
    return marker_findings(tables["labs"], rules["psa.analytes"], rules["psa.units"], "pcwg3_psa", "PSA")


def _days(description: str) -> Mapping[str, object]:
    return {"type": "integer", "minimum": 0, "description": f"{description} In days."}


PCWG3_PSA = Criterion(
    id="pcwg3_psa",
    version="1.0",
    title="PCWG3, prostate-specific antigen",
    reference="Scher HI et al. J Clin Oncol 2016;34:1402-1418",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "psa.analytes": names_schema("Names of PSA in `labs.analyte`."),
            "psa.units": names_schema("Names of ng/mL; a result in another unit is reported and not used."),
            "psa.response.pct": {
                "type": "number", "exclusiveMinimum": 0, "maximum": 100,
                "description": "Fall from baseline that is a response; exactly this suffices. In percent.",
            },
            "psa.response.confirm_min_days": _days("Least time to the sample that confirms a response."),
            "psa.pd.pct": {
                "type": "number", "exclusiveMinimum": 0, "maximum": 1000,
                "description": "Rise above the nadir that progression needs; exactly this suffices. In percent.",
            },
            "psa.pd.abs": {
                "type": "number", "minimum": 0,
                "description": "Rise above the nadir that progression needs as well; exactly this suffices. In ng/mL.",
            },
            "psa.pd.confirm_min_days": _days("Least time to the sample that confirms progression."),
            "psa.pd.confirm_without_decline": {
                "type": "boolean",
                "description": "Where PSA never fell below baseline, progression must be confirmed as well.",
            },
            "psa.pd.from_days": _days("Earlier rises than this after the baseline sample are not progression."),
        },
    },
    responses=RESPONSES,
    tables=[Need("labs", "", "PSA by PCWG3")],
    assess_tables=assess,
    validate_tables=validate,
    plain_forms={"PSA-RESPONSE": "PR", "NON-PD": "SD"},
)  # fmt: skip
