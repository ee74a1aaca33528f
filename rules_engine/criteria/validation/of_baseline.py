"""Faults of the baseline: measurability, number of targets, and the visit itself (Eisenhauer 2009 §3.1, §3.2, §4.1, §4.2)."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords
from rules_engine.criteria.lesions import (
    Measure,
    baseline_rows,
    by_node_site,
    contribution,
    diameter,
    first_baseline_dates,
    is_intrahepatic,
    is_node,
    option,
)
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.validation.saying import IS_TARGET, RECORD, finding, in_mm, place
from rules_engine.criteria.visits import derive_readings, subjects_without_sum
from rules_engine.findings import ERROR, WARNING, phrase
from rules_engine.model import CriterionRules

#: Kinds of disease that cannot be measured and therefore are no targets (Eisenhauer 2009 §3.2; Lencioni & Llovet 2010).
NOT_MEASURABLE = ("effusion", "pvt", "bone")


def findings_of_baseline(
    records: LesionRecords, rules: CriterionRules, measure: Measure | None = None
) -> Iterable[pl.LazyFrame]:
    """Findings about the lesions of the baseline of one reading."""
    yield from _of_targets(records, rules)
    yield _without_sum(records, rules, measure)


def findings_of_baseline_visit(lesions: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    """Findings about the visits of one reading that are called baseline, whatever the rules of the criterion."""
    dates = lesions.filter("is_baseline").select("subject", "visit_date").unique()
    several = (
        dates.group_by("subject").agg(visits=pl.len(), last=pl.col("visit_date").max()).filter(pl.col("visits") > 1)
    )
    yield finding(
        several, "baseline.several", ERROR, "the subject has more than one baseline visit",
        "the earliest is the baseline; the others are not used", phrase("visit {}", "last"), "is_baseline", pl.col("visits"),
    )  # fmt: skip
    without = lesions.select("subject").unique().join(dates, on="subject", how="anti")
    yield finding(
        without, "baseline.missing", ERROR, "the subject has no baseline visit", "no target response can be judged",
        None, "is_baseline",
    )  # fmt: skip
    baseline = lesions.join(first_baseline_dates(lesions), on="subject")
    early = baseline.filter(
        ~pl.col("is_baseline").fill_null(value=False), pl.col("visit_date") <= pl.col("baseline_date")
    )
    yield finding(
        early, "visit.before_baseline", WARNING, "the visit is not after the baseline", "the row is not used",
        RECORD, "visit_date", pl.col("visit_date"),
    )  # fmt: skip


def _of_targets(records: LesionRecords, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    known = records.known
    first = baseline_rows(records.rows).filter(IS_TARGET)
    smallest = (
        pl.when(is_node())
        .then(by_node_site(rules, "target.min_node_short_mm"))
        .otherwise(pl.lit(hundredths(rules["target.min_mm"]), pl.Int64))
    )
    sizes = (
        first.join(known.select("subject", "lesion_id", "intrahepatic", "enhanced"), on=["subject", "lesion_id"])
        .with_columns(c=contribution(diameter(rules)), smallest=smallest)
        .group_by("subject", "visit_date", "lesion_id")
        .agg(size=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()), smallest=pl.col("smallest").max())
        .join(records.orphans, on=["subject", "visit_date", "lesion_id"], how="anti")
    )
    yield finding(
        sizes.filter(pl.col("size") < pl.col("smallest")), "target.too_small", WARNING,
        "the target lesion is smaller at baseline than a target should be", "it stays a target", RECORD, "mm", in_mm("size"),
    )  # fmt: skip
    yield finding(
        first.filter(pl.col("kind").is_in(NOT_MEASURABLE)), "target.not_measurable", ERROR,
        "disease of this kind cannot be measured and should be non-target", "it is used as a target", RECORD, "kind", pl.col("kind"),
    )  # fmt: skip
    if option(rules, "mrecist.measure") == "viable":
        yield finding(
            first.filter(is_intrahepatic(), pl.col("kind") == "infiltrative"), "target.infiltrative", WARNING,
            "infiltrative liver cancer has no diameter that can be repeated and should be non-target", "it is used as a target",
            RECORD, "kind", pl.col("kind"),
        )  # fmt: skip
    yield finding(
        baseline_rows(records.rows).filter(pl.col("kind") == "cyst"), "cyst", WARNING, "a simple cyst is no disease",
        "it is used as recorded", RECORD, "kind", pl.col("kind"),
    )  # fmt: skip
    targets = known.filter(IS_TARGET)
    total = targets.group_by("subject").agg(count=pl.len()).filter(pl.col("count") > rules["target.max_total"])
    yield finding(
        total, "target.too_many", WARNING, "the subject has more target lesions than allowed", "all are used",
        None, "role", pl.col("count"),
    )  # fmt: skip
    per_organ = targets.group_by("subject", place=place()).agg(count=pl.len())
    yield finding(
        per_organ.filter(pl.col("count") > rules["target.max_per_organ"]), "target.too_many_per_organ", WARNING,
        "an organ has more target lesions than allowed", "all are used", phrase("organ {}", "place"), "organ", pl.col("count"),
    )  # fmt: skip


def _without_sum(records: LesionRecords, rules: CriterionRules, measure: Measure | None) -> pl.LazyFrame:
    """Subjects without a usable baseline sum, with the target lesions that were not measured there."""
    without = subjects_without_sum(records, rules, measure)
    first = baseline_rows(records.rows).filter(IS_TARGET)
    unmeasured = (
        derive_readings(first, records.rows, records.known, rules, measure, orphans=records.orphans)
        .filter(pl.col("c").is_null())
        .group_by("subject")
        .agg(lesions=pl.col("lesion_id").cast(pl.String).unique().sort().str.join(", "))
    )
    named = without.join(unmeasured, on="subject", how="left").join(
        records.subjects.select("subject", "baseline_date"), on="subject", how="left"
    )
    return finding(
        named, "baseline.no_sum", ERROR, "the target sum at baseline is missing, incomplete or 0",
        "the target response is NE at every visit",
        pl.coalesce(phrase("visit {}, lesion {}", "baseline_date", "lesions"), phrase("visit {}", "baseline_date")),
        "mm",
    )  # fmt: skip


def baseline_age_findings(
    baselines: pl.LazyFrame, reference_dates: pl.LazyFrame, rules: CriterionRules
) -> pl.LazyFrame:
    """Baselines longer before the reference date than the ruleset allows (Eisenhauer 2009 §4.1); one finding per subject.

    In: `baselines` (subject, visit_date), `reference_dates` (subject, reference_date).
    """
    most = option(rules, "baseline.max_days")
    age = (pl.col("reference_date") - pl.col("visit_date")).dt.total_days()
    dated = baselines.join(reference_dates.select("subject", "reference_date"), on="subject").with_columns(age=age)
    return finding(
        dated.filter(pl.col("age") > (float("inf") if most is None else most)), "baseline.too_old", WARNING,
        "the baseline is older at the start than allowed", "it is used", phrase("visit {}", "visit_date"), "visit_date",
        phrase("{} days", "age"),
    )  # fmt: skip
