"""Size and number of the new lesions that are measured (Seymour 2017)."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords
from rules_engine.criteria.lesions import by_node_site, is_node, option, postbaseline_rows
from rules_engine.criteria.new_lesions import new_lesions_of
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.sharing import derive_shared
from rules_engine.criteria.validation.saying import RECORD, finding, in_mm, place
from rules_engine.findings import WARNING, phrase
from rules_engine.model import CriterionRules

_LESION = ("subject", "lesion_id")


def findings_of_new_lesions(records: LesionRecords, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """Findings about new lesions, for a criterion that measures them."""
    if option(rules, "irecist.new_target_max_total") is None:
        return
    seen_first = derive_shared(records, rules, _seen_first)
    smallest = (
        pl.when(is_node())
        .then(by_node_site(rules, "target.min_node_short_mm"))
        .otherwise(pl.lit(hundredths(rules["target.min_mm"]), pl.Int64))
    )
    first = new_lesions_of(records, rules).drop("organ").join(seen_first, on=[*_LESION, "visit_date"])
    yield finding(
        first.filter((pl.col("c") < smallest) & pl.col("shown")), "new_target.too_small", WARNING,
        "the measured new lesion is smaller than a measured one should be", "it stays measured", RECORD, "mm", in_mm("c"),
    )  # fmt: skip
    of_subject = seen_first.drop("visit_date")
    total = of_subject.group_by("subject").agg(count=pl.len())
    yield finding(
        total.filter(pl.col("count") > rules["irecist.new_target_max_total"]), "new_target.too_many", WARNING,
        "the subject has more measured new lesions than allowed", "all are used", None, "nl", pl.col("count"),
    )  # fmt: skip
    per_organ = of_subject.group_by("subject", place=place()).agg(count=pl.len())
    yield finding(
        per_organ.filter(pl.col("count") > rules["irecist.new_target_max_per_organ"]), "new_target.too_many_per_organ", WARNING,
        "an organ has more measured new lesions than allowed", "all are used", phrase("organ {}", "place"), "nl", pl.col("count"),
    )  # fmt: skip


def _seen_first(records: LesionRecords, rules: CriterionRules) -> pl.LazyFrame:
    """The measured new lesions as their first records have them, whatever later ones say: one row per lesion, and its visit."""
    measured = new_lesions_of(records, rules).filter("measured").select(_LESION).unique()
    rows = postbaseline_rows(records.rows.join(measured, on=_LESION, how="semi"), records.rows)
    return (
        rows.filter(pl.col("visit_date") == pl.col("visit_date").min().over(_LESION))
        .group_by(*_LESION, "visit_date")
        .agg(pl.col("node", "site", "organ").max())
    )
