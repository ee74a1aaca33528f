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

from rules_engine.criteria.lesion_records import (
    OF_ROWS,
    LesionRecords,
    derive_from_records,
    with_known_lesion,
    with_names,
)
from rules_engine.criteria.lesions import (
    TRAITS,
    Measure,
    contribution,
    diameter,
    has_proof_of_malignancy,
    is_node,
    is_too_small_to_measure,
    local_therapy_rule,
    nontarget_status,
    orphaned_merges,
)
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.sharing import derive_shared
from rules_engine.model import CriterionRules

_IS_TARGET = pl.col("role") == "target"
_IS_NONTARGET = pl.col("role") == "non-target"


def derive_visits(lesions: pl.LazyFrame, rules: CriterionRules, *, measure: Measure | None = None) -> pl.LazyFrame:
    """Canonical lesion rows of one reading in; one row per subject and visit after baseline out (see the module).

    `measure` is what is added up, where that is not the diameter of the RECIST family.
    """
    return derive_from_records(lesions, lambda records: with_names(visits_of(records, rules, measure)))


def visits_of(
    records: LesionRecords, rules: CriterionRules, measure: Measure | None = None, *, per_lesion: bool = False
) -> pl.LazyFrame:
    """The same from records: subjects are numbered texts (`Categorical`)."""
    visits = derive_shared(records, rules, _visits_by_sums, measure)
    return _with_lesion_lists(visits, records, rules) if per_lesion else visits


def _visits_by_sums(records: LesionRecords, rules: CriterionRules, measure: Measure | None) -> pl.LazyFrame:
    sums = derive_target_sums(records.targets, records, rules, measure)
    nontargets = records.nontargets.with_columns(status=nontarget_status(rules)).with_columns(**_nontarget_marks(rules))
    return (
        records.visits.filter(pl.col("number") > 0)
        .join(sums, on="visit", how="left", maintain_order="left")
        .join(nontargets.group_by("visit").agg(_NONTARGET_FACTS), on="visit", how="left", maintain_order="left")
        .join(derive_baseline_sums(records, rules, measure), on="subject", how="left", maintain_order="left")
        .with_columns(pl.col(*_FLAGS).fill_null(value=False), pl.col(*_NUMBERS).fill_null(0))
        .with_columns(
            has_nontargets=pl.col("n_nontargets") > 0,
            sum_complete=_is_complete(),
            partial_x100=pl.when(~pl.col("is_repeated")).then("partial_x100"),
            nontarget_unknown=pl.col("nontarget_missing") | (pl.col("nontargets_read") < pl.col("n_nontargets")),
            nontarget_gone=~pl.col("nontarget_left"),
        )
        .with_columns(sum_x100=pl.when("sum_complete").then("partial_x100"))
    )


def derive_baseline_sums(records: LesionRecords, rules: CriterionRules, measure: Measure | None = None) -> pl.LazyFrame:
    """One row per subject with a baseline: `subject`, `baseline_x100` (null where it is missing, incomplete or 0)."""
    sums = derive_target_sums(records.targets.filter("is_baseline"), records, rules, measure)
    is_usable = _is_complete() & (pl.col("partial_x100") > 0)
    return (
        records.visits.filter(pl.col("number") == 0)
        .join(sums, on="visit", how="left")
        .select("subject", baseline_x100=pl.when(is_usable).then("partial_x100"))
    )


def _is_complete() -> pl.Expr:
    """Every target is known, and none is recorded twice."""
    every_one_read = (pl.col("n_targets") > 0) & (pl.col("targets_read") == pl.col("n_targets"))
    return every_one_read & ~pl.col("target_missing") & ~pl.col("is_repeated")


def derive_target_sums(
    targets: pl.LazyFrame, records: LesionRecords, rules: CriterionRules, measure: Measure | None = None
) -> pl.LazyFrame:
    """One row per visit with rows of targets: `partial_x100`, `target_missing`, `nodes_back`, `others_back` (see the module)."""
    measure = measure or diameter(rules)
    rows = with_contributions(targets, records.rows, rules, measure).with_columns(**_target_marks(rules, measure))
    return rows.group_by("visit").agg(_TARGET_FACTS)


def with_contributions(
    targets: pl.LazyFrame, rows: pl.LazyFrame, rules: CriterionRules, measure: Measure | None = None
) -> pl.LazyFrame:
    """Rows of targets with `c`: what each contributes to the sum, null where it was not evaluated.

    A lesion is looked at row by row: the fragments of a split lesion add up in the sum. `rows` are all rows of the reading.
    """
    measured = targets.with_columns(c=contribution(measure or diameter(rules)))
    ended = local_therapy_rule(rows, rules)
    if ended is None:
        return measured
    is_treated = pl.col("visit_date") >= pl.col("treated_on")
    return measured.join(ended, on=["subject", "lesion_id"], how="left").with_columns(
        c=pl.when(is_treated).then(None).otherwise("c")
    )


def derive_readings(
    rows: pl.LazyFrame,
    lesions: pl.LazyFrame,
    known: pl.LazyFrame,
    rules: CriterionRules,
    measure: Measure | None = None,
    also: Sequence[str] = (),
    orphans: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Rows with the traits of their baseline lesion, `c` (a target's contribution) and `status` (a non-target's).

    `role` is null for a lesion that the baseline does not have. `also` names further columns of the rows to keep;
    `orphans` are the orphaned merges of the lesions, where they are known already.
    """
    extra = [name for name in (measure or diameter(rules)).size.meta.root_names() if name not in (*OF_ROWS, *TRAITS)]
    wanted = [name for name in dict.fromkeys([*extra, *also]) if name not in ("intrahepatic", "enhanced")]
    if orphans is None:
        orphans = orphaned_merges(lesions, known)
    return with_contributions(with_known_lesion(rows, known, orphans, wanted), lesions, rules, measure).with_columns(
        c=pl.when(_IS_TARGET).then("c"), status=pl.when(_IS_NONTARGET).then(nontarget_status(rules))
    )


def _target_marks(rules: CriterionRules, measure: Measure) -> dict[str, pl.Expr]:
    """What each row says of a target (null: nothing); the visit sums it up in `_TARGET_FACTS`."""
    normal_below = hundredths(rules["node.normal_below_mm"])
    return {
        "target_missing": pl.col("c").is_null(),
        "nodes_back": is_node() & (pl.col("c") >= normal_below) & ~is_too_small_to_measure(measure.size),
        "others_back": ~is_node() & (pl.col("c") > 0),
    }


_TARGET_FACTS = [
    pl.col("c").sum().alias("partial_x100"),
    pl.col("target_missing").any(),
    pl.col("nodes_back", "others_back").sum().cast(pl.Int64),
]


def _nontarget_marks(rules: CriterionRules) -> dict[str, pl.Expr]:
    """What each row says of a non-target (null: nothing); the visit sums it up in `_NONTARGET_FACTS`."""
    status = pl.col("status")
    return {
        "nontarget_progressed": status == "unequivocal",
        "nontarget_missing": status.is_null(),
        "nontarget_left": status != "absent",
        "nontarget_seen": (status == "present") & ~is_node() & has_proof_of_malignancy(rules),
    }


_NONTARGET_FACTS = [pl.col("nontarget_progressed", "nontarget_missing", "nontarget_left", "nontarget_seen").any()]
_FLAGS = ("target_missing", "nontarget_progressed", "nontarget_missing", "nontarget_left", "nontarget_seen")
_NUMBERS = ("partial_x100", "nodes_back", "others_back")


def derive_baselines(lesions: pl.LazyFrame, rules: CriterionRules, *, measure: Measure | None = None) -> pl.LazyFrame:
    """The baseline of each subject that has one: subject, visit_date, sum_x100 (null unless every target is known, and not 0)."""

    def derive(records: LesionRecords) -> pl.LazyFrame:
        dates = records.subjects.filter(pl.col("baseline_date").is_not_null())
        return (
            dates.join(derive_baseline_sums(records, rules, measure), on="subject", how="left")
            .select("subject", visit_date="baseline_date", sum_x100="baseline_x100")
            .pipe(with_names)
        )

    return derive_from_records(lesions, derive)


def subjects_without_sum(records: LesionRecords, rules: CriterionRules, measure: Measure | None = None) -> pl.LazyFrame:
    """Subjects with targets, at baseline or (a fault) only later, and without a usable baseline sum: `subject`, a numbered text."""
    with_sum = derive_baseline_sums(records, rules, measure).filter(pl.col("baseline_x100").is_not_null())
    return records.subjects.filter("has_targets").join(with_sum, on="subject", how="anti").select("subject")


def _with_lesion_lists(visits: pl.LazyFrame, records: LesionRecords, rules: CriterionRules) -> pl.LazyFrame:
    # An effusion that is worse has grown only with the cytology that the ruleset asks for.
    has_grown = (pl.col("vs_last") == "increased") & (pl.col("status") != "absent") & has_proof_of_malignancy(rules)
    lesion = pl.col("lesion_id").to_physical()
    nontargets = (
        records.nontargets.with_columns(status=nontarget_status(rules))
        .with_columns(**_nontarget_marks(rules))
        .filter((pl.col("status") == "unequivocal") | has_grown)
        .group_by("visit")
        .agg(
            progressed_ids=lesion.filter(pl.col("status") == "unequivocal"),
            increased_ids=lesion.filter(has_grown),
            increased_seen_ids=lesion.filter("nontarget_seen"),  # what did not progress and is listed here has grown
        )
    )
    # The targets one by one are needed only where a sum may be compared over the lesions known at two visits.
    incomplete = visits.filter(~pl.col("sum_complete"))
    targets = (
        with_contributions(records.targets, records.rows, rules)
        .join(incomplete, on="subject", how="semi")
        .group_by("visit", lesion_id=lesion)
        .agg(c=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()))
        .filter(pl.col("c").is_not_null())
        .group_by("visit")
        .agg(targets=pl.struct("lesion_id", "c"))
    )
    return visits.join(nontargets, on="visit", how="left").join(targets, on="visit", how="left")
