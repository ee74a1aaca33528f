"""What the responses of a visit rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords, with_names
from rules_engine.criteria.lesions import Measure
from rules_engine.criteria.sharing import derive_shared
from rules_engine.criteria.validation.saying import VISIT, finding
from rules_engine.criteria.visits import visits_of, with_contributions
from rules_engine.findings import NOTE, WARNING
from rules_engine.model import CriterionRules


def findings_of_timepoints(
    records: LesionRecords, rules: CriterionRules, timepoints: pl.LazyFrame, measure: Measure | None = None
) -> Iterable[pl.LazyFrame]:
    """Findings about visits: a relapse in a single node, a lesion too small to measure that is back, scans too early and too late."""

    def fired(rule: str) -> pl.Expr:
        return pl.col("trace").str.contains(rf"{re.escape(rule)}(;|$)")

    counted = timepoints.filter("accepted")  # what a disregarded scan shows is no progression
    only_node = (
        visits_of(records, rules, measure)
        .filter(pl.col("nodes_back") == 1, pl.col("others_back") == 0)
        .select("subject", "visit_date")
        .pipe(with_names)
    )
    relapses = counted.filter(fired(".target.reappearance"), ~pl.col("new_lesion"), pl.col("nontarget") != "PD")
    yield finding(
        relapses.join(only_node, on=["subject", "visit_date"], how="semi"), "node_only_relapse", WARNING,
        "after a complete response a single lymph node is the only disease", "it is progression; consider imaging it again", VISIT,
    )  # fmt: skip
    returns = derive_shared(records, rules, _visits_with_tstm_return, measure).pipe(with_names)
    by_arithmetic = fired(".target.pd") | fired(".target.pd_partial")
    yield finding(
        counted.filter(by_arithmetic).join(returns, on=["subject", "visit_date"], how="semi"), "tstm_reappearance", WARNING,
        "a lesion that had gone is back, too small to measure, in a sum that is progression",
        "it counts with the ruleset's default size", VISIT,
    )  # fmt: skip
    yield finding(
        timepoints.filter(fired("irecist.icpd.late")), "late_confirmation", WARNING,
        "the scan that confirms progression comes after the window", "it confirms", VISIT, "visit_date",
        (pl.col("visit_date") - pl.col("anchor_date")).dt.total_days(),
    )  # fmt: skip
    yield finding(
        timepoints.filter(~pl.col("accepted")), "early_scan", NOTE,
        "the scan comes too soon after an unconfirmed progression", "it is disregarded", VISIT,
    )  # fmt: skip
    anchors = timepoints.filter(pl.col("target") == "PD", ~pl.col("sum_complete")).select(
        "subject", anchor_date="visit_date", from_partial=pl.lit(value=True)
    )
    compared = timepoints.join(anchors, on=["subject", "anchor_date"], how="left")
    still_asked = (pl.col("overall") == "iUPD") & pl.col("accepted") & (pl.col("visit_date") > pl.col("anchor_date"))
    rests_on_part = (fired(".c1") & (~pl.col("sum_complete") | pl.col("from_partial"))) | (
        still_asked & pl.col("from_partial")
    )
    yield finding(
        compared.filter(rests_on_part), "incomplete_growth", WARNING, "further growth of the targets rests on an incomplete sum",
        "the lesions that are known are compared", VISIT,
    )  # fmt: skip


def _visits_with_tstm_return(records: LesionRecords, rules: CriterionRules, measure: Measure | None) -> pl.LazyFrame:
    """Visits at which a target is too small to measure that had contributed nothing at an earlier one: subject, visit_date."""
    of_lesion = ["subject", "lesion_id"]
    rows = records.targets.filter(~pl.col("is_baseline"))
    # Few lesions are ever too small to measure; only their rows are read.
    rows = rows.join(rows.filter(pl.col("state") == "tstm").select(of_lesion).unique(), on=of_lesion, how="semi")
    per_visit = (
        with_contributions(rows, records.rows, rules, measure)
        .group_by(*of_lesion, "visit_date")
        .agg(
            size=pl.when(pl.col("c").null_count() == 0).then(pl.col("c").sum()), small=(pl.col("state") == "tstm").any()
        )
    )
    gone = per_visit.filter(pl.col("size") == 0).group_by(of_lesion).agg(gone_on=pl.col("visit_date").min())
    return (
        per_visit.filter("small", pl.col("size") > 0)
        .join(gone, on=of_lesion)
        .filter(pl.col("visit_date") > pl.col("gone_on"))
        .select("subject", "visit_date")
        .unique()
    )
