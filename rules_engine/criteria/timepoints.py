"""Timepoint responses of a criterion without re-assessment: RECIST 1.1 and what differs from it only in its measurements."""

from __future__ import annotations

from typing import Any

import polars as pl

from rules_engine.criteria.confirmation import derive_confirmed_pairs
from rules_engine.criteria.lesion_records import LesionRecords, derive_from_records, with_names
from rules_engine.criteria.lesions import Measure
from rules_engine.criteria.new_lesions import derive_new_lesion_visits, new_lesions_of
from rules_engine.criteria.responses import (
    RuleNames,
    nontarget_response,
    overall_response,
    target_response,
    trace,
)
from rules_engine.criteria.sharing import derive_shared
from rules_engine.criteria.visits import visits_of
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import TIMEPOINT_SCHEMA

NO_HISTORY = {"cr_before": False, "target_cr_before": False, "pr_established": False}


def derive_timepoints(
    lesions: pl.LazyFrame, rules: CriterionRules, names: RuleNames, *, measure: Measure | None = None
) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline, from canonical lesion rows of one reading.

    `measure` is what is added up, where that is not the diameter of the RECIST family; `pd.abs_mm` then counts in its unit.
    """

    def derive(records: LesionRecords) -> pl.LazyFrame:
        return derive_shared(records, rules, _timepoints_of, names, measure)

    return derive_from_records(lesions, derive)


def _timepoints_of(
    records: LesionRecords, rules: CriterionRules, names: RuleNames, measure: Measure | None
) -> pl.LazyFrame:
    judged = judged_visits_of(records, rules, names, measure)
    return judged.pipe(derive_backdating, rules, names).pipe(as_timepoints)


def as_timepoints(visits: pl.LazyFrame, *more: str) -> pl.LazyFrame:
    """The columns of the contract, and `more`."""
    return visits.select(*(pl.col(name).cast(dtype) for name, dtype in TIMEPOINT_SCHEMA.items()), *more)


def derive_judged_visits(
    lesions: pl.LazyFrame, rules: CriterionRules, names: RuleNames, *, measure: Measure | None = None
) -> pl.LazyFrame:
    """Visits as each was read, before retrospective dating, with everything that the judgement looked at (see `responses`)."""
    return derive_from_records(lesions, lambda records: with_names(judged_visits_of(records, rules, names, measure)))


def judged_visits_of(
    records: LesionRecords, rules: CriterionRules, names: RuleNames, measure: Measure | None = None
) -> pl.LazyFrame:
    """The same from records: subjects are numbered texts (`Categorical`)."""
    return (
        visits_of(records, rules, measure)
        .pipe(with_new_lesions, derive_new_lesion_visits(new_lesions_of(records, rules), rules))
        .pipe(derive_nadir, rules)
        .pipe(derive_history, rules, names)
        .pipe(derive_judgement, rules, names)
    )


def with_new_lesions(visits: pl.LazyFrame, new_lesion_visits: pl.LazyFrame) -> pl.LazyFrame:
    """Visits with `new_lesion` and `backdated_to`; a visit without rows of new lesions shows none."""
    return visits.join(new_lesion_visits, on=["subject", "visit_date"], how="left").with_columns(
        pl.col("new_lesion").fill_null(value=False)
    )


def before(value: pl.Expr) -> pl.Expr:
    """The value at the subject's visit before; null at the first one. What runs from visit to visit in `value` runs within the subject."""
    return value.shift(1).over("subject", order_by="number")


def at_earlier_visit(fact: pl.Expr) -> pl.Expr:
    """The fact held at some earlier visit of the subject."""
    first = pl.when(fact).then("number").min().over("subject")
    return (pl.col("number") > first).fill_null(value=False)


def derive_nadir(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `nadir_x100`: the smallest complete sum at an earlier visit, the baseline included where the ruleset says so.

    A visit is never part of its own nadir, and an incomplete sum of none (Eisenhauer 2009 §4.3.1).
    """
    smallest_before = before(pl.col("sum_x100").cum_min().forward_fill())
    start = pl.col("baseline_x100") if rules["nadir.includes_baseline"] else pl.lit(None, pl.Int64)
    return visits.with_columns(nadir_x100=pl.min_horizontal(smallest_before, start))


def derive_judgement(visits: pl.LazyFrame, rules: CriterionRules, names: RuleNames) -> pl.LazyFrame:
    """Add target, non-target and overall response, and the rules that gave them."""
    return visits.with_columns(*target_response(rules, names), *nontarget_response(names)).with_columns(
        *overall_response(names)
    )


def derive_history(visits: pl.LazyFrame, rules: CriterionRules, names: RuleNames) -> pl.LazyFrame:
    """Add `cr_before`, `target_cr_before` and `pr_established`: what earlier visits mean for this one.

    A complete response does not depend on them (disease that is back is no complete response, whatever went before), so each
    judgement without memory shows them for the visits that follow.
    """
    judged = visits.with_columns(**{name: pl.lit(value) for name, value in NO_HISTORY.items()}).pipe(
        derive_judgement, rules, names
    )
    remembered = judged.with_columns(
        cr_before=at_earlier_visit(pl.col("overall_as_read") == "CR"),
        target_cr_before=at_earlier_visit(pl.col("target") == "CR"),
    ).with_columns(*target_response(rules, names))
    return derive_established_response(remembered, rules).drop(
        "target", "target_rule", "nontarget", "nontarget_rule", "overall_as_read", "rule_id"
    )


def derive_established_response(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `pr_established`: since the last progression of the targets, an earlier visit had established a response.

    That is the first PR or CR of the targets or, where the ruleset asks for confirmation, the one that confirms another.
    """
    if rules["pr.persistence"] == "memoryless":
        return visits.with_columns(pr_established=pl.lit(value=False))
    progressed, number = pl.col("target") == "PD", pl.col("number")
    if rules["bor.confirmation"] != "required":
        responds = pl.col("target").is_in(["CR", "PR"])
        last_response = before(pl.when(responds).then(number).forward_fill())
        last_progression = before(pl.when(progressed).then(number).forward_fill())
        is_established = (last_response > last_progression.fill_null(0)).fill_null(value=False)
        return visits.with_columns(pr_established=is_established)
    # A progression ends its course: the visit itself still knows what was established before it.
    progressions_before = progressed.cum_sum() - progressed.cast(pl.UInt32)
    courses = visits.with_columns(course=progressions_before.over("subject", order_by="number"))
    firsts = (
        derive_confirmed_pairs(
            courses.with_columns(code="target"), rules, by=("subject", "course"), **response_pair(rules)
        )
        .group_by("subject", "course")
        .agg(established_at=pl.col("second_number").min())
    )
    is_established = (number > pl.col("established_at")).fill_null(value=False)
    return (
        courses.join(firsts, on=["subject", "course"], how="left")
        .with_columns(pr_established=is_established)
        .drop("course", "established_at")
    )


def response_pair(rules: CriterionRules) -> dict[str, Any]:
    """A response of the targets, PR or better, that is confirmed by another."""
    return {"first": ("PR", "CR"), "second": ("PR", "CR"), "max_sd": rules["bor.confirm_max_sd"]}


def derive_backdating(visits: pl.LazyFrame, rules: CriterionRules, names: RuleNames) -> pl.LazyFrame:
    """Add `overall`, `progression_date` and the columns that only re-assessing criteria fill.

    A new lesion that was uncertain when first seen dates progression back to that visit (Eisenhauer 2009 §4.3.5): with `restate`
    the visit itself becomes PD, with `date_only` the date alone moves, with `none` nothing does.
    """
    if rules["equivocal.backdate"] == "none":
        visits = visits.with_columns(backdated_to=pl.lit(None, pl.Date))
    restated = restated_visits(visits, rules)
    is_restated = pl.col("restated")
    return (
        visits.join(restated, on=["subject", "visit_date"], how="left")
        .with_columns(
            overall=pl.when(is_restated).then(pl.lit("PD")).otherwise("overall_as_read"),
            rule_id=pl.when(is_restated & (pl.col("overall_as_read") != "PD"))
            .then(pl.lit(f"{names.new_lesion}.backdated"))
            .otherwise("rule_id"),
        )
        .with_columns(
            basis_overall="overall",
            progression_date=pl.when(pl.col("overall") == "PD").then(pl.min_horizontal("backdated_to", "visit_date")),
            accepted=pl.lit(value=True),
            state=pl.lit(None, pl.String),
            anchor_date=pl.lit(None, pl.Date),
            confirmation_reasons=pl.lit(None, pl.String),
        )
        .with_columns(trace("target_rule", "nontarget_rule", "rule_id"))
    )


def restated_visits(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Visits that become progression after the fact: subject, visit_date, `restated`."""
    dated = visits.filter(pl.col("backdated_to").is_not_null())
    if rules["equivocal.backdate"] != "restate":
        dated = dated.filter(pl.lit(value=False))
    first_sights = dated.select("subject", visit_date="first_sights").explode("visit_date")
    return first_sights.unique().with_columns(restated=pl.lit(value=True))
