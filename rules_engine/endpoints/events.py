"""Facts that may end the time: what the built-in events are made of, and what a third party's may be made of."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.best_response import derive_first_response, observed_window
from rules_engine.endpoints.days import on_that_day
from rules_engine.endpoints.sharing import options_key
from rules_engine.endpoints.sources import ASSESSMENT, COMPONENT_LAST, DEATH, EVENT, record_source, source
from rules_engine.endpoints.therapies import REPEAT_TACE, reasons_that_are_events
from rules_engine.vocabulary import Observation


def progressions(observation: Observation) -> pl.LazyFrame:
    """The assessment that is each subject's progression."""
    dated = observation.progression.select("subject", date="p_date")
    return assessment_facts(on_that_day(dated, observation.usable))


def second_progressions(observation: Observation) -> pl.LazyFrame:
    """The first PD after the first therapy outside the regimen (PFS2); an unconfirmed progression is none."""
    lines = observation.therapies.filter(pl.col("reason") != REPEAT_TACE)
    next_line = lines.group_by("subject").agg(_line=pl.col("date").min())
    # Where both are stated, the iRECIST response is what counts under iRECIST.
    code = pl.coalesce("iresponse", "response") if observation.options["pd_rule"] == "irecist" else pl.col("response")
    later = observation.usable.join(next_line, on="subject").filter(
        pl.col("date") > pl.col("_line"), code.is_in([terms.PD, terms.ICPD, terms.RECUR])
    )
    return assessment_facts(later.sort("subject", "date").unique("subject", keep="first", maintain_order=True))


def first_responses(observation: Observation) -> pl.LazyFrame:
    """The first CR or PR that counts."""
    dated = derive_responders(observation).select("subject", date="response_date")
    return assessment_facts(on_that_day(dated, observation.usable), "RESPONSE")


def derive_responders(observation: Observation) -> pl.LazyFrame:
    """The subjects with a response before progression: subject, response_date."""
    options = observation.options

    def build() -> pl.LazyFrame:
        return derive_first_response(observed_window(observation), options)

    return observation.step(f"responders {options_key(options, ['response'])}", build)


def assessment_facts(rows: pl.LazyFrame, reason: str | None = None, more: Sequence[str] = ()) -> pl.LazyFrame:
    """Assessments as facts of an event, with what `more` names; the reason is that of a progression where none is given."""
    shown = pl.when(pl.col("response") == terms.RECUR).then(pl.lit("RECURRENCE")).otherwise(pl.lit("PD"))
    return rows.select(
        "subject", "date", "imputation", *more, reason=pl.lit(reason) if reason else shown, **record_source(ASSESSMENT)
    )


def recorded(observation: Observation, kinds: Sequence[str]) -> pl.LazyFrame:
    """Clinical events of these kinds."""
    events = observation.records.clinical_events.filter(pl.col("kind").is_in(list(kinds)))
    return events.select("subject", "date", **record_source(EVENT))


def deaths(observation: Observation) -> pl.LazyFrame:
    """Deaths of any cause."""
    return observation.clock.select("subject", date="death_date", imputation="death_imputation", **source(DEATH))


def therapy_starts(observation: Observation) -> pl.LazyFrame:
    """Starts of the therapies that are events of the endpoint."""
    return observation.therapies.filter(pl.col("reason").is_in(reasons_that_are_events(observation.options)))


def discontinuations(observation: Observation) -> pl.LazyFrame:
    """The end of treatment: the latest last dose once all components ended (`ttd_scope: all`), or the earliest.

    A component that has not ended, or whose last dose lies after the snapshot, goes on; several courses of a
    component are one.
    """
    listed = observation.options["ttd_components"]
    components = observation.records.components
    chosen = components.filter(pl.col("component").is_in(listed)) if listed else components
    courses = (
        chosen.join(observation.clock.select("subject", "last_day"), on="subject")
        .filter(pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("last_day")))
        .with_columns(_over=(pl.col("ended") & (pl.col("last_date") <= pl.col("last_day"))).fill_null(value=False))
    )
    ended = (
        courses.with_columns(_over=pl.col("_over").all().over("subject", "component"))
        .sort("subject", "component", "last_date", "source_id", "seq", descending=[False, False, True, False, False])
        .unique(["subject", "component"], keep="first", maintain_order=True)
    )
    every = observation.options["ttd_scope"] == "all"
    if every:
        ended = ended.filter(pl.col("_over").all().over("subject"))
    return (
        ended.filter("_over")
        .sort("subject", "last_date", "source_id", "seq", descending=[False, every, False, False])
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", date="last_date", **record_source(COMPONENT_LAST))
    )
