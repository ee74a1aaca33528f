"""Size and number of the new lesions that are measured (Seymour 2017)."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords
from rules_engine.criteria.lesions import by_node_site, is_node, option, postbaseline_rows
from rules_engine.criteria.new_lesions import new_lesions_of
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.validation.saying import RECORD, finding, in_mm, place
from rules_engine.findings import WARNING, phrase
from rules_engine.model import CriterionRules


def findings_of_new_lesions(records: LesionRecords, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """Findings about new lesions, for a criterion that measures them."""
    if option(rules, "irecist.new_target_max_total") is None:
        return
    measured = new_lesions_of(records, rules).filter("measured").drop("organ")
    of_lesion = ["subject", "lesion_id"]
    rows = postbaseline_rows(records.rows).join(measured.select(of_lesion).unique(), on=of_lesion, how="semi")
    # A lesion is what its first record says, whatever later ones call it.
    seen_first = (
        rows.filter(pl.col("visit_date") == pl.col("visit_date").min().over(of_lesion))
        .group_by(*of_lesion, "visit_date")
        .agg(pl.col("node", "site", "organ").max())
    )
    smallest = (
        pl.when(is_node())
        .then(by_node_site(rules, "target.min_node_short_mm"))
        .otherwise(pl.lit(hundredths(rules["target.min_mm"]), pl.Int64))
    )
    first = measured.join(seen_first, on=["subject", "lesion_id", "visit_date"])
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
