"""Step 9: what may end the time, and which of it comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from rules_engine.endpoints.days import with_first_of_each
from rules_engine.endpoints.truncation import is_usable
from rules_engine.endpoints.words import (
    FACT_COLUMNS,
    KEY,
    LIKE_EVENTS,
    WordsInUse,
    derive_facts,
    derive_facts_passed_over,
)
from rules_engine.vocabulary import (
    FACT_OPTIONAL,
    FACT_REQUIRED,
    CensoringRule,
    Event,
    Observation,
    Rank,
)

#: Which fact is the event: the earliest; of one day in the order of their rank, then by source.
EVENT_ORDER = ("date", "rank", "source_id", "source_seq", "word")
#: Columns of facts that may end the time, before it is known which comes first.
_FACT_SCHEMA: dict[str, pl.DataType] = {
    "subject": KEY, **FACT_REQUIRED, **FACT_OPTIONAL, "word": pl.Int8(), "rank": pl.Int8(), "put_aside": pl.String(),
}  # fmt: skip
#: Why a fact is put aside before the earliest is picked.
BEFORE_ORIGIN, AFTER_SNAPSHOT, AFTER_END = "before_origin", "after_snapshot", "after_end"


@dataclass(frozen=True, slots=True)
class Ending:
    """A word whose facts may end the time: an event (EVENT_TYPE 1), or a censoring rule that competes with the events."""

    word: Event | CensoringRule
    event_type: int
    rank: Rank
    missed_visits: Literal["progression", "death"] | None
    is_assessment: bool
    from_origin: bool


def endings(used: WordsInUse) -> list[Ending]:
    """Everything that may end the time of an endpoint; the place in the list is the `word` of its facts."""
    events = [
        Ending(event, 1, event.rank, event.missed_visits, event.is_assessment, event.from_origin)
        for event in used.events
    ]
    rules = [
        Ending(rule, LIKE_EVENTS[effect], rule.rank, rule.missed_visits, is_assessment=False, from_origin=False)
        for _place, rule, effect in used.rules_that(*LIKE_EVENTS)
    ]
    return [*events, *rules]


def derive_ending_facts(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Every fact that may end the time: the columns of a fact, word, rank, put_aside (why it cannot; else null), is_first.

    The first of those that can is the event; which one that is says `EVENT_ORDER`.
    """
    found = [_considered(ending, place, observation, used) for place, ending in enumerate(endings(used))]
    facts = pl.concat(found) if found else pl.LazyFrame(schema=_FACT_SCHEMA)
    return with_first_of_each(facts, *EVENT_ORDER, among=pl.col("put_aside").is_null())


def _considered(ending: Ending, place: int, observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """The facts of one word, as `derive_ending_facts`."""
    known = observation.subjects.select("subject", "t0", "last_day", "n_date")
    day, origin = pl.col("date"), pl.col("t0")
    before = day < origin if observation.options["post_baseline"] == "on_or_after_origin" else day <= origin
    put_aside = (
        pl.when(before & pl.lit(ending.from_origin))
        .then(pl.lit(BEFORE_ORIGIN))
        .when(day > pl.col("last_day"))
        .then(pl.lit(AFTER_SNAPSHOT))
        .when(~is_usable(day, observation.options))
        .then(pl.lit(AFTER_END))
    )
    return (
        derive_facts(ending.word, observation, used.words)
        .join(known, on="subject", maintain_order="left")
        .select(*FACT_COLUMNS, word=pl.lit(place, pl.Int8), rank=pl.lit(int(ending.rank), pl.Int8), put_aside=put_aside)
    )


def derive_first_event(observation: Observation, used: WordsInUse, facts: pl.LazyFrame) -> pl.LazyFrame:
    """The subjects with the earliest event of each, of the `facts` that may end the time: its columns as `e_…` (null where
    there is none).

    e_class is as what the rule of missed visits knows the event, e_type its EVENT_TYPE.
    """
    first = facts.filter("is_first").drop("put_aside", "detail", "rank", "is_first")
    ends = endings(used)
    word = pl.col("word")
    described = first.with_columns(
        type=_of_word(word, [end.event_type for end in ends], pl.Int64()),
        is_assessment=_of_word(word, [end.is_assessment for end in ends], pl.Boolean()),
        **{"class": _of_word(word, [end.missed_visits for end in ends], pl.String())},
    )
    return observation.subjects.join(
        described.select("subject", pl.exclude("subject").name.prefix("e_")), on="subject", how="left"
    )


def _of_word(word: pl.Expr, values: list[Any], dtype: pl.DataType) -> pl.Expr:
    """The value that belongs to the word of a fact."""
    return word.replace_strict(list(range(len(values))), values, default=None, return_dtype=dtype)


def derive_passed_over(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Facts that the events themselves passed over, as rows of `derive_ending_facts` whose `put_aside` says why; some may be of
    subjects without part in the endpoint.
    """
    found = [pl.LazyFrame(schema=_FACT_SCHEMA)]
    for place, ending in enumerate(endings(used)):
        told = None
        if isinstance(ending.word, Event):
            told = derive_facts_passed_over(ending.word, observation, used.words)
        if told is not None:
            of_word = {"word": pl.lit(place, pl.Int8), "rank": pl.lit(int(ending.rank), pl.Int8)}
            found.append(told.select(*FACT_COLUMNS, **of_word, put_aside="outcome"))
    return pl.concat(found).with_columns(is_first=pl.lit(value=False))
