"""Odd lesion data, said aloud: faults of the baseline, of single records, and of what follows from them.

Nothing here changes a response; what the engine did with the odd record is told in `action`.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules_engine.contracts import UNITS_PER_MM
from rules_engine.criteria.lesions import (
    ABSURD_MM,
    baseline_lesions,
    baseline_rows,
    by_node_site,
    first_baseline_dates,
    is_intrahepatic,
    is_node,
    option,
    orphaned_merges,
    postbaseline_rows,
    target_diameter,
)
from rules_engine.criteria.new_lesions import derive_new_lesions
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.visits import derive_baseline_facts, derive_readings, derive_visits
from rules_engine.findings import ERROR, NOTE, WARNING, concat_findings, derive_findings
from rules_engine.model import CriterionRules

TABLE = "lesion_assessments"

#: Kinds of disease that cannot be measured and therefore are no targets (Eisenhauer 2009 §3.2; Lencioni & Llovet 2010).
NOT_MEASURABLE = ("effusion", "pvt", "bone")

_IS_TARGET = pl.col("role") == "target"
_VISIT = pl.format("visit {}", "visit_date")
_LESION = pl.format("lesion {}", "lesion_id")
_RECORD = pl.format("visit {}, lesion {}", "visit_date", "lesion_id")


def derive_lesion_findings(lesions: pl.LazyFrame, rules: CriterionRules, timepoints: pl.LazyFrame) -> pl.LazyFrame:
    """Findings about the lesions of one reading; `timepoints` is what the criterion made of them."""
    return concat_findings(
        [
            *_of_baseline(lesions, rules),
            *_of_records(lesions, rules),
            *_of_new_lesions(lesions, rules),
            *_of_timepoints(lesions, rules, timepoints),
        ]
    )


def _finding(
    rows: pl.LazyFrame,
    rule: str,
    severity: str,
    message: str,
    action: str,
    record: pl.Expr | None = None,
    field: str = "",
    value: pl.Expr | None = None,
) -> pl.LazyFrame:
    return derive_findings(
        rows,
        rule_id=f"lesions.{rule}",
        severity=severity,
        table=TABLE,
        message=message,
        action=action,
        record=record,
        field=field,
        value=value,
    )


def _of_baseline(lesions: pl.LazyFrame, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """Measurability, number of targets, and the baseline itself (Eisenhauer 2009 §3.1, §3.2, §4.2)."""
    dates = lesions.filter("is_baseline").select("subject", "visit_date").unique()
    several = (
        dates.group_by("subject").agg(visits=pl.len(), last=pl.col("visit_date").max()).filter(pl.col("visits") > 1)
    )
    yield _finding(
        several, "baseline.several", ERROR, "the subject has more than one baseline visit",
        "the earliest is the baseline; the others are not used", pl.format("visit {}", "last"), "is_baseline", pl.col("visits"),
    )  # fmt: skip
    without = lesions.select("subject").unique().join(dates, on="subject", how="anti")
    yield _finding(
        without, "baseline.missing", ERROR, "the subject has no baseline visit", "no target response can be judged",
        None, "is_baseline",
    )  # fmt: skip
    baseline = lesions.join(first_baseline_dates(lesions), on="subject")
    early = baseline.filter(
        ~pl.col("is_baseline").fill_null(value=False), pl.col("visit_date") <= pl.col("baseline_date")
    )
    yield _finding(
        early, "visit.before_baseline", WARNING, "the visit is not after the baseline", "the row is not used",
        _RECORD, "visit_date", pl.col("visit_date"),
    )  # fmt: skip
    known = baseline_lesions(lesions)
    first = baseline_rows(lesions).filter(_IS_TARGET)
    size = target_diameter(rules)
    smallest = (
        pl.when(is_node())
        .then(by_node_site(rules, "target.min_node_short_mm"))
        .otherwise(pl.lit(hundredths(rules["target.min_mm"]), pl.Int64))
    )
    measured = first.join(known.select("subject", "lesion_id", "enhanced"), on=["subject", "lesion_id"]).with_columns(
        size=size
    )
    yield _finding(
        measured.filter(pl.col("size") < smallest), "target.too_small", WARNING,
        "the target lesion is smaller at baseline than a target should be", "it stays a target", _LESION, "mm", _mm("size"),
    )  # fmt: skip
    yield _finding(
        first.filter(pl.col("kind").is_in(NOT_MEASURABLE)), "target.not_measurable", ERROR,
        "disease of this kind cannot be measured and should be non-target", "it is used as a target", _LESION, "kind", pl.col("kind"),
    )  # fmt: skip
    if option(rules, "mrecist.measure") == "viable":
        yield _finding(
            first.filter(is_intrahepatic(), pl.col("kind") == "infiltrative"), "target.infiltrative", WARNING,
            "infiltrative liver cancer has no diameter that can be repeated and should be non-target", "it is used as a target",
            _LESION, "kind", pl.col("kind"),
        )  # fmt: skip
    yield _finding(
        baseline_rows(lesions).filter(pl.col("kind") == "cyst"), "cyst", WARNING, "a simple cyst is no disease",
        "it is used as recorded", _LESION, "kind", pl.col("kind"),
    )  # fmt: skip
    has_targets = (pl.col("n_targets") > 0) | pl.col("target_without_baseline")
    without_sum = derive_baseline_facts(lesions, known, rules).filter(has_targets, pl.col("baseline_x100").is_null())
    yield _finding(
        without_sum, "baseline.no_sum", ERROR, "the target sum at baseline is missing, incomplete or 0",
        "the target response is NE at every visit", None, "mm",
    )  # fmt: skip
    targets = known.filter(_IS_TARGET)
    total = targets.group_by("subject").agg(count=pl.len()).filter(pl.col("count") > rules["target.max_total"])
    yield _finding(
        total, "target.too_many", WARNING, "the subject has more target lesions than allowed", "all are used",
        None, "role", pl.col("count"),
    )  # fmt: skip
    organ = (
        pl.when(is_node()).then(pl.lit("lymph_node")).otherwise(pl.col("organ").str.strip_chars().str.to_lowercase())
    )
    per_organ = targets.group_by("subject", place=organ).agg(count=pl.len())
    yield _finding(
        per_organ.filter(pl.col("count") > rules["target.max_per_organ"]), "target.too_many_per_organ", WARNING,
        "an organ has more target lesions than allowed", "all are used", pl.format("organ {}", "place"), "organ", pl.col("count"),
    )  # fmt: skip


def _of_records(lesions: pl.LazyFrame, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """Single records that contradict themselves, the lesion's first record, or belief."""
    for column in ("mm_x100", "viable_mm_x100"):
        absurd = (pl.col(column) < 0) | (pl.col(column) > ABSURD_MM * UNITS_PER_MM)
        yield _finding(
            lesions.filter(absurd), "diameter.absurd", ERROR, f"the diameter is below 0 or above {ABSURD_MM} mm",
            "it is refused; a target with it is not evaluable", _RECORD, column.removesuffix("_x100"), _mm(column),
        )  # fmt: skip
    part_larger = pl.col("viable_mm_x100") > pl.col("mm_x100")
    yield _finding(
        lesions.filter(part_larger), "diameter.viable_above_whole", WARNING,
        "the viable part is larger than the whole lesion", "both are used as recorded", _RECORD, "viable_mm", _mm("viable_mm_x100"),
    )  # fmt: skip
    has_size = (pl.col("mm_x100") > 0) | (pl.col("viable_mm_x100") > 0)
    yield _finding(
        lesions.filter(pl.col("state").is_in(["absent", "ne", "merged"]) & has_size), "state.contradicts_number", WARNING,
        "the state says that there is no measurement, and there is one", "the state is used, the number is not", _RECORD, "state",
        pl.col("state"),
    )  # fmt: skip
    of_lesion = lesions.group_by("subject", "lesion_id").agg(
        roles=pl.col("role").unique().sort().str.join(", "),
        first_seen=pl.col("visit_date").min(),
        at_baseline=pl.col("is_baseline").any(),
        role=pl.col("role").filter(pl.col("visit_date") == pl.col("visit_date").min()).max(),
    )
    yield _finding(
        of_lesion.filter(pl.col("roles").str.contains(", ")), "role.changes", ERROR,
        "the lesion changes its role", "the role of its first record is used", _LESION, "role", pl.col("roles"),
    )  # fmt: skip
    yield _finding(
        of_lesion.filter(~pl.col("at_baseline") & pl.col("role").is_in(["target", "non-target"])), "role.not_at_baseline", ERROR,
        "a target or non-target lesion must be recorded at baseline", "the lesion is not used", _LESION, "role", pl.col("role"),
    )  # fmt: skip
    yield _finding(
        of_lesion.filter(pl.col("at_baseline") & (pl.col("role") == "new")), "role.new_at_baseline", ERROR,
        "a lesion of the baseline cannot be new", "the lesion is not used", _LESION, "role", pl.col("role"),
    )  # fmt: skip
    repeated = lesions.group_by("subject", "visit_date", "lesion_id", "fragment_id").agg(count=pl.len())
    yield _finding(
        repeated.filter(pl.col("count") > 1), "record.repeated", ERROR, "the lesion is recorded more than once at one visit",
        "a target sum with it is not evaluable", _RECORD, "lesion_id", pl.col("count"),
    )  # fmt: skip
    parts = lesions.group_by("subject", "visit_date", "lesion_id").agg(
        wholes=pl.col("fragment_id").null_count(), fragments=pl.col("fragment_id").count()
    )
    yield _finding(
        parts.filter(pl.col("wholes") > 0, pl.col("fragments") > 0), "record.whole_and_fragments", ERROR,
        "the lesion is recorded at one visit both as a whole and in fragments", "a target sum with it is not evaluable", _RECORD,
        "fragment_id", pl.col("fragments"),
    )  # fmt: skip
    orphans = orphaned_merges(lesions, baseline_lesions(lesions)).join(
        baseline_lesions(lesions).filter(_IS_TARGET), on=["subject", "lesion_id"], how="semi"
    )
    yield _finding(
        orphans, "merged.without_carrier", ERROR,
        "the lesion is merged into one that is no measured target at this visit", "the lesion is not evaluable", _RECORD, "into",
    )  # fmt: skip
    merged = pl.col("state") == "merged"
    carriers = lesions.filter(merged.not_().fill_null(value=True)).select("subject", "visit_date", into="lesion_id")
    yield _finding(
        lesions.filter(merged, pl.col("role") == "new").join(carriers, on=["subject", "visit_date", "into"], how="anti"),
        "merged.new_without_carrier", WARNING, "the new lesion is merged into one that is not recorded at this visit",
        "it contributes 0 to the sum of new lesions", _RECORD, "into", pl.col("into"),
    )  # fmt: skip
    ask_exclusion = option(rules, "mrecist.on_study_local") == "exclude"
    if ask_exclusion and "local_therapy" not in lesions.collect_schema().names():
        yield _finding(
            lesions.select("subject").head(1).with_columns(subject=pl.lit(None, pl.String)), "local_therapy.not_recorded", WARNING,
            "the ruleset excludes locally treated targets, and the table has no column local_therapy", "no target is excluded",
            None, "local_therapy",
        )  # fmt: skip


def _of_new_lesions(lesions: pl.LazyFrame, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """Size and number of the new lesions that are measured (Seymour 2017)."""
    if option(rules, "irecist.new_target_max_total") is None:
        return
    measured = derive_new_lesions(lesions, rules).filter("measured")
    nodes = (
        postbaseline_rows(lesions)
        .group_by("subject", "lesion_id")
        .agg(node=pl.col("node").max(), site=pl.col("site").max(), visit_date=pl.col("visit_date").min())
    )
    smallest = (
        pl.when(is_node())
        .then(by_node_site(rules, "target.min_node_short_mm"))
        .otherwise(pl.lit(hundredths(rules["target.min_mm"]), pl.Int64))
    )
    first = measured.join(nodes, on=["subject", "lesion_id", "visit_date"])
    yield _finding(
        first.filter((pl.col("c") < smallest) & pl.col("shown")), "new_target.too_small", WARNING,
        "the measured new lesion is smaller than a measured one should be", "it stays measured", _RECORD, "mm", _mm("c"),
    )  # fmt: skip
    lesions_of = measured.select("subject", "lesion_id", "organ").unique()
    total = lesions_of.group_by("subject").agg(count=pl.len())
    yield _finding(
        total.filter(pl.col("count") > rules["irecist.new_target_max_total"]), "new_target.too_many", WARNING,
        "the subject has more measured new lesions than allowed", "all are used", None, "nl", pl.col("count"),
    )  # fmt: skip
    per_organ = lesions_of.group_by("subject", "organ").agg(count=pl.len())
    yield _finding(
        per_organ.filter(pl.col("count") > rules["irecist.new_target_max_per_organ"]), "new_target.too_many_per_organ", WARNING,
        "an organ has more measured new lesions than allowed", "all are used", pl.format("organ {}", "organ"), "nl", pl.col("count"),
    )  # fmt: skip


def _of_timepoints(lesions: pl.LazyFrame, rules: CriterionRules, timepoints: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    """What the responses rest on: a missing baseline sum, a relapse in a single node, a lesion too small to measure that is back."""
    decided = pl.col("trace").str.split(";")

    def fired(rule: str) -> pl.Expr:
        return decided.list.eval(pl.element().str.ends_with(rule)).list.any()

    visits = derive_visits(lesions, rules).select("subject", "visit_date", "nodes_back", "others_back")
    joined = timepoints.join(visits, on=["subject", "visit_date"], how="left")
    only_node = (pl.col("nodes_back") == 1) & (pl.col("others_back") == 0) & ~pl.col("new_lesion")
    yield _finding(
        joined.filter(fired(".target.reappearance"), only_node, pl.col("nontarget") != "PD"), "node_only_relapse", WARNING,
        "after a complete response a single lymph node is the only disease", "it is progression; consider imaging it again", _VISIT,
    )  # fmt: skip
    returns = _visits_with_tstm_return(lesions, rules)
    by_arithmetic = fired(".target.pd") | fired(".target.pd_partial")
    yield _finding(
        timepoints.filter(by_arithmetic).join(returns, on=["subject", "visit_date"], how="semi"), "tstm_reappearance", WARNING,
        "a lesion that had gone is back, too small to measure, in a sum that is progression",
        "it counts with the ruleset's default size", _VISIT,
    )  # fmt: skip
    yield _finding(
        timepoints.filter(fired("irecist.late_confirmation")), "late_confirmation", WARNING,
        "the scan that confirms progression comes after the window", "it confirms", _VISIT, "visit_date",
        (pl.col("visit_date") - pl.col("anchor_date")).dt.total_days(),
    )  # fmt: skip
    yield _finding(
        timepoints.filter(~pl.col("accepted")), "early_scan", NOTE,
        "the scan comes too soon after an unconfirmed progression", "it is disregarded", _VISIT,
    )  # fmt: skip
    anchors = timepoints.filter(pl.col("target") == "PD", ~pl.col("sum_complete")).select(
        "subject", anchor_date="visit_date", from_partial=pl.lit(value=True)
    )
    compared = timepoints.join(anchors, on=["subject", "anchor_date"], how="left")
    still_asked = (pl.col("overall") == "iUPD") & pl.col("accepted") & (pl.col("visit_date") > pl.col("anchor_date"))
    rests_on_part = (fired(".c1") & (~pl.col("sum_complete") | pl.col("from_partial"))) | (
        still_asked & pl.col("from_partial")
    )
    yield _finding(
        compared.filter(rests_on_part), "incomplete_growth", WARNING, "further growth of the targets rests on an incomplete sum",
        "the lesions that are known are compared", _VISIT,
    )  # fmt: skip


def _visits_with_tstm_return(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Visits at which a target is too small to measure that had contributed nothing at an earlier one: subject, visit_date."""
    of_lesion = ["subject", "lesion_id"]
    rows = postbaseline_rows(lesions)
    # Few lesions are ever too small to measure; only their rows are read.
    rows = rows.join(rows.filter(pl.col("state") == "tstm").select(of_lesion).unique(), on=of_lesion, how="semi")
    readings = derive_readings(rows, lesions, baseline_lesions(lesions), rules).filter(_IS_TARGET)
    per_visit = readings.group_by(*of_lesion, "visit_date").agg(
        size=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()), small=(pl.col("state") == "tstm").any()
    )
    gone = per_visit.filter(pl.col("size") == 0).group_by(of_lesion).agg(gone_on=pl.col("visit_date").min())
    return (
        per_visit.filter("small", pl.col("size") > 0)
        .join(gone, on=of_lesion)
        .filter(pl.col("visit_date") > pl.col("gone_on"))
        .select("subject", "visit_date")
        .unique()
    )


def _mm(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64) / UNITS_PER_MM


def derive_baseline_age_findings(lesions: pl.LazyFrame, reference_dates: pl.LazyFrame, max_days: int) -> pl.LazyFrame:
    """Baselines more than `max_days` before the reference date (Eisenhauer 2009 §4.1); one finding per subject."""
    age = (pl.col("reference_date") - pl.col("baseline_date")).dt.total_days()
    old = first_baseline_dates(lesions).join(reference_dates, on="subject").with_columns(age=age)
    return _finding(
        old.filter(pl.col("age") > max_days), "baseline.too_old", WARNING,
        "the baseline is older than allowed at the start", "it is used", pl.format("visit {}", "baseline_date"), "visit_date",
        pl.col("age"),
    )  # fmt: skip
