"""New lesions: which row shows one, when it counts, and to which visit progression is dated back.

A lesion is *shown* by a row that says neither absent nor not evaluated, unless it is a node of normal size, a simple cyst, or an
effusion without the cytology that the ruleset asks for. It *counts* from the first visit at which a reader is certain of it
(Eisenhauer 2009 §4.3.5); under mRECIST an intrahepatic nodule counts from the visit at which it is large and typical, or has
grown (Llovet 2008, Lencioni & Llovet 2010).
"""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords, derive_from_records, with_names
from rules_engine.criteria.lesions import (
    TRAITS,
    by_node_site,
    contribution,
    has_proof_of_malignancy,
    is_intrahepatic,
    is_node,
    is_too_small_to_measure,
    option,
    whole_diameter,
)
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.sharing import derive_shared
from rules_engine.model import CriterionRules

#: Kinds of intrahepatic disease that are no nodules: they count as RECIST has it.
_NOT_NODULAR = ("effusion", "pvt", "infiltrative")
_NO_DISEASE = "cyst"


def derive_new_lesions(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One row per new lesion and visit at which it is recorded.

    Columns: subject, visit_date, lesion_id, organ, `measured` (to be followed by its diameter, and it has one here: iRECIST), `nodule`,
    `c` (diameter as it counts in a sum, null where not evaluated), `shown`, `certain`, `typical`, `resolved`, `unread`, `increased`,
    `unequivocal`.
    """
    return derive_from_records(lesions, lambda records: with_names(new_lesions_of(records, rules)))


def new_lesions_of(records: LesionRecords, rules: CriterionRules) -> pl.LazyFrame:
    """The same from records: subjects and lesions are numbered texts (`Categorical`)."""
    return derive_shared(records, rules, _new_lesions_by_visit)


def _new_lesions_by_visit(records: LesionRecords, rules: CriterionRules) -> pl.LazyFrame:
    rows = records.new_lesions
    size = contribution(whole_diameter(rules))
    absent = (pl.col("state") == "absent") | (pl.col("status") == "absent") | (pl.col("mm_x100") == 0)
    unread = (pl.col("state") == "ne") | (pl.col("status") == "ne")
    rows = rows.with_columns(
        c=pl.when(unread).then(None).when(absent).then(0).otherwise(size),
        absent=absent.fill_null(value=False),
        unread=unread,
        too_small=is_too_small_to_measure(pl.col("mm_x100")),
        sized=pl.col("mm_x100").is_not_null() | (pl.col("state") != "ne"),
    )
    per_visit = rows.group_by("subject", "visit_date", "lesion_id").agg(
        *(pl.col(trait).first() for trait in TRAITS),
        sized=pl.col("sized").any(),
        c=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()),
        absent=pl.col("absent").all(),
        unread=pl.col("unread").any(),
        too_small=pl.col("too_small").all(),
        certain=(pl.col("certainty") != "equivocal").fill_null(value=True).any(),
        typical=(pl.col("pattern") == "typical").any(),
        proven=has_proof_of_malignancy(rules).any(),
        increased=((pl.col("vs_last") == "increased") & has_proof_of_malignancy(rules)).any(),
        unequivocal=((pl.col("status") == "unequivocal") & has_proof_of_malignancy(rules)).any(),
    )
    smallest = by_node_site(rules, "new.node_min_short_mm")
    # A node that counted has gone once it is normal; where a ruleset counts smaller ones, once it is too small to count.
    gone_below = pl.min_horizontal(pl.lit(hundredths(rules["node.normal_below_mm"]), pl.Int64), smallest)
    normal_node = is_node() & (pl.col("too_small") | (pl.col("c") < gone_below))
    small_node = is_node() & (pl.col("too_small") | (pl.col("c") < smallest))
    return per_visit.with_columns(
        measured=(pl.col("nl") != "non-target").fill_null(value=True) & pl.col("sized"),
        nodule=_is_nodule(rules),
        resolved=(pl.col("absent") | normal_node.fill_null(value=False)) & ~pl.col("unread"),
        shown=~pl.col("absent")
        & ~pl.col("unread")
        & ~small_node.fill_null(value=False)
        & (pl.col("kind") != _NO_DISEASE).fill_null(value=True)
        & pl.col("proven"),
    ).select(
        "subject", "visit_date", "lesion_id", "organ", "measured", "nodule", "c", "shown", "certain", "typical", "resolved",
        "unread", "increased", "unequivocal",
    )  # fmt: skip


def _is_nodule(rules: CriterionRules) -> pl.Expr:
    """A lesion to which the rules for intrahepatic nodules apply; none where the criterion has no such rules."""
    if option(rules, "mrecist.new_min_mm") is None:
        return pl.lit(value=False)
    return is_intrahepatic() & ~pl.col("kind").is_in(_NOT_NODULAR).fill_null(value=False)


def counts(rules: CriterionRules, first_c: pl.Expr) -> pl.Expr:
    """True for a row at which a new lesion counts, null where it may and nothing says so; `first_c` is its diameter when it was first
    recorded.

    Certain, and, for an intrahepatic nodule under mRECIST, large and typical, or grown whatever its pattern.
    """
    certain = pl.col("shown") & pl.col("certain")
    if option(rules, "mrecist.new_min_mm") is None:
        return certain
    large_and_typical = (pl.col("c") >= hundredths(rules["mrecist.new_min_mm"])) & pl.col("typical")
    has_grown = pl.col("c") - first_c >= hundredths(rules["mrecist.growth_mm"])
    return certain & (~pl.col("nodule") | large_and_typical | has_grown)


def derive_new_lesion_visits(new_lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One row per subject and visit with rows of new lesions: `new_lesion`, `backdated_to` and `first_sights`.

    `new_lesion`: a lesion that counts, now or since an earlier visit, is there. `backdated_to`: where a lesion counts for the first
    time, the earlier visit that first showed it (of several such lesions the earliest; `first_sights` has them all).
    """
    begins = pl.col("visit_date") == pl.col("counted_on")
    first_sights = pl.col("shown_on").filter(begins & (pl.col("shown_on") < pl.col("visit_date")))
    return (
        derive_counted_new_lesions(new_lesions, rules)
        .group_by("subject", "visit_date")
        .agg(
            new_lesion=((pl.col("visit_date") >= pl.col("counted_on")) & is_there()).any(),
            backdated_to=first_sights.min(),
            first_sights=first_sights,
        )
    )


def is_there() -> pl.Expr:
    """The lesion is seen at this visit: neither gone nor unevaluated."""
    return ~pl.col("resolved") & ~pl.col("unread")


def derive_counted_new_lesions(new_lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """New lesions and visits with `shown_on` and `first_c` (visit and diameter of the first sight) and `counted_on`, from when each counts.

    A lesion that was doubtful and then gone was nothing: where it is seen again, it is first shown there (Eisenhauer 2009 §4.3.5). A
    visit at which it was not evaluated does not part one sight from the next.
    """
    of_lesion = ["subject", "lesion_id"]
    of_sight = [*of_lesion, "sight"]
    has_vanished = ~pl.col("shown") & ~pl.col("unread")
    return (
        new_lesions.with_columns(sight=has_vanished.cum_sum().over("subject", "lesion_id", order_by="visit_date"))
        .with_columns(
            shown_on=pl.col("visit_date").filter("shown").min().over(of_sight),
            first_c=pl.col("c")
            .filter(pl.col("shown") & pl.col("c").is_not_null())
            .sort_by(pl.col("visit_date").filter(pl.col("shown") & pl.col("c").is_not_null()))
            .first()
            .over(of_sight),
        )
        .with_columns(counts=counts(rules, pl.col("first_c")))
        .with_columns(counted_on=pl.col("visit_date").filter("counts").min().over(of_lesion))
    )
