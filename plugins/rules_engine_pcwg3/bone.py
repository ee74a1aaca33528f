"""The 2+2 rule of bone scans (Scher 2016): new lesions, the flare of the first scan, confirmation."""

from __future__ import annotations

import polars as pl
from rules_engine.model import CriterionRules


def derive_bone(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Fill `bone` from the counts of lesions where the reader gave none; add `bone_date`, `bone_rule`.

    In: subject, visit_date, bone, bone_new, bone_new_since_first. `bone_date` is the scan that progression of bone is dated
    to. Of several scans of a day the highest counts are judged. After a confirmed progression every later scan is PD.
    """
    counted = (
        visits.filter(pl.col("bone_new").is_not_null())
        .group_by("subject", "visit_date")
        .agg(pl.col("bone_new").max(), pl.col("bone_new_since_first").max())
    )
    judged = counted.pipe(_suspicions, rules).pipe(_confirmations, rules).pipe(_codes)
    return visits.join(judged, on=["subject", "visit_date"], how="left").with_columns(
        # What a reader gave stands; its progression is dated to the first of the visits that the reader calls PD.
        bone_date=pl.when(pl.col("bone").is_null()).then("_bone_date"),
        bone_rule=pl.when(pl.col("bone").is_null()).then("_bone_rule").otherwise(pl.lit("pcwg3.bone.collected")),
        bone=pl.coalesce("bone", "_bone"),
    )


def _suspicions(scans: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `is_first` and `suspected`: enough new lesions, on the first scan against baseline, later against the first scan.

    A later scan without a count against the first one is judged against baseline, less what the first scan had.
    """
    is_first = pl.col("visit_date") == pl.col("visit_date").min().over("subject")
    of_first = pl.col("bone_new").sort_by("visit_date").first().over("subject")
    since_first = pl.coalesce("bone_new_since_first", pl.col("bone_new") - of_first)
    return scans.with_columns(is_first=is_first, since_first=since_first).with_columns(
        suspected=pl.when("is_first").then(pl.col("bone_new")).otherwise("since_first") >= rules["bone.new_lesions"]
    )


def _confirmations(scans: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `confirmed` (null: no later scan yet): by further new lesions for the first scan, by persistence for a later one."""
    due = pl.col("visit_date").dt.offset_by(f"{rules['bone.confirm_min_days']}d")
    later = scans.select("subject", _due="visit_date", _later="since_first")
    needed = pl.when("is_first").then(rules["bone.further_lesions"]).otherwise(rules["bone.new_lesions"])
    return (
        scans.with_columns(_due=due)
        .sort("_due")
        .join_asof(later.sort("_due"), on="_due", by="subject", strategy="forward", check_sortedness=False)
        .with_columns(confirmed=pl.col("_later") >= needed)
    )


def _codes(scans: pl.LazyFrame) -> pl.LazyFrame:
    """The code of each scan: subject, visit_date, _bone, _bone_date, _bone_rule."""
    is_progression = pl.col("suspected") & pl.col("confirmed").fill_null(value=False)
    progressed = pl.when(is_progression).then("visit_date").min().over("subject")
    after = pl.col("visit_date") >= progressed
    is_open = pl.col("suspected") & pl.col("confirmed").is_null()
    is_flare = pl.col("suspected") & pl.col("is_first")
    return scans.select(
        "subject",
        "visit_date",
        _bone=pl.when(after).then(pl.lit("PD")).when(is_open).then(pl.lit("PDu")).otherwise(pl.lit("NON-PD")),
        _bone_date=pl.when(after).then(progressed),
        _bone_rule=pl.when(after).then(pl.lit("pcwg3.bone.pd"))
        .when(is_open).then(pl.lit("pcwg3.bone.pdu"))
        .when(is_flare).then(pl.lit("pcwg3.bone.flare"))
        .when("suspected").then(pl.lit("pcwg3.bone.not_confirmed"))
        .otherwise(pl.lit("pcwg3.bone.non_pd")),
    )  # fmt: skip
