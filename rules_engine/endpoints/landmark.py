"""Response at a fixed time after treatment, such as 6-8 weeks after the first TACE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.best_response import as_reported

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


def derive_landmark_response(
    assessed: pl.LazyFrame,
    progression: pl.LazyFrame,
    tace: pl.LazyFrame,
    origins: pl.LazyFrame,
    clock: pl.LazyFrame,
    options: Mapping[str, Any],
) -> pl.LazyFrame:
    """The response in the window: subject, value, date, rule_id.

    `assessed` are usable evaluable assessments with `code`. A progression on or before the picked assessment, or
    before the end of the window where nothing was picked, is carried: PD at its own date. Subjects without TACE have
    no window: NE.
    """
    rules = options["response"]["landmark"]
    first = derive_first_anchor(tace, origins, clock, rules["anchor"])
    low, high = rules["from_days"] - rules["tolerance"], rules["to_days"] + rules["tolerance"]
    candidates = _anchored(assessed, first, tace, rules["anchor"])
    day = (pl.col("date") - pl.col("day_0")).dt.total_days()
    picked = candidates.filter(day.is_between(low, high)).pipe(_pick, rules).select("subject", "date", value="code")
    window_end = pl.col("anchor_date") + pl.duration(days=high)
    progressed = pl.col("anchor_date").is_not_null() & (pl.col("p_date") <= pl.coalesce(pl.col("date"), window_end))
    progressed = progressed.fill_null(value=False)
    nothing = pl.col("value").is_null() & ~progressed
    rows = (
        clock.select("subject", "died", "death_date")
        .join(first, on="subject", how="left")
        .join(picked, on="subject", how="left")
        .join(progression.select("subject", "p_date"), on="subject", how="left")
    )
    if rules["missing"] == "exclude_not_assessed":
        dead_in_time = (pl.col("died") & (pl.col("death_date") <= window_end)).fill_null(value=False)
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
        .then(pl.lit("response.landmark.progression"))
        .when(pl.col("anchor_date").is_null())
        .then(pl.lit("response.landmark.no_window"))
        .when(nothing)
        .then(pl.lit("response.landmark.not_assessed"))
        .otherwise(pl.lit("response.landmark.picked")),
    )


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
