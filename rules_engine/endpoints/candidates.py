"""Everything that was considered for a record: each event and each reason to censor, and why it won or lost.

The candidates come from the steps that derive the record, so that the one that won is the record.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from rules_engine.endpoints.censoring import derive_censoring_dates, derive_reasons
from rules_engine.endpoints.first_event import (
    AFTER_END,
    AFTER_SNAPSHOT,
    BEFORE_ORIGIN,
    EVENT_ORDER,
    derive_ending_facts,
    derive_passed_over,
    endings,
)
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.sources import SOURCE_COLUMNS
from rules_engine.endpoints.time_to_event import (
    derive_censoring,
    derive_record,
    observe_events,
    rule_id,
    with_subjects,
)
from rules_engine.endpoints.words import WordsInUse
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import CANDIDATE_SCHEMA, Observation, SubjectRecords, Words

WON = "won"
#: Order in which the candidates of a subject are shown; facts of one day and rank by what a record has of its own.
_SHOWN_ORDER = ["_group", "_order", "_rank", "_lost", "fact_seq", "outcome", "word", "fact_id"]
#: Why a candidate lost, beside what a word says of facts that it passed over.
LATER, DISCARDED, EVENT_COUNTS, LOWER, NOT_AT_RISK = "later", "discarded", "event", "lower", "not_at_risk"


def derive_candidates(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """One row of `CANDIDATE_SCHEMA` per subject and candidate of a time-to-event endpoint.

    Outcomes: `won`; of events `before_origin`, `after_snapshot`, `after_end` (of the observation, by a therapy),
    `later` (than the event), `discarded` (the event does not count), and what the word says of facts that it passed
    over (`overturned`, `pending`, `same_day`, `no_baseline` …); of reasons to censor `event` (an event ends the time)
    and `lower` (a rule that stands before it holds). `not_at_risk`: what would have won, of a subject without a record.
    """
    return named(_derive(numbered(records), endpoint, cutoff, words), records, CANDIDATE_SCHEMA)


def _derive(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> pl.LazyFrame:
    observation, used = observe_events(records, endpoint, cutoff, words)
    rows = pl.concat([_events(observation, used), _reasons(observation, used)], how="diagonal")
    rows = rows.sort("subject", *_SHOWN_ORDER)
    # Who enters the risk set after the end of the time has no record.
    complete = with_subjects(observation, derive_censoring(observation, used))
    recorded = derive_record(complete, used).select("subject", recorded=pl.lit(value=True))
    position = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("subject")
    missed = (pl.col("outcome") == WON) & pl.col("recorded").is_null()
    return (
        rows.join(recorded, on="subject", how="left", maintain_order="left")
        .with_columns(
            outcome=pl.when(missed).then(pl.lit(NOT_AT_RISK)).otherwise("outcome"),
            position=position,
            rule_id=rule_id(pl.col("event_type")),
        )
        .select(
            pl.col(name) if name == "subject" else pl.col(name).cast(kind) for name, kind in CANDIDATE_SCHEMA.items()
        )
    )


# Events ---------------------------------------------------------------------------------------------------------------


def _events(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """What may have ended the time, in the order in which it was considered."""
    ends = endings(used)
    of_subject = ["subject", "start_date", "e_date", "e_reason", "moved_date", "discarded", "n_date", "n_reason"]
    known = observation.subjects.select(*of_subject, "last_day", "t0")
    facts = pl.concat([derive_ending_facts(observation, used), derive_passed_over(observation, used)]).sort(EVENT_ORDER)
    can_be = pl.col("put_aside").is_null()
    is_first = can_be & (can_be.cast(pl.Int32).cum_sum().over("subject") == 1)
    rows = facts.with_columns(_first=is_first).join(known, on="subject")
    outcome = (
        pl.when(~can_be)
        .then("put_aside")
        .when("_first")
        .then(pl.when("discarded").then(pl.lit(DISCARDED)).otherwise(pl.lit(WON)))
        .otherwise(pl.lit(LATER))
    )
    places = list(range(len(ends)))
    types = [end.event_type for end in ends]
    return (
        rows.join(_why_discarded(observation, used), on="subject", how="left")
        .with_columns(outcome=outcome)
        .select(
            "subject",
            "reason",
            *SOURCE_COLUMNS,
            "outcome",
            _group=pl.lit(0),
            _order=pl.col("date").to_physical().cast(pl.Int64),
            _rank="rank",
            _lost=~pl.col("_first"),
            role=pl.when(pl.col("word").replace_strict(places, types, return_dtype=pl.Int64) == 1)
            .then(pl.lit("event"))
            .otherwise(pl.lit("competing")),
            event_type=pl.col("word").replace_strict(places, types, return_dtype=pl.Int64),
            word=pl.col("word").replace_strict(places, [end.word.id for end in ends], return_dtype=pl.String),
            date=pl.max_horizontal(pl.when("_first").then("moved_date").otherwise("date"), "start_date"),
            fact_date="date",
            date_imputation="imputation",
            **_fact_source(),
            detail=pl.coalesce(_why_put_aside(observation), "detail"),
        )
    )


def _fact_source() -> dict[str, pl.Expr]:
    return {f"fact_{name.removeprefix('source_')}": pl.col(name) for name in SOURCE_COLUMNS}


def _why_put_aside(observation: Observation) -> pl.Expr:
    """The outcome of an event in words, where the fact itself has none."""
    outcome = pl.col("outcome")
    beyond = "after" if observation.options["new_therapy_boundary"] == "inclusive" else "not before"
    return (
        pl.when(outcome == BEFORE_ORIGIN)
        .then(phrase("not after the origin, {}", "t0"))
        .when(outcome == AFTER_SNAPSHOT)
        .then(phrase("after {}, the last day that counts", "last_day"))
        .when(outcome == AFTER_END)
        .then(phrase(beyond + " {} of {}, which ends the observation", pl.col("n_reason"), "n_date"))
        .when(outcome == DISCARDED)
        .then("why_discarded")
        .when((outcome == LATER) & (pl.col("date") == pl.col("e_date")))
        .then(phrase("on the day of {}, which comes first", "e_reason"))
        .when(outcome == LATER)
        .then(phrase("after {} of {}", "e_reason", "e_date"))
    )


def _why_discarded(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """What the first rule that discards the event says of it: subject, why_discarded."""
    discarding = [place for place, _rule, _effect in used.rules_that("discards")]
    return (
        derive_reasons(observation, used)
        .filter(pl.col("place").is_in(discarding))
        .sort("subject", "place")
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", why_discarded="detail")
    )


# Reasons to censor ----------------------------------------------------------------------------------------------------


def _reasons(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Every reason to censor that holds, with its date, in the order of the list."""
    known = observation.subjects.select("subject", "start_date", "has_event", "e_reason", "moved_date")
    reasons = derive_reasons(observation, used).join(known, on="subject")
    is_first = pl.col("place") == pl.col("place").min().over("subject")
    outcome = pl.when("has_event").then(pl.lit(EVENT_COUNTS)).when(is_first).then(pl.lit(WON)).otherwise(pl.lit(LOWER))
    first = pl.col("reason").sort_by("place").first().over("subject")
    why = (
        pl.when("has_event")
        .then(phrase("{} of {} ends the time", "e_reason", "moved_date"))
        .when(~is_first)
        .then(phrase("{} stands before it and holds", first))
    )
    return (
        derive_censoring_dates(reasons, observation, used)
        .with_columns(outcome=outcome, _why=why)
        .select(
            "subject",
            "reason",
            "outcome",
            _group=pl.lit(1),
            _order=pl.col("place").cast(pl.Int64),
            _rank=pl.lit(0, pl.Int8),
            _lost=pl.lit(value=False),
            role=pl.lit("censoring"),
            event_type=pl.lit(0, pl.Int64),
            word=pl.col("place").replace_strict(
                list(range(len(used.rules))), [rule.id for rule, _effect in used.rules], return_dtype=pl.String
            ),
            date=pl.max_horizontal("c_date", "start_date"),
            fact_date="date",
            date_imputation="c_imputation",
            **_fact_source(),
            detail=pl.concat_str("_why", "detail", separator="; ", ignore_nulls=True).replace("", None),
            **{name: f"c_{name}" for name in SOURCE_COLUMNS},
        )
    )
