"""One row per subject and visit after baseline: the sums of the targets and the state of the non-targets, before any judgement.

=====================  ==================================================================================================
column                 meaning
=====================  ==================================================================================================
subject, visit_date    the visit; `number` counts a subject's visits from 1
reason                 why it took place: `symptom` where any row says so, else `scheduled`, else `other`
suspected_pseudo…      any row carries the investigator's flag
has_targets            the baseline has target lesions (or target lesions exist and the baseline has none: a fault)
baseline_x100          sum at baseline; null where it is missing, incomplete or 0
sum_x100               sum of all targets; null unless every one is known
partial_x100           sum of the targets that are known: a lower bound of the true sum
sum_complete           every target is known
targets_gone           every known non-nodal target contributes 0 and every known node is normal
nodes_back, others_back  number of known targets that are disease: nodes not normal, other lesions above 0
tstm_count             number of targets that were too small to measure
has_nontargets         the baseline has non-target lesions
nontarget_progressed, nontarget_unknown, nontarget_gone, nontarget_seen   any unequivocal; any not evaluated; all absent; any
                       non-nodal one present (an effusion only with the cytology that the ruleset asks for)
=====================  ==================================================================================================

With `per_lesion`, for the criteria that re-assess progression: `targets` (lesion and contribution, only for subjects with an
incomplete sum), `progressed_ids` and `increased_ids` of non-target lesions.
"""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.lesions import (
    baseline_lesions,
    baseline_rows,
    contribution,
    has_proof_of_malignancy,
    is_node,
    local_therapy_rule,
    nontarget_status,
    postbaseline_rows,
    target_diameter,
    with_baseline_traits,
    without_orphaned_merges,
)
from rules_engine.criteria.numbers import hundredths
from rules_engine.model import CriterionRules

_IS_TARGET = pl.col("role") == "target"
_IS_NONTARGET = pl.col("role") == "non-target"


def derive_visits(lesions: pl.LazyFrame, rules: CriterionRules, *, per_lesion: bool = False) -> pl.LazyFrame:
    """Canonical lesion rows of one reading in; one row per subject and visit after baseline out (see the module)."""
    known = baseline_lesions(lesions)
    rows = _readings(postbaseline_rows(lesions), known, rules)
    visits = (
        rows.group_by("subject", "visit_date")
        .agg(
            pl.col("reason").max(),
            pl.col("suspected_pseudoprogression").any(),
            *_target_facts(rules),
            *_nontarget_facts(rules),
        )
        .join(_baseline_facts(lesions, known, rules), on="subject", how="left")
        .with_columns(
            pl.col("reason").fill_null("scheduled"),
            pl.col("n_targets", "n_nontargets").fill_null(0),
        )
        .with_columns(
            has_targets=(pl.col("n_targets") > 0) | pl.col("target_without_baseline").fill_null(value=False),
            has_nontargets=pl.col("n_nontargets") > 0,
            sum_complete=(pl.col("n_targets") > 0)
            & (pl.col("targets_read") == pl.col("n_targets"))
            & ~pl.col("target_missing")
            & ~pl.col("target_repeated"),
            partial_x100=pl.when(~pl.col("target_repeated")).then("partial_x100"),
            nontarget_unknown=pl.col("nontarget_missing") | (pl.col("nontargets_read") < pl.col("n_nontargets")),
        )
        .with_columns(
            sum_x100=pl.when("sum_complete").then("partial_x100"),
            number=pl.col("visit_date").rank("ordinal").over("subject").cast(pl.Int64),
        )
    )
    return _with_lesion_lists(visits, rows) if per_lesion else visits


def _readings(rows: pl.LazyFrame, known: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Rows with the traits of their baseline lesion, `c` (contribution of a target) and `status` (of a non-target)."""
    traited = without_orphaned_merges(with_baseline_traits(rows, known))
    traited = traited.with_columns(
        c=pl.when(_IS_TARGET).then(contribution(target_diameter(rules), rules)),
        status=pl.when(_IS_NONTARGET).then(nontarget_status(rules)),
    )
    ended = local_therapy_rule(rows, rules)
    if ended is None:
        return traited
    return traited.join(ended, on=["subject", "lesion_id"], how="left").with_columns(
        c=pl.when((pl.col("visit_date") >= pl.col("treated_on")).fill_null(value=False)).then(None).otherwise("c")
    )


def _target_facts(rules: CriterionRules) -> list[pl.Expr]:
    normal_below = hundredths(rules["node.normal_below_mm"])
    lesion = pl.col("lesion_id")
    is_disease_node = _IS_TARGET & is_node() & (pl.col("c") >= normal_below)
    is_disease = _IS_TARGET & ~is_node() & (pl.col("c") > 0)
    return [
        pl.col("c").sum().alias("partial_x100"),
        (_IS_TARGET & pl.col("c").is_null()).any().alias("target_missing"),
        lesion.filter(_IS_TARGET).n_unique().cast(pl.Int64).alias("targets_read"),
        _is_repeated().alias("target_repeated"),
        is_disease_node.sum().cast(pl.Int64).alias("nodes_back"),
        is_disease.sum().cast(pl.Int64).alias("others_back"),
        (_IS_TARGET & (pl.col("state") == "tstm") & (pl.col("c") > 0)).sum().cast(pl.Int64).alias("tstm_count"),
    ]


def _is_repeated() -> pl.Expr:
    """Some target is recorded twice at one visit; it cannot be summed, and validation names the rows."""
    whole = _IS_TARGET & pl.col("fragment_id").is_null()
    return whole.sum() > pl.col("lesion_id").filter(whole).n_unique()


def _nontarget_facts(rules: CriterionRules) -> list[pl.Expr]:
    status = pl.col("status")
    is_seen = (status == "present") & ~is_node() & has_proof_of_malignancy(rules)
    return [
        (status == "unequivocal").any().alias("nontarget_progressed"),
        (_IS_NONTARGET & status.is_null()).any().alias("nontarget_missing"),
        pl.col("lesion_id").filter(_IS_NONTARGET).n_unique().cast(pl.Int64).alias("nontargets_read"),
        (_IS_NONTARGET & (status != "absent")).any().not_().alias("nontarget_gone"),
        is_seen.any().alias("nontarget_seen"),
    ]


def _baseline_facts(lesions: pl.LazyFrame, known: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One row per subject: number of targets and non-targets, baseline sum, and whether targets lack a baseline."""
    at_baseline = _readings(baseline_rows(lesions), known, rules)
    lesion = pl.col("lesion_id")
    counted = at_baseline.group_by("subject").agg(
        n_targets=lesion.filter(_IS_TARGET).n_unique().cast(pl.Int64),
        n_nontargets=lesion.filter(_IS_NONTARGET).n_unique().cast(pl.Int64),
        total=pl.col("c").sum(),
        incomplete=(_IS_TARGET & pl.col("c").is_null()).any(),
        repeated=_is_repeated(),
    )
    usable = ~pl.col("incomplete") & ~pl.col("repeated") & (pl.col("total") > 0)
    any_target = lesions.filter(_IS_TARGET).select("subject").unique().with_columns(target_anywhere=pl.lit(value=True))
    return (
        counted.select("subject", "n_targets", "n_nontargets", baseline_x100=pl.when(usable).then("total"))
        .join(any_target, on="subject", how="full", coalesce=True)
        .select(
            "subject",
            "n_targets",
            "n_nontargets",
            "baseline_x100",
            target_without_baseline=pl.col("target_anywhere").fill_null(value=False)
            & (pl.col("n_targets").fill_null(0) == 0),
        )
    )


def _with_lesion_lists(visits: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    nontargets = (
        rows.filter(_IS_NONTARGET & pl.col("status").is_not_null())
        .filter(
            (pl.col("status") == "unequivocal") | ((pl.col("vs_last") == "increased") & (pl.col("status") != "absent"))
        )
        .group_by("subject", "visit_date")
        .agg(
            progressed_ids=pl.col("lesion_id").filter(pl.col("status") == "unequivocal").unique(),
            increased_ids=pl.col("lesion_id").filter(pl.col("vs_last") == "increased").unique(),
        )
    )
    # The targets one by one are needed only where a sum may be compared over the lesions known at two visits.
    incomplete = visits.filter(~pl.col("sum_complete")).select("subject").unique()
    targets = (
        rows.filter(_IS_TARGET)
        .join(incomplete, on="subject", how="semi")
        .group_by("subject", "visit_date", "lesion_id")
        .agg(c=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()))
        .filter(pl.col("c").is_not_null())
        .group_by("subject", "visit_date")
        .agg(targets=pl.struct("lesion_id", "c"))
    )
    return visits.join(nontargets, on=["subject", "visit_date"], how="left").join(
        targets, on=["subject", "visit_date"], how="left"
    )
