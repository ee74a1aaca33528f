"""A time-to-event endpoint from a subject's records: the twelve steps in order. At most one row per subject.

What ends the time and why a subject is censored are words that plugins offer (`rules_engine.vocabulary.words`); here
stands what is done with their facts.

Sources: FDA 2007 (clinical trial endpoints, Appendices 2 and 3), EMA/CHMP/27994/2008 Rev. 1, Seymour 2017 for
unconfirmed progression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from rules_engine.endpoints.censoring import (
    derive_discarded,
    derive_reasons,
    start_variable,
)
from rules_engine.endpoints.days import flagged
from rules_engine.endpoints.event_dates import derive_event_dates
from rules_engine.endpoints.events import derive_responders
from rules_engine.endpoints.first_event import derive_ending_facts, derive_first_event, endings
from rules_engine.endpoints.observation import observe
from rules_engine.endpoints.sharing import named, numbered, options_key
from rules_engine.endpoints.sources import SOURCE_COLUMNS
from rules_engine.endpoints.words import WordsInUse, words_in_use
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import TTE_SCHEMA, CensoringRule, Observation, SubjectRecords, Words


def derive_time_to_event(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """One row of `TTE_SCHEMA` per subject who has a record of this endpoint."""
    return named(consider(records, endpoint, cutoff, words).record, records, TTE_SCHEMA)


@dataclass(frozen=True, slots=True)
class Considered:
    """Everything that the records of an endpoint are decided from; in every frame `subject` is a number (`sharing.numbered`).

    `observation` is the one after the last step: its subjects have the event that comes first (`e_…`) and, without one, the
    censoring (`c_…`). `facts` may end the time (`derive_ending_facts`), `reasons` are the rules that hold, each with its
    censoring date (`derive_reasons`). `record` is planned, not held: whoever asks for less of it computes less.
    """

    observation: Observation
    used: WordsInUse
    facts: pl.LazyFrame
    reasons: pl.LazyFrame
    record: pl.LazyFrame


def consider(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> Considered:
    """Run the twelve steps, once for all that ask: the record, its candidates, findings and explanations."""
    by_number = numbered(records)
    stated = (endpoint.paramcd, endpoint.schedule, options_key(endpoint.options, sorted(endpoint.options)))
    return by_number.once(f"considered {cutoff} {stated}", lambda: _consider(by_number, endpoint, cutoff, words))


def _consider(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> Considered:
    used = words_in_use(words, endpoint.options)
    observation = observe(records, endpoint, cutoff, used)  # 1-8
    observation = _with_subjects(observation, derive_subjects(observation))
    facts = records.hold(derive_ending_facts(observation, used))
    observation = _with_subjects(observation, records.hold(derive_first_event(observation, used, facts)))  # 9
    observation = _with_subjects(observation, derive_discarded(observation, used))  # 10
    observation = _with_subjects(observation, records.hold(derive_event_dates(observation)))  # 11
    reasons = records.hold(derive_reasons(observation, used))
    observation = _with_subjects(observation, derive_censoring(observation, reasons))  # 12
    return Considered(observation, used, facts, reasons, derive_record(observation, used))


def _with_subjects(observation: Observation, subjects: pl.LazyFrame) -> Observation:
    """The observation after one more step."""
    return replace(observation, subjects_frame=subjects)


def derive_subjects(observation: Observation) -> pl.LazyFrame:
    """The subjects of the endpoint: the clock with start_date, anchor, the end of the observation `n_…`, has_evaluable.

    Shared by endpoints with the same observation, population and start.
    """
    shared = options_key(observation.options, ["population", "start", "response"])
    return observation.step(f"subjects {_anchor_of(observation)} {shared}", lambda: _derive_subjects(observation))


def _anchor_of(observation: Observation) -> str:
    """The origin that is visit 0 of the schedule; nothing where there is none."""
    return (observation.schedule.anchor if observation.schedule else None) or ""


def _derive_subjects(observation: Observation) -> pl.LazyFrame:
    options = observation.options
    subjects = observation.clock.with_columns(start_date=pl.col("t0"))
    if options["population"] == "responders" or options["start"] == "response":
        subjects = subjects.join(derive_responders(observation), on="subject")
        if options["start"] == "response":
            subjects = subjects.with_columns(start_date="response_date")
    evaluated = flagged(observation.assessments.filter("evaluable"), "has_evaluable")
    anchors = (
        observation.records.origins.filter(pl.col("origin") == _anchor_of(observation))
        .group_by("subject")
        .agg(anchor=pl.col("date").min())
    )
    return (
        subjects.join(evaluated, on="subject", how="left")
        .join(anchors, on="subject", how="left")
        .join(observation.truncation, on="subject", how="left")
        .join(observation.progression.select("subject", "u_date"), on="subject", how="left")
        .with_columns(pl.col("has_evaluable").fill_null(value=False), pl.coalesce("anchor", "t0").alias("anchor"))
    )


def derive_censoring(observation: Observation, reasons: pl.LazyFrame) -> pl.LazyFrame:
    """Step 12: the subjects; those without event with c_reason, c_date, c_kind, c_imputation and c_source_…

    Of all `reasons` (`derive_reasons`) to censor a subject the first counts.
    """
    counts = reasons.filter("is_first", ~pl.col("has_event")).with_columns(c_reason="reason")
    columns = [f"c_{name}" for name in ("reason", "date", "kind", "imputation", *SOURCE_COLUMNS)]
    return observation.subjects.join(counts.select("subject", *columns), on="subject", how="left")


def derive_record(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """The record as published: event or censoring, its date, duration, reason, texts and source."""
    options = observation.options
    by_event = pl.col("has_event")
    names_of_dates = {
        place: end.word.date_name or end.word.id
        for place, end in enumerate(endings(used))
        if isinstance(end.word, CensoringRule)
    }
    name_of_date = pl.col("e_word").replace_strict(names_of_dates, default=None, return_dtype=pl.String)
    rows = observation.subjects.with_columns(
        event=by_event & (pl.col("e_type") == 1),
        event_type=pl.when(by_event).then("e_type").otherwise(pl.lit(0, pl.Int64)),
        reason=pl.when(by_event).then("e_reason").otherwise("c_reason"),
        date=pl.max_horizontal(pl.when(by_event).then("moved_date").otherwise("c_date"), "start_date"),
        kind=pl.when(by_event).then(name_of_date).otherwise("c_kind"),
        date_imputation=pl.when(by_event).then("e_imputation").otherwise("c_imputation"),
        **{name: pl.when(by_event).then(f"e_{name}").otherwise(f"c_{name}") for name in SOURCE_COLUMNS},
    )
    rows = _with_durations(rows, options)
    codes = {name: words["code"] for name, words in options["censoring_reasons"].items()}
    return rows.with_columns(
        cnsr=pl.when("event")
        .then(pl.lit(0, pl.Int64))
        .otherwise(pl.col("reason").replace_strict(codes, default=None, return_dtype=pl.Int64)),
        event_description=_event_text(options),
        censoring_description=pl.col("kind").replace_strict(
            dict(options["censoring_dates"]), default=None, return_dtype=pl.String
        ),
        start_variable=pl.lit(start_variable(observation), pl.String),
        interval_left=pl.when(pl.col("event") & pl.col("e_class").ne_missing("death"))
        .then(pl.coalesce("evaluable_before_e", "start_date"))
        .otherwise("date"),
        interval_right=pl.when("event").then(pl.max_horizontal("e_date", "start_date")),
        rule_id=rule_id(pl.col("event_type")),
    ).select("subject", *[pl.col(name).cast(dtype) for name, dtype in TTE_SCHEMA.items() if name != "subject"])


def rule_id(event_type: pl.Expr) -> pl.Expr:
    """The rule of a record or candidate: event, competing or censor, and the reason."""
    kind = pl.when(event_type == 1).then(pl.lit("event")).when(event_type == 2).then(pl.lit("competing"))
    return phrase("{}.{}", kind.otherwise(pl.lit("censor")), pl.col("reason").str.to_lowercase())


def _with_durations(rows: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The rows with days, months and entry_days; without subjects who are not under observation before the end."""
    plus_one = 1 if options["day_convention"] == "plus_one" else 0
    days = (pl.col("date") - pl.col("start_date")).dt.total_days() + plus_one
    # A column divided by a number is multiplied by its inverse, which may miss the quotient by the last bit, and does so
    # in long columns alone; a column divided by a column is divided.
    month = days * 0 + pl.lit(options["days_per_month"], pl.Float64)
    rows = rows.with_columns(days=days, months=days / month)
    if options["delayed_entry"] != "last_component":
        return rows.with_columns(entry_days=pl.lit(None, pl.Int64))
    entry = (pl.col("complete_date") - pl.col("t0")).dt.total_days() + plus_one
    # Who is not under observation before the end of the time is never at risk.
    return rows.with_columns(entry_days=entry).filter(pl.col("entry_days") < pl.col("days"))


def _event_text(options: Mapping[str, Any]) -> pl.Expr:
    """What happened, in the ruleset's words."""
    happened = pl.col("reason").replace_strict(dict(options["event_reasons"]), default=None, return_dtype=pl.String)
    ended = {name: words["text"] for name, words in options["censoring_reasons"].items()}
    return (
        pl.when("event")
        .then(happened)
        .otherwise(pl.col("reason").replace_strict(ended, default=None, return_dtype=pl.String))
    )
