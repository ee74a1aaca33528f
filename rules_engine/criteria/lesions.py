"""What one lesion says at one visit: what it contributes to a sum, and in what state a non-target lesion is.

Lesions are known by their first record: the role, the organ, whether it is a node. A lesion without a row at a visit at which
others have rows was not evaluated; it is never taken as absent (Eisenhauer 2009 §4.4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.contracts import UNITS_PER_MM, Column
from rules_engine.criteria.numbers import hundredths
from rules_engine.model import CriterionRules

#: What is taken from the first record of a lesion.
TRAITS = ("role", "organ", "node", "kind", "site", "nl")

#: A column beyond the contract, which the built-in criteria read where a study has it.
LOCAL_THERAPY = Column(
    "local_therapy",
    "code",
    "Local treatment of the lesion since the visit before: the study's own, or outside the protocol (ablation, resection, "
    "radiotherapy).",
    codes=("study", "outside"),
)

#: Largest diameter in mm that is believed; a check of plausibility, not a rule of any criterion.
ABSURD_MM = 500

LIVER = "liver"
PORTA_HEPATIS = "porta_hepatis"


def option(rules: CriterionRules, key: str) -> Any:
    """The value of an option, or None for a criterion that does not have it."""
    return rules.options.get(key)


def first_baseline_dates(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per subject with a baseline: `subject`, `baseline_date` (the earliest, where there are two by mistake)."""
    return lesions.filter(pl.col("is_baseline")).group_by("subject").agg(baseline_date=pl.col("visit_date").min())


def baseline_rows(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of the baseline visit: one per lesion and fragment."""
    return lesions.filter(pl.col("is_baseline")).join(
        first_baseline_dates(lesions),
        left_on=["subject", "visit_date"],
        right_on=["subject", "baseline_date"],
        how="semi",
    )


def baseline_lesions(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per lesion of the baseline: its traits, `intrahepatic`, and `enhanced` (its viable diameter was not 0).

    Where rows of one lesion contradict each other the alphabetically last trait stands; validation tells.
    """
    return (
        baseline_rows(lesions)
        .group_by("subject", "lesion_id")
        .agg(
            *(pl.col(trait).max() for trait in TRAITS),
            enhanced=pl.col("viable_mm_x100").max().ne_missing(0),
        )
        .with_columns(intrahepatic=is_intrahepatic())
    )


def postbaseline_rows(rows: pl.LazyFrame, lesions: pl.LazyFrame) -> pl.LazyFrame:
    """Rows after the baseline visit; without a baseline every row is one. `lesions` is the reading."""
    return rows_that_count(rows, lesions).filter(~pl.col("is_baseline"))


def rows_that_count(rows: pl.LazyFrame, lesions: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of the baseline visit and of the visits after it; of a subject without a baseline, of every visit. `lesions` is the reading."""
    is_baseline = pl.col("is_baseline").fill_null(value=False)
    first, day = pl.col("baseline_date"), pl.col("visit_date")
    return (
        rows.join(first_baseline_dates(lesions), on="subject", how="left", maintain_order="left")
        .filter(pl.when(is_baseline).then(day == first).otherwise(first.is_null() | (day > first)))
        .with_columns(is_baseline=is_baseline)
    )


def is_intrahepatic() -> pl.Expr:
    """The lesion is in the liver and no node."""
    return (pl.col("organ").cast(pl.String).str.strip_chars().str.to_lowercase() == LIVER).fill_null(
        value=False
    ) & ~is_node()


def is_node() -> pl.Expr:
    """The lesion is a lymph node: its diameter is the short axis."""
    return pl.col("node").fill_null(value=False)


def is_at_porta_hepatis() -> pl.Expr:
    """The lesion's site is the porta hepatis, however it is spelled; null where none is recorded."""
    return (
        pl.col("site").cast(pl.String).str.strip_chars().str.to_lowercase().str.replace_all("[ -]+", "_")
        == PORTA_HEPATIS
    )


def by_node_site(rules: CriterionRules, key: str) -> pl.Expr:
    """A node's threshold in hundredths of a millimetre: the option `key`, or the one for the porta hepatis."""
    usual = pl.lit(hundredths(rules[key]), pl.Int64)
    special = option(rules, f"{key}.{PORTA_HEPATIS}")
    if special is None:
        return usual
    return pl.when(is_at_porta_hepatis()).then(pl.lit(hundredths(special), pl.Int64)).otherwise(usual)


def target_diameter(rules: CriterionRules) -> pl.Expr:
    """The diameter that counts for a target lesion.

    mRECIST: the viable part of an intrahepatic lesion that enhanced at baseline (Lencioni & Llovet 2010); extrahepatic lesions
    and lesions that did not enhance at baseline go by RECIST. A missing viable diameter is never replaced by the whole one.
    """
    if option(rules, "mrecist.measure") != "viable":
        return pl.col("mm_x100")
    has_gone = pl.col("mm_x100") == 0
    viable = pl.when(has_gone).then(0).otherwise("viable_mm_x100")
    return pl.when(pl.col("intrahepatic") & pl.col("enhanced")).then(viable).otherwise("mm_x100")


@dataclass(frozen=True, slots=True)
class Measure:
    """How large a lesion is: `size` is a whole number for each of its rows, null where it was not measured.

    `too_small` is what a lesion adds to the sum that is seen and too small to measure, in the same unit.
    """

    size: pl.Expr
    too_small: int


def diameter(rules: CriterionRules) -> Measure:
    """The diameter that a criterion of the RECIST family adds up, in hundredths of a millimetre."""
    return Measure(believable(target_diameter(rules)), hundredths(rules["tstm.default_mm"]))


def whole_diameter(rules: CriterionRules) -> Measure:
    """The whole diameter, or the short axis of a node, in hundredths of a millimetre."""
    return Measure(believable(pl.col("mm_x100")), hundredths(rules["tstm.default_mm"]))


def believable(length: pl.Expr) -> pl.Expr:
    """The length; null where nobody believes it (below 0, above 500 mm)."""
    return pl.when(length.is_between(0, ABSURD_MM * UNITS_PER_MM)).then(length)


def contribution(measure: Measure) -> pl.Expr:
    """What a row contributes to a sum, in the unit of the measure; null where the lesion was not evaluated.

    Absent: 0. Merged: 0, the lesion named in `into` carries the mass. Not evaluable: null. A number: the number, however small.
    Too small to measure: the ruleset's default (Eisenhauer 2009 §4.3.2). Fragments of a split lesion contribute one by one.
    """
    state = pl.col("state")
    return (
        pl.when(state.is_in(["absent", "merged"]))
        .then(0)
        .when(state == "ne")
        .then(None)
        .when(measure.size.is_not_null())
        .then(measure.size)
        .when(state == "tstm")
        .then(measure.too_small)
        .otherwise(None)
        .cast(pl.Int64)
    )


def nontarget_status(rules: CriterionRules) -> pl.Expr:
    """State of a non-target row: `absent`, `present`, `unequivocal`; null where it was not evaluated.

    A node is absent when its short axis is normal or too small to measure, and present when it is not, whatever else is recorded.
    Where no status is recorded, state and diameter tell. Under mRECIST an effusion has progressed only with positive cytology
    (Llovet 2008, Lencioni & Llovet 2010).
    """
    size = pl.col("mm_x100")
    normal_below = hundredths(rules["node.normal_below_mm"])
    is_normal_node = is_node() & (is_too_small_to_measure(size) | (size < normal_below))
    is_enlarged_node = is_node() & (size >= normal_below)
    recorded = (
        pl.when(pl.col("status").is_not_null())
        .then("status")
        .when((pl.col("state") == "absent") | (size == 0))
        .then(pl.lit("absent"))
        .when(pl.col("state") == "ne")
        .then(None)
        .when((size > 0) | pl.col("state").is_in(["tstm", "merged"]))
        .then(pl.lit("present"))
    )
    unproven = (recorded == "unequivocal") & ~has_proof_of_malignancy(rules)
    return (
        pl.when(recorded == "ne")
        .then(None)
        .when(unproven)
        .then(pl.lit("present"))
        .when((recorded == "present") & is_normal_node)
        .then(pl.lit("absent"))
        .when((recorded == "absent") & is_enlarged_node)
        .then(pl.lit("present"))
        .otherwise(recorded)
    )


def is_too_small_to_measure(diameter: pl.Expr) -> pl.Expr:
    """The lesion is seen and nobody could put a number to it; a node of which this is so is normal, whatever it adds to a sum."""
    return (pl.col("state") == "tstm").fill_null(value=False) & diameter.is_null()


def has_proof_of_malignancy(rules: CriterionRules) -> pl.Expr:
    """True for everything but an effusion without positive cytology, where the ruleset asks for cytology."""
    if not option(rules, "mrecist.effusion_needs_cytology"):
        return pl.lit(value=True)
    return (pl.col("kind") != "effusion").fill_null(value=True) | (pl.col("cytology") == "positive").fill_null(
        value=False
    )


def orphaned_merges(lesions: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """Targets merged into a lesion that carries no measurement: subject, visit_date, lesion_id, `orphaned`.

    The carrier must be another target of the baseline that is recorded at this visit and not itself merged; otherwise the mass is
    measured nowhere, and a contribution of 0 would feign shrinkage. Such a lesion is not evaluable.
    """
    merged = rows_that_count(lesions.filter(pl.col("state") == "merged"), lesions).select(
        "subject", "visit_date", "lesion_id", "into"
    )
    targets = known.filter(pl.col("role") == "target").select("subject", into="lesion_id")
    measured = carriers(lesions, merged).join(targets, on=["subject", "into"], how="semi")
    return (
        merged.join(measured, on=["subject", "visit_date", "into"], how="anti")
        .select("subject", "visit_date", "lesion_id", orphaned=pl.lit(value=True))
        .unique()
    )


def carriers(lesions: pl.LazyFrame, merged: pl.LazyFrame) -> pl.LazyFrame:
    """Lesions that others are merged into, where they are recorded and not merged themselves: subject, visit_date, `into`."""
    is_merged = (pl.col("state") == "merged").fill_null(value=False)
    return (
        rows_that_count(lesions.join(merged, on="subject", how="semi"), lesions)
        .filter(~is_merged)
        .select("subject", "visit_date", into="lesion_id")
        .join(merged, on=["subject", "visit_date", "into"], how="semi")
    )


def local_therapy_rule(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame | None:
    """First visit from which a locally treated target is not evaluable: subject, lesion_id, `treated_on`; None if not recorded.

    Ablation, resection or radiotherapy outside the protocol (`local_therapy` = `outside`) ends the evaluation of a target; the
    study's own treatment (`study`) does so only where the ruleset says `exclude`.
    """
    if "local_therapy" not in lesions.collect_schema().names():
        return None
    ending = ["outside", "study"] if option(rules, "mrecist.on_study_local") == "exclude" else ["outside"]
    return (
        lesions.filter(pl.col("local_therapy").cast(pl.String).str.to_lowercase().is_in(ending))
        .group_by("subject", "lesion_id")
        .agg(treated_on=pl.col("visit_date").min())
    )
