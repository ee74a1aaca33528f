"""What investigators wrote down: the table `response_assessments`, one row per subject and visit, read by mRECIST.

This is a reader's quick reading, not the engine's derivation: nothing is dated back, and now and then the wrong box is
ticked. So the engine has collected responses to run on, and discrepancies to find.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.simulator._draw import Streams

#: The box that is ticked by mistake.
_MISTAKEN = {terms.CR: terms.PR, terms.PR: terms.SD, terms.SD: terms.PR}


def draw_responses(streams: Streams, plan: dict[str, Any], lesions: pl.DataFrame) -> pl.DataFrame:
    """Responses as collected at every visit after the baseline, a few of them missing or mistaken."""
    rng = streams("responses")
    reading = plan["collected_responses"]
    visits = (
        _targets(lesions, reading)
        .join(_others(lesions), on=["subject", "visit_date"], how="left")
        .filter(~pl.col("is_baseline"))
        .sort("subject", "visit_date")
        .with_columns(response=_overall())
    )
    draw = pl.Series("_draw", rng.random(visits.height))
    mistaken = pl.col("_draw") < reading["mistaken"]
    return (
        visits.with_columns(draw)
        .filter(pl.col("_draw") < 1 - reading["not_written_down"])
        .select(
            "subject",
            pl.col("visit_date").dt.strftime("%Y-%m-%d").alias("date"),
            "visit_date",
            pl.lit("mRECIST").alias("criterion"),
            pl.lit("investigator").alias("assessor"),
            "target",
            "non_target",
            pl.when("new").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("new_lesion"),
            pl.when(mistaken).then(pl.col("response").replace(_MISTAKEN)).otherwise("response").alias("response"),
            "suspected_pseudoprogression",
            seq=pl.int_range(pl.len()).over("subject") + 1,
        )
    )


def _targets(lesions: pl.DataFrame, reading: dict[str, Any]) -> pl.DataFrame:
    """Target response of every visit, the baseline included: viable diameters in the liver, whole ones elsewhere."""
    gone = pl.col("state").is_in(["absent", "merged"])
    size = (
        pl.when(gone)
        .then(0.0)
        .when(pl.col("state") == "tstm")
        .then(reading["too_small_mm"])
        .when(pl.col("organ") == "liver")
        .then("viable_mm")
        .otherwise("mm")
    )
    is_target = pl.col("role") == "target"
    normal = pl.when("node").then(pl.col("_mm") < reading["node_normal_below_mm"]).otherwise(pl.col("_mm") == 0)
    visits = (
        lesions.with_columns(_mm=size)
        .group_by("subject", "visit_date", "is_baseline")
        .agg(
            pl.col("suspected_pseudoprogression").any(),
            known=pl.col("_mm").filter(is_target).sum(),
            lesions=pl.col("lesion_id").filter(is_target & pl.col("_mm").is_not_null()).n_unique(),
            unread=pl.col("_mm").filter(is_target).is_null().any(),
            clear=normal.filter(is_target).all(),
        )
        .sort("subject", "visit_date")
        .with_columns(at_baseline=pl.col("lesions").first().over("subject"))
        .with_columns(complete=~pl.col("unread") & (pl.col("lesions") == pl.col("at_baseline")))
        .with_columns(sum=pl.when("complete").then("known"))
        .with_columns(
            baseline=pl.col("sum").first().over("subject"),
            nadir=pl.col("sum").cum_min().forward_fill().shift(1).over("subject"),
        )
    )
    grown = (pl.col("known") >= reading["pd"] * pl.col("nadir")) & (pl.col("known") > pl.col("nadir"))
    shrunk = pl.col("sum") <= reading["pr"] * pl.col("baseline")
    visits = visits.with_columns(
        target=pl.when(pl.col("at_baseline") == 0)
        .then(pl.lit(terms.NA))
        .when(pl.col("complete") & pl.col("clear"))
        .then(pl.lit(terms.CR))
        .when(grown)
        .then(pl.lit(terms.PD))
        .when(~pl.col("complete"))
        .then(pl.lit(terms.NE))
        .when(shrunk)
        .then(pl.lit(terms.PR))
        .otherwise(pl.lit(terms.SD))
    )
    # A partial response, once there, stays until progression.
    responded = pl.col("target").is_in([terms.CR, terms.PR]).cum_max().over("subject", "_since")
    return visits.with_columns(_since=(pl.col("target") == terms.PD).cum_sum().over("subject")).with_columns(
        target=pl.when((pl.col("target") == terms.SD) & responded).then(pl.lit(terms.PR)).otherwise("target")
    )


def _others(lesions: pl.DataFrame) -> pl.DataFrame:
    """Non-target response and new lesions of every visit."""
    baseline = lesions.filter("is_baseline", role="non-target").group_by("subject").agg(expected=pl.len())
    role, status = pl.col("role"), pl.col("status")
    there = ~pl.any_horizontal(
        (pl.col("state") == "absent").fill_null(value=False), (status == "absent").fill_null(value=False)
    )
    status = status.filter(role == "non-target")
    return (
        lesions.group_by("subject", "visit_date")
        .agg(
            new=((role == "new") & (pl.col("certainty") == "unequivocal") & there).any(),
            found=status.len(),
            progressed=(status == "unequivocal").any(),
            unread=(status == "ne").any(),
            clear=(status == "absent").all(),
        )
        .join(baseline, on="subject", how="left")
        .select(
            "subject",
            "visit_date",
            "new",
            non_target=pl.when(pl.col("expected").is_null())
            .then(pl.lit(terms.NA))
            .when("progressed")
            .then(pl.lit(terms.PD))
            .when(pl.col("unread") | (pl.col("found") < pl.col("expected")))
            .then(pl.lit(terms.NE))
            .when("clear")
            .then(pl.lit(terms.CR))
            .otherwise(pl.lit(terms.NON_CR_NON_PD)),
        )
    )


def _overall() -> pl.Expr:
    """Overall response by the table of RECIST 1.1 (Eisenhauer 2009, Tables 1 and 2), which mRECIST shares."""
    target, non_target = pl.col("target"), pl.col("non_target")
    return (
        pl.when(pl.col("new") | (target == terms.PD) | (non_target == terms.PD))
        .then(pl.lit(terms.PD))
        .when((target == terms.NA) & (non_target == terms.NA))
        .then(pl.lit(terms.NED))
        .when(target == terms.NA)
        .then(non_target)
        .when((target == terms.CR) & ~non_target.is_in([terms.CR, terms.NA]))
        .then(pl.lit(terms.PR))
        .otherwise(target)
    )
