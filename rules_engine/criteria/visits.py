"""One row per subject and visit after baseline: the sums of the targets and the state of the non-targets, before any judgement.

==================================  =====================================================================================
column                              meaning
==================================  =====================================================================================
subject, visit_date, number         the visit; `number` counts a subject's visits from 1
reason                              why it took place: `symptom` where any row says so, else `scheduled`, else `other`
suspected_pseudoprogression         any row carries the investigator's flag
has_targets                         the baseline has target lesions, or (a fault) only later visits have
baseline_x100                       sum at baseline; null where it is missing, incomplete or 0
sum_x100, sum_complete              sum of all targets; null unless every one is known
partial_x100                        sum of the targets that are known: a lower bound of the true sum
nodes_back, others_back             number of known targets that are disease: nodes not normal, other lesions above 0
has_nontargets                      the baseline has non-target lesions
nontarget_progressed                any of them unequivocally progressed
nontarget_unknown, nontarget_gone   any not evaluated; all that were evaluated absent
nontarget_seen                      any that is no node present, an effusion only with the cytology asked for
==================================  =====================================================================================

With `per_lesion`, for criteria that re-assess progression: `targets` (lesion and contribution, only for subjects with an
incomplete sum), and of the non-target lesions `progressed_ids`, `increased_ids` and `increased_seen_ids` (as `nontarget_seen`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.criteria.lesions import (
    TRAITS,
    Measure,
    baseline_lesions,
    baseline_rows,
    contribution,
    diameter,
    first_baseline_dates,
    has_proof_of_malignancy,
    is_node,
    is_too_small_to_measure,
    local_therapy_rule,
    nontarget_status,
    orphaned_merges,
)
from rules_engine.criteria.numbers import hundredths
from rules_engine.model import CriterionRules

_IS_TARGET = pl.col("role") == "target"
_IS_NONTARGET = pl.col("role") == "non-target"
_COLUMNS = (
    "subject", "visit_date", "lesion_id", "fragment_id", "mm_x100", "viable_mm_x100", "state", "into", "status", "vs_last", "cytology",
    "reason", "suspected_pseudoprogression",
)  # fmt: skip


def derive_visits(
    lesions: pl.LazyFrame, rules: CriterionRules, *, measure: Measure | None = None, per_lesion: bool = False
) -> pl.LazyFrame:
    """Canonical lesion rows of one reading in; one row per subject and visit after baseline out (see the module).

    `measure` is what is added up, where that is not the diameter of the RECIST family.
    """
    known = baseline_lesions(lesions)
    readings = derive_readings(lesions.filter(~_is_baseline()), lesions, known, rules, measure)
    visits = (
        readings.group_by("subject", "visit_date")
        .agg(
            pl.col("reason").max(),
            pl.col("suspected_pseudoprogression").max(),
            *_TARGET_FACTS,
            *_NONTARGET_FACTS,
        )
        .join(first_baseline_dates(lesions), on="subject", how="left")
        .filter((pl.col("visit_date") > pl.col("baseline_date")).fill_null(value=True))
        .join(derive_baseline_facts(lesions, known, rules, measure), on="subject", how="left")
        .with_columns(
            pl.col("reason").fill_null("scheduled"),
            pl.col("suspected_pseudoprogression").fill_null(value=False),
            pl.col("n_targets", "n_nontargets").fill_null(0),
        )
        .with_columns(
            has_targets=(pl.col("n_targets") > 0) | pl.col("target_without_baseline").fill_null(value=False),
            has_nontargets=pl.col("n_nontargets") > 0,
            sum_complete=(pl.col("n_targets") > 0)
            & (pl.col("targets_read") == pl.col("n_targets"))
            & ~pl.col("target_missing")
            & ~_is_repeated(),
            partial_x100=pl.when(~_is_repeated()).then("partial_x100"),
            nontarget_unknown=pl.col("nontarget_missing") | (pl.col("nontargets_read") < pl.col("n_nontargets")),
            nontarget_gone=~pl.col("nontarget_left"),
        )
        .with_columns(
            sum_x100=pl.when("sum_complete").then("partial_x100"),
            number=pl.col("visit_date").rank("ordinal").over("subject").cast(pl.Int64),
        )
    )
    return _with_lesion_lists(visits, readings, rules) if per_lesion else visits


def _is_baseline() -> pl.Expr:
    return pl.col("is_baseline").fill_null(value=False)


def derive_readings(
    rows: pl.LazyFrame,
    lesions: pl.LazyFrame,
    known: pl.LazyFrame,
    rules: CriterionRules,
    measure: Measure | None = None,
    also: Sequence[str] = (),
) -> pl.LazyFrame:
    """Rows with the traits of their baseline lesion, `c` (a target's contribution), `status` (a non-target's) and what a visit counts.

    `role` is null for a lesion that the baseline does not have. A lesion is looked at row by row: the fragments of a split lesion add up
    in the sum. `also` names further columns of the rows to keep.
    """
    measure = measure or diameter(rules)
    measured = [name for name in measure.size.meta.root_names() if name not in (*_COLUMNS, *TRAITS, "enhanced", *also)]
    readings = (
        rows.select(*_COLUMNS, *measured, *also)
        .join(known.select("subject", "lesion_id", *TRAITS, "enhanced"), on=["subject", "lesion_id"], how="left")
        .join(orphaned_merges(lesions, known), on=["subject", "visit_date", "lesion_id"], how="left")
        .with_columns(state=pl.when(pl.col("orphaned") & _IS_TARGET).then(pl.lit("ne")).otherwise("state"))
        .with_columns(
            c=pl.when(_IS_TARGET).then(contribution(measure)),
            status=pl.when(_IS_NONTARGET).then(nontarget_status(rules)),
        )
    )
    ended = local_therapy_rule(lesions, rules)
    if ended is not None:
        treated = (pl.col("visit_date") >= pl.col("treated_on")).fill_null(value=False)
        readings = readings.join(ended, on=["subject", "lesion_id"], how="left").with_columns(
            c=pl.when(~treated).then("c")
        )
    return readings.with_columns(**_target_marks(rules, measure), **_nontarget_marks(rules))


def _target_marks(rules: CriterionRules, measure: Measure) -> dict[str, pl.Expr]:
    """What each row says of a target; the visit sums it up in `_TARGET_FACTS`."""
    normal_below = hundredths(rules["node.normal_below_mm"])
    return {
        "target_id": pl.when(_IS_TARGET).then("lesion_id"),
        "whole_target_id": pl.when(_IS_TARGET & pl.col("fragment_id").is_null()).then("lesion_id"),
        "split_target_id": pl.when(_IS_TARGET & pl.col("fragment_id").is_not_null()).then("lesion_id"),
        "fragment_key": pl.when(_IS_TARGET).then(pl.concat_str("lesion_id", "fragment_id", separator="\n")),
        "target_missing": (_IS_TARGET & pl.col("c").is_null()).fill_null(value=False),
        "nodes_back": (_IS_TARGET & is_node() & (pl.col("c") >= normal_below) & ~is_too_small_to_measure(measure.size))
        .fill_null(value=False)
        .cast(pl.Int64),
        "others_back": (_IS_TARGET & ~is_node() & (pl.col("c") > 0)).fill_null(value=False).cast(pl.Int64),
    }


def _distinct(column: str) -> pl.Expr:
    # n_unique counts null as one; the null_count tells whether there is one
    return (pl.col(column).n_unique() - (pl.col(column).null_count() > 0)).cast(pl.Int64)


_TARGET_FACTS = [
    pl.col("c").sum().alias("partial_x100"),
    pl.col("target_missing").max(),
    pl.col("nodes_back").sum(),
    pl.col("others_back").sum(),
    _distinct("target_id").alias("targets_read"),
    pl.col("whole_target_id").count().cast(pl.Int64).alias("whole_targets"),
    _distinct("whole_target_id").alias("whole_targets_read"),
    pl.col("fragment_key").count().cast(pl.Int64).alias("fragments"),
    _distinct("fragment_key").alias("fragments_read"),
    _distinct("split_target_id").alias("split_targets_read"),
]


def _is_repeated() -> pl.Expr:
    """Some target is recorded twice at one visit, as a whole, in one fragment, or both as a whole and in fragments.

    It cannot be summed without counting it twice, and validation names the rows.
    """
    return (
        (pl.col("whole_targets") > pl.col("whole_targets_read"))
        | (pl.col("fragments") > pl.col("fragments_read"))
        | (pl.col("whole_targets_read") + pl.col("split_targets_read") > pl.col("targets_read"))
    )


def _nontarget_marks(rules: CriterionRules) -> dict[str, pl.Expr]:
    """What each row says of a non-target; the visit sums it up in `_NONTARGET_FACTS`."""
    status = pl.col("status")
    return {
        "nontarget_id": pl.when(_IS_NONTARGET).then("lesion_id"),
        "nontarget_progressed": (status == "unequivocal").fill_null(value=False),
        "nontarget_missing": (_IS_NONTARGET & status.is_null()).fill_null(value=False),
        "nontarget_left": (_IS_NONTARGET & (status != "absent")).fill_null(value=False),
        "nontarget_seen": ((status == "present") & ~is_node() & has_proof_of_malignancy(rules)).fill_null(value=False),
    }


_NONTARGET_FACTS = [
    (pl.col("nontarget_id").n_unique() - (pl.col("nontarget_id").null_count() > 0))
    .cast(pl.Int64)
    .alias("nontargets_read"),
    pl.col("nontarget_progressed").max(),
    pl.col("nontarget_missing").max(),
    pl.col("nontarget_left").max(),
    pl.col("nontarget_seen").max(),
]


def derive_baselines(lesions: pl.LazyFrame, rules: CriterionRules, *, measure: Measure | None = None) -> pl.LazyFrame:
    """The baseline of each subject that has one: subject, visit_date, sum_x100 (null unless every target is known, and not 0)."""
    facts = derive_baseline_facts(lesions, baseline_lesions(lesions), rules, measure)
    return (
        first_baseline_dates(lesions)
        .join(facts.select("subject", sum_x100="baseline_x100"), on="subject", how="left")
        .select("subject", visit_date="baseline_date", sum_x100="sum_x100")
    )


def derive_baseline_facts(
    lesions: pl.LazyFrame, known: pl.LazyFrame, rules: CriterionRules, measure: Measure | None = None
) -> pl.LazyFrame:
    """One row per subject: number of targets and non-targets, baseline sum, and whether targets lack a baseline."""
    counted = (
        derive_readings(baseline_rows(lesions), lesions, known, rules, measure)
        .group_by("subject")
        .agg(*_TARGET_FACTS, *_NONTARGET_FACTS)
    )
    is_usable = ~pl.col("target_missing") & ~_is_repeated() & (pl.col("partial_x100") > 0)
    any_target = lesions.filter(_IS_TARGET).select("subject").unique().with_columns(target_anywhere=pl.lit(value=True))
    return (
        counted.select(
            "subject",
            n_targets="targets_read",
            n_nontargets="nontargets_read",
            baseline_x100=pl.when(is_usable).then("partial_x100"),
        )
        .join(any_target, on="subject", how="full", coalesce=True)
        .with_columns(
            target_without_baseline=pl.col("target_anywhere").fill_null(value=False)
            & (pl.col("n_targets").fill_null(0) == 0)
        )
        .drop("target_anywhere")
    )


def _with_lesion_lists(visits: pl.LazyFrame, rows: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    # An effusion that is worse has grown only with the cytology that the ruleset asks for.
    has_grown = (pl.col("vs_last") == "increased") & (pl.col("status") != "absent") & has_proof_of_malignancy(rules)
    nontargets = (
        rows.filter(_IS_NONTARGET & pl.col("status").is_not_null())
        .filter((pl.col("status") == "unequivocal") | has_grown)
        .group_by("subject", "visit_date")
        .agg(
            progressed_ids=pl.col("lesion_id").filter(pl.col("status") == "unequivocal").unique(),
            increased_ids=pl.col("lesion_id").filter(has_grown).unique(),
            increased_seen_ids=pl.col("lesion_id").filter(has_grown & pl.col("nontarget_seen")).unique(),
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
