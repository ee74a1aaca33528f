"""Step 9: what may end the time, and which of it comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.sources import ASSESSMENT, COMPONENT_LAST, DEATH, EVENT, record_source, source

#: Order among events of one day: progression before other events, before therapy, before discontinuation, before death.
_ORDER = {
    "PD": 0, "RECURRENCE": 0, "RESPONSE": 0,
    "OTHER": 1, "CLINICAL_PROGRESSION": 1,
    "NEW_THERAPY": 2, "CURATIVE_CONVERSION": 2, "REPEAT_TACE": 2,
    "DISCONTINUATION": 3,
    "DEATH": 4,
}  # fmt: skip

#: Events that the missed-visit rule knows as progression.
PROGRESSION_REASONS = ("PD", "RECURRENCE", "CLINICAL_PROGRESSION", "OTHER")
#: Events that are an assessment.
IMAGED_REASONS = ("PD", "RECURRENCE")

COLUMNS = ("subject", "date", "reason", "imputation", "source_domain", "source_variable", "source_seq", "source_id")


def derive_progression_events(progression: pl.LazyFrame, timeline: pl.LazyFrame) -> pl.LazyFrame:
    """The assessment that is each subject's progression, as a candidate."""
    dated = progression.filter(pl.col("p_date").is_not_null()).select("subject", date="p_date")
    return dated.join(timeline, on=["subject", "date"]).select(*_imaged())


def derive_second_progressions(timeline: pl.LazyFrame, therapies: pl.LazyFrame) -> pl.LazyFrame:
    """The first PD after the first therapy outside the regimen (PFS2); an unconfirmed progression is none."""
    next_line = therapies.filter(pl.col("reason") != "REPEAT_TACE").group_by("subject").agg(_line=pl.col("date").min())
    return (
        timeline.join(next_line, on="subject")
        .filter(pl.col("date") > pl.col("_line"), pl.col("response").is_in([terms.PD, terms.ICPD, terms.RECUR]))
        .sort("subject", "date")
        .unique("subject", keep="first", maintain_order=True)
        .select(*_imaged())
    )


def _imaged() -> list[pl.Expr]:
    reason = pl.when(pl.col("response") == terms.RECUR).then(pl.lit("RECURRENCE")).otherwise(pl.lit("PD"))
    described = record_source(ASSESSMENT)
    return [
        pl.col("subject"), pl.col("date"), reason.alias("reason"), pl.col("imputation"),
        *[expression.alias(name) for name, expression in described.items()],
    ]  # fmt: skip


def derive_responses_as_events(responses: pl.LazyFrame, timeline: pl.LazyFrame) -> pl.LazyFrame:
    """The first response (subject, response_date) as a candidate."""
    return (
        responses.select("subject", date="response_date")
        .join(timeline, on=["subject", "date"])
        .select(*_imaged())
        .with_columns(reason=pl.lit("RESPONSE"))
    )


def derive_recorded_events(
    clinical_events: pl.LazyFrame, clock: pl.LazyFrame, kinds: Sequence[str], reason: str, options: Mapping[str, Any]
) -> pl.LazyFrame:
    """Clinical events of these kinds after the origin and in the snapshot, as candidates."""
    origin = pl.col("t0")
    after = pl.col("date") >= origin if options["post_baseline"] == "on_or_after_origin" else pl.col("date") > origin
    return (
        clinical_events.filter(pl.col("kind").is_in(list(kinds)))
        .join(clock.select("subject", "t0", "last_day"), on="subject")
        .filter(after, pl.col("date") <= pl.col("last_day"))
        .select("subject", "date", reason=pl.lit(reason), imputation=pl.lit(None, pl.String), **record_source(EVENT))
    )


def derive_deaths(clock: pl.LazyFrame) -> pl.LazyFrame:
    """Deaths in the snapshot, as candidates."""
    return clock.filter("died").select(
        "subject", date="death_date", reason=pl.lit("DEATH"), imputation="death_imputation", **source(DEATH)
    )


def derive_discontinuations(components: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The end of treatment, as a candidate: the latest last dose once all components ended (`all`), or the earliest.

    A component that has not ended, or whose last dose lies after the snapshot, goes on; several courses of a
    component are one.
    """
    listed = options["ttd_components"]
    chosen = components.filter(pl.col("component").is_in(listed)) if listed else components
    courses = (
        chosen.join(clock.select("subject", "last_day"), on="subject")
        .filter(pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("last_day")))
        .with_columns(
            _over=(pl.col("ended").fill_null(value=False) & (pl.col("last_date") <= pl.col("last_day"))).fill_null(
                value=False
            )
        )
    )
    ended = (
        courses.with_columns(_over=pl.col("_over").all().over("subject", "component"))
        .sort("subject", "component", "last_date", "source_id", "seq", descending=[False, False, True, False, False])
        .unique(["subject", "component"], keep="first", maintain_order=True)
    )
    every = options["ttd_scope"] == "all"
    if every:
        ended = ended.filter(pl.col("_over").all().over("subject"))
    return (
        ended.filter("_over")
        .sort("subject", "last_date", "source_id", "seq", descending=[False, every, False, False])
        .unique("subject", keep="first", maintain_order=True)
        .select(
            "subject",
            date="last_date",
            reason=pl.lit("DISCONTINUATION"),
            imputation=pl.lit(None, pl.String),
            **record_source(COMPONENT_LAST),
        )
    )


def derive_therapy_events(therapies: pl.LazyFrame) -> pl.LazyFrame:
    """Therapies whose start is an event, as candidates."""
    return therapies.select(COLUMNS)


def derive_first_event(candidates: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """The earliest candidate of each subject; events of one day in their stated order, then by source."""
    return (
        pl.concat([candidate.select(COLUMNS) for candidate in candidates])
        .with_columns(_order=pl.col("reason").replace_strict(_ORDER, return_dtype=pl.Int8))
        .sort("subject", "date", "_order", "source_id", "source_seq")
        .unique("subject", keep="first", maintain_order=True)
        .drop("_order")
    )
