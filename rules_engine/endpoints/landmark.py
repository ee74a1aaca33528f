"""Response at a fixed time after treatment, such as 6-8 weeks after the first TACE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.endpoints import response_reasons as reasons
from rules_engine.endpoints.best_response import as_reported
from rules_engine.endpoints.days import flagged
from rules_engine.vocabulary import Observation

#: Best first, for `pick: best` and `worst`: a suspicion that waits for its answer stands after PD.
_ORDER = (terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD, terms.PD, terms.ICPD, terms.IUPD)


def derive_first_anchor(tace: pl.LazyFrame, origins: pl.LazyFrame, clock: pl.LazyFrame, anchor: str) -> pl.LazyFrame:
    """Day 0 of each subject's first window: subject, anchor_date (null without TACE in the snapshot)."""
    if anchor == "origin":
        return clock.select("subject", anchor_date="t0")
    named = origins.filter(pl.col("origin") == "first_tace").select("subject", "date")
    sessions = tace.group_by("subject").agg(pl.col("date").min())
    first = named.join(sessions, on="subject", how="full", coalesce=True).select(
        "subject", anchor_date=pl.coalesce("date_right", "date")
    )
    return (
        clock.select("subject", "last_day")
        .join(first, on="subject", how="left")
        .select("subject", anchor_date=pl.when(pl.col("anchor_date") <= pl.col("last_day")).then("anchor_date"))
    )


def derive_landmark_response(window: pl.LazyFrame, observation: Observation) -> pl.LazyFrame:
    """The response in the window: subject, value, date, rule_id.

    `window` are the usable assessments with `code`, whether evaluable or not. A progression on or before the picked
    assessment, or before the end of the window where nothing was picked, is carried: PD at its own date. Subjects
    without TACE have no window: NE. `rule_id` says why (`response_reasons`).
    """
    options, records = observation.options, observation.records
    rules = options["response"]["landmark"]
    first = derive_first_anchor(records.tace, records.origins, observation.clock, rules["anchor"])
    low, high = rules["from_days"] - rules["tolerance"], rules["to_days"] + rules["tolerance"]
    day = (pl.col("date") - pl.col("day_0")).dt.total_days()
    inside = day.is_between(low, high)
    window = window.select("subject", "date", "code", "evaluable")
    anchored = _anchored(window, first, records.tace, rules["anchor"]).with_columns(inside=inside)
    snapshot = _anchored(observation.assessments, first, records.tace, rules["anchor"]).filter(inside)
    evaluable = anchored.filter("evaluable")
    picked = evaluable.filter("inside").pipe(_pick, rules).select("subject", "date", value="code")
    window_end = pl.col("anchor_date") + pl.duration(days=high)
    progressed = pl.col("anchor_date").is_not_null() & (pl.col("p_date") <= pl.coalesce(pl.col("date"), window_end))
    progressed = progressed.fill_null(value=False)
    nothing = pl.col("value").is_null() & ~progressed
    dead_in_time = (pl.col("died") & (pl.col("death_date") <= window_end)).fill_null(value=False)
    rows = (
        observation.clock.select("subject", "died", "death_date", "last_day", "no_baseline")
        .join(first, on="subject", how="left")
        .join(picked, on="subject", how="left")
        .join(observation.progression.select("subject", "p_date"), on="subject", how="left")
        .pipe(_with_seen, anchored.filter("inside"), window.filter("evaluable"), snapshot)
    )
    if rules["missing"] == "exclude_not_assessed":
        rows = rows.filter(~nothing | dead_in_time | pl.col("anchor_date").is_null())
    return rows.select(
        "subject",
        value=pl.when(progressed)
        .then(pl.lit(terms.PD))
        .when(nothing)
        .then(pl.lit(terms.NE))
        .otherwise(as_reported(pl.col("value"), options)),
        date=pl.when(progressed).then("p_date").otherwise("date"),
        rule_id=pl.when(progressed)
        .then(pl.lit(reasons.PROGRESSION))
        .when(~nothing)
        .then(pl.lit(reasons.PICKED))
        .when(pl.col("anchor_date").is_null())
        .then(pl.lit(reasons.NO_WINDOW))
        .when("no_baseline")
        .then(pl.lit(reasons.WINDOW_NO_BASELINE))
        .when("scan_inside")
        .then(pl.lit(reasons.WINDOW_NOT_EVALUABLE))
        .when("scan_unused")
        .then(pl.lit(reasons.WINDOW_ENDED_BEFORE))
        .when(dead_in_time)
        .then(pl.lit(reasons.DIED))
        .when(pl.col("last_day") < window_end)
        .then(pl.lit(reasons.WINDOW_OPEN))
        .when("scan_evaluable")
        .then(pl.lit(reasons.OUTSIDE))
        .otherwise(pl.lit(reasons.NOT_ASSESSED)),
    )


def _with_seen(rows: pl.LazyFrame, inside: pl.LazyFrame, evaluable: pl.LazyFrame, unused: pl.LazyFrame) -> pl.LazyFrame:
    """The subjects with what there was to see of each (null where nothing): whether there is a usable assessment in the
    window (scan_inside), a usable and evaluable one at any time (scan_evaluable), and any in the window, usable or not
    (scan_unused).
    """
    for name, seen in (("scan_inside", inside), ("scan_evaluable", evaluable), ("scan_unused", unused)):
        rows = rows.join(flagged(seen, name), on="subject", how="left", maintain_order="left")
    return rows


def _anchored(assessed: pl.LazyFrame, first: pl.LazyFrame, tace: pl.LazyFrame, anchor: str) -> pl.LazyFrame:
    """Assessments with `day_0`, the day from which theirs are counted, and the first anchor."""
    joined = assessed.join(first.filter(pl.col("anchor_date").is_not_null()), on="subject")
    if anchor != "most_recent_tace":
        return joined.with_columns(day_0="anchor_date")
    sessions = tace.select("subject", day_0="date").unique()
    latest = (
        joined.select("subject", "date")
        .join(sessions, on="subject")
        .filter(pl.col("day_0") < pl.col("date"))
        .group_by("subject", "date")
        .agg(pl.col("day_0").max())
    )
    return joined.join(latest, on=["subject", "date"])


def _pick(candidates: pl.LazyFrame, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """One assessment per subject; ties go to the earlier date."""
    ranks = {code: position for position, code in enumerate(_ORDER)}
    rank = pl.col("code").replace_strict(ranks, default=len(_ORDER), return_dtype=pl.Int64)
    day = (pl.col("date") - pl.col("anchor_date")).dt.total_days()
    key = {
        "first": pl.lit(0, pl.Int64),
        "last": -day,
        "best": rank,
        "worst": -rank,
        # Twice the distance from the middle, so that it stays whole.
        "closest": (2 * day - rules["from_days"] - rules["to_days"]).abs(),
    }[rules["pick"]]
    return (
        candidates.with_columns(_key=key)
        .sort("subject", "_key", "date")
        .unique("subject", keep="first", maintain_order=True)
    )
