"""From the machine's decisions to timepoint responses: retrospective dating, and the columns of the contract."""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.reassessment import PROGRESSED
from rules_engine.criteria.responses import trace
from rules_engine.criteria.timepoints import restated_visits
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import TIMEPOINT_SCHEMA


def reported(
    decided: pl.LazyFrame,
    rules: CriterionRules,
    *,
    basis: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Timepoint responses from visits with decisions.

    `basis` (subject, visit_date, basis_overall, basis_progression_date) is the plain criterion, where one runs beside the machine;
    after a final progression its code is reported, and a visit that first showed the lesion behind it is restated as PD.
    """
    if rules["equivocal.backdate"] == "none":
        decided = decided.with_columns(backdated_to=pl.lit(None, pl.Date))
    extra = [] if basis is None else ["basis_progression_date"]
    after_progression = (pl.col("state") == PROGRESSED) & pl.col("code").is_null()
    if basis is not None:
        decided = decided.join(basis, on=["subject", "visit_date"], how="left").with_columns(
            code=pl.when(after_progression).then("basis_overall").otherwise("code")
        )
    is_restated = pl.col("restated").fill_null(value=False)
    is_progression = pl.col("overall").is_in(["PD", "iUPD", "iCPD"])
    confirms_late = pl.when("late").then(pl.lit("irecist.late_confirmation"))
    reasons = pl.col("confirmation_reasons").str.to_lowercase().str.split(";")
    return (
        decided.join(restated_visits(decided, rules), on=["subject", "visit_date"], how="left")
        .with_columns(
            overall_as_read="code",
            overall=pl.when(is_restated).then(pl.lit("PD")).otherwise("code"),
            rule_id=pl.when(is_restated & (pl.col("code") != "PD"))
            .then(pl.lit("mrecist.new_lesion.backdated"))
            .otherwise("rule_id"),
            late_rule=confirms_late,
            reason_rules=reasons.list.eval(
                pl.when(pl.element().str.contains("^c[1-6]$")).then(pl.lit("irecist.icpd.") + pl.element())
            ).fill_null([]),
        )
        .with_columns(
            progression_date=pl.when(is_progression).then(pl.min_horizontal("backdated_to", "visit_date")),
            **({} if basis is not None else {"basis_overall": pl.col("overall")}),
        )
        .with_columns(trace("target_rule", "nontarget_rule", "rule_id", "reason_rules", "late_rule"))
        .select(*(pl.col(name).cast(dtype) for name, dtype in TIMEPOINT_SCHEMA.items()), *extra)
    )
