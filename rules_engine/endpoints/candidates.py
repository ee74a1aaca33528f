"""Everything that was considered for a record: each event and each reason to censor, and why it won or lost.

The candidates come from the steps that derive the record, so that the one that won is the record.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from rules_engine.endpoints.days import DAYS, flagged, place_among_own
from rules_engine.endpoints.first_event import (
    AFTER_END,
    AFTER_SNAPSHOT,
    BEFORE_ORIGIN,
    derive_passed_over,
    endings,
)
from rules_engine.endpoints.sharing import named
from rules_engine.endpoints.sources import SOURCE_COLUMNS
from rules_engine.endpoints.time_to_event import Considered, consider, rule_id
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import CANDIDATE_SCHEMA, SubjectRecords, Words

WON = "won"
#: Order in which the candidates of a subject are shown; facts of one day and rank by what a record has of its own.
_SHOWN_ORDER = ("_shown", "_lost", "fact_seq", "outcome", "word", "fact_id")
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
    return named(_derive(consider(records, endpoint, cutoff, words)), records, CANDIDATE_SCHEMA)


def _derive(considered: Considered) -> pl.LazyFrame:
    known = considered.observation.records.hold(_of_subjects(considered))
    rows = pl.concat([_events(considered, known), _reasons(considered, known)], how="diagonal").sort(_SHOWN_ORDER)
    missed = (pl.col("outcome") == WON) & pl.col("is_recorded").is_null()
    return rows.with_columns(
        outcome=pl.when(missed).then(pl.lit(NOT_AT_RISK)).otherwise("outcome"),
        position=place_among_own(),
        rule_id=rule_id(pl.col("event_type")),
    ).select(pl.col(name) if name == "subject" else pl.col(name).cast(kind) for name, kind in CANDIDATE_SCHEMA.items())


def _of_subjects(considered: Considered) -> pl.LazyFrame:
    """What is known of a subject when its candidates are judged, and `why_…`: in words, what may be said of each of them.

    Who enters the risk set after the end of the time has no record: is_recorded is null.
    """
    options = considered.observation.options
    beyond = "after" if options["new_therapy_boundary"] == "inclusive" else "not before"
    return (
        considered.observation.subjects.join(_why_discarded(considered), on="subject", how="left")
        .join(flagged(considered.record, "is_recorded"), on="subject", how="left")
        .select(
            *("subject", "start_date", "e_date", "moved_date", "discarded", "why_discarded", "is_recorded"),
            why_before_origin=phrase("not after the origin, {}", "t0"),
            why_after_snapshot=phrase("after {}, the last day that counts", "last_day"),
            why_after_end=phrase(beyond + " {} of {}, which ends the observation", pl.col("n_reason"), "n_date"),
            why_same_day=phrase("on the day of {}, which comes first", "e_reason"),
            why_later=phrase("after {} of {}", "e_reason", "e_date"),
            why_event=phrase("{} of {} ends the time", "e_reason", "moved_date"),
            why_lower=phrase("{} stands before it and holds", "c_reason"),
        )
    )


def _shown(group: int, order: pl.Expr, rank: pl.Expr) -> pl.Expr:
    """Subject, group, order in it (a day or a place) and rank as one number: most rows differ in it, and are sorted by it alone."""
    return ((pl.col("subject").cast(pl.Int64) * 2 + group) * DAYS + order) * 2**4 + rank


# Events ---------------------------------------------------------------------------------------------------------------


def _events(considered: Considered, known: pl.LazyFrame) -> pl.LazyFrame:
    """What may have ended the time, in the order in which it was considered."""
    observation, used = considered.observation, considered.used
    ends = endings(used)
    facts = [considered.facts, derive_passed_over(observation, used)]
    outcome = (
        pl.when(pl.col("put_aside").is_not_null())
        .then("put_aside")
        .when("is_first")
        .then(pl.when("discarded").then(pl.lit(DISCARDED)).otherwise(pl.lit(WON)))
        .otherwise(pl.lit(LATER))
    )
    places = list(range(len(ends)))
    types = [end.event_type for end in ends]
    return (
        pl.concat([rows.join(known, on="subject") for rows in facts])  # each in the order of subjects
        .with_columns(outcome=outcome)
        .select(
            "subject",
            "reason",
            *SOURCE_COLUMNS,
            "outcome",
            "is_recorded",
            _shown=_shown(0, pl.col("date").to_physical(), pl.col("rank")),
            _lost=~pl.col("is_first"),
            role=pl.when(pl.col("word").replace_strict(places, types, return_dtype=pl.Int64) == 1)
            .then(pl.lit("event"))
            .otherwise(pl.lit("competing")),
            event_type=pl.col("word").replace_strict(places, types, return_dtype=pl.Int64),
            word=pl.col("word").replace_strict(places, [end.word.id for end in ends], return_dtype=pl.String),
            date=pl.max_horizontal(pl.when("is_first").then("moved_date").otherwise("date"), "start_date"),
            fact_date="date",
            date_imputation="imputation",
            **_fact_source(),
            detail=pl.coalesce(_why_put_aside(), "detail"),
        )
    )


def _fact_source() -> dict[str, pl.Expr]:
    return {f"fact_{name.removeprefix('source_')}": pl.col(name) for name in SOURCE_COLUMNS}


def _why_put_aside() -> pl.Expr:
    """The outcome of an event in words, where the fact itself has none."""
    outcome = pl.col("outcome")
    return (
        pl.when(outcome == BEFORE_ORIGIN)
        .then("why_before_origin")
        .when(outcome == AFTER_SNAPSHOT)
        .then("why_after_snapshot")
        .when(outcome == AFTER_END)
        .then("why_after_end")
        .when(outcome == DISCARDED)
        .then("why_discarded")
        .when((outcome == LATER) & (pl.col("date") == pl.col("e_date")))
        .then("why_same_day")
        .when(outcome == LATER)
        .then("why_later")
    )


def _why_discarded(considered: Considered) -> pl.LazyFrame:
    """What the first rule that discards the event says of it: subject, why_discarded."""
    discarding = [place for place, _rule, _effect in considered.used.rules_that("discards")]
    return (
        considered.reasons.filter(pl.col("place").is_in(discarding))
        .sort("subject", "place")
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", why_discarded="detail")
    )


# Reasons to censor ----------------------------------------------------------------------------------------------------


def _reasons(considered: Considered, known: pl.LazyFrame) -> pl.LazyFrame:
    """Every reason to censor that holds, with its date, in the order of the list."""
    rules = [rule.id for rule, _effect in considered.used.rules]
    outcome = (
        pl.when("has_event").then(pl.lit(EVENT_COUNTS)).when("is_first").then(pl.lit(WON)).otherwise(pl.lit(LOWER))
    )
    why = pl.when("has_event").then("why_event").when(~pl.col("is_first")).then("why_lower")
    return considered.reasons.join(known.drop("start_date"), on="subject").select(
        "subject",
        "reason",
        "is_recorded",
        outcome=outcome,
        _shown=_shown(1, pl.col("place"), pl.lit(0, pl.Int8)),
        _lost=pl.lit(value=False),
        role=pl.lit("censoring"),
        event_type=pl.lit(0, pl.Int64),
        word=pl.col("place").replace_strict(list(range(len(rules))), rules, return_dtype=pl.String),
        date=pl.max_horizontal("c_date", "start_date"),
        fact_date="date",
        date_imputation="c_imputation",
        **_fact_source(),
        detail=pl.concat_str(why, "detail", separator="; ", ignore_nulls=True).replace("", None),
        **{name: f"c_{name}" for name in SOURCE_COLUMNS},
    )
