"""From the machine's decisions to timepoint responses: retrospective dating, and the columns of the contract."""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.lesion_records import narrow
from rules_engine.criteria.reassessment import REASONS
from rules_engine.criteria.responses import trace
from rules_engine.criteria.timepoints import as_timepoints, restated_visits
from rules_engine.model import CriterionRules


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
    if basis is not None:
        decided = decided.join(narrow(basis), on=["subject", "visit_date"], how="left").with_columns(
            code=pl.coalesce("code", "basis_overall")
        )
    is_restated = pl.col("restated")
    is_progression = pl.col("overall").is_in(["PD", "iUPD", "iCPD"])
    confirms_late = pl.when("late").then(pl.lit("irecist.icpd.late"))
    seen_before = pl.format("irecist.iupd.first_seen {}", "first_seen")
    confirmed_by = [
        pl.when(pl.col("confirmation_reasons").str.contains(reason)).then(pl.lit(f"irecist.icpd.{reason.lower()}"))
        for reason in REASONS
    ]
    return (
        decided.join(restated_visits(decided, rules), on=["subject", "visit_date"], how="left")
        .with_columns(
            overall_as_read="code",
            overall=pl.when(is_restated).then(pl.lit("PD")).otherwise("code"),
            rule_id=pl.when(is_restated & (pl.col("code") != "PD"))
            .then(pl.lit("mrecist.new_lesion.backdated"))
            .otherwise("rule_id"),
        )
        .with_columns(
            progression_date=pl.when(is_progression).then(pl.min_horizontal("backdated_to", "visit_date")),
            **({} if basis is not None else {"basis_overall": pl.col("overall")}),
        )
        .with_columns(trace("target_rule", "nontarget_rule", "rule_id", *confirmed_by, confirms_late, seen_before))
        .pipe(as_timepoints, *extra)
    )
