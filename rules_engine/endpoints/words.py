"""The words that one endpoint uses, and the facts that they give: asked for in one place, checked in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.endpoints.sharing import options_key
from rules_engine.errors import PluginError
from rules_engine.vocabulary import (
    FACT_OPTIONAL,
    FACT_REQUIRED,
    CensoringDate,
    CensoringRule,
    Effect,
    Event,
    Observation,
    Origin,
    SubjectRecords,
    Word,
    Words,
)

#: Columns of a fact.
FACT_COLUMNS = ("subject", *FACT_REQUIRED, *FACT_OPTIONAL)
#: The key of a subject in a run.
KEY = pl.UInt32()

#: Effects that put an end to what counts.
ENDING: tuple[Effect, ...] = ("ends", "ends_on_date")
#: Effects of facts that end the time like an event without being one, and the EVENT_TYPE that they give.
LIKE_EVENTS: dict[Effect, int] = {"competes": 2, "ends_time": 0}


@dataclass(frozen=True, slots=True)
class WordsInUse:
    """The words of one endpoint: its events, its rules in their order with what each does, its date, its origin."""

    events: tuple[Event, ...]
    rules: tuple[tuple[CensoringRule, Effect], ...]
    date: CensoringDate | None
    origin: Origin
    words: Words

    @property
    def all(self) -> list[Word]:
        """Every word whose facts the endpoint asks for."""
        rules = [rule for rule, effect in self.rules if effect != "off"]
        date = [] if self.date is None else [self.date]
        return [*self.events, *rules, *date, self.origin]

    def rules_that(self, *effects: Effect) -> list[tuple[int, CensoringRule, Effect]]:
        """The rules with one of these effects, each with its place in the list."""
        return [(place, rule, effect) for place, (rule, effect) in enumerate(self.rules) if effect in effects]


def words_in_use(words: Words, options: Mapping[str, Any]) -> WordsInUse:
    """The words that complete options use, each asked what these options make of it."""
    listed = [words.censoring_rules[name] for name in options.get("censoring_rules") or ()]
    events = words.events.values() if "events" in options else ()
    return WordsInUse(
        events=tuple(event for event in events if event.is_considered(options)),
        rules=tuple((rule, rule.effect(options)) for rule in listed),
        date=words.censoring_dates.get(options.get("censoring") or ""),
        origin=words.origins[options["origin"]],
        words=words,
    )


def named_words(words: Words, options: Mapping[str, Any]) -> list[Word]:
    """The words that options name, as far as they are stated; unknown names are left to the schema.

    An event that only options bring in is always among them, so that its options are completed.
    """
    events, rules = _texts(options.get("events")), _texts(options.get("censoring_rules"))
    origins = {*_texts(options.get("origin_components")), str(options.get("origin"))}
    return [
        *[event for event in words.events.values() if event.id in events or not event.named],
        *[rule for rule in words.censoring_rules.values() if rule.id in rules],
        *[date for date in words.censoring_dates.values() if date.id == options.get("censoring")],
        *[origin for origin in words.origins.values() if origin.id in origins],
    ]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


# Facts ----------------------------------------------------------------------------------------------------------------


def derive_facts(word: Event | CensoringRule | CensoringDate, observation: Observation, words: Words) -> pl.LazyFrame:
    """The dated facts of a word, with every column of `FACT_COLUMNS`; raises `PluginError` where it breaks its contract."""
    return _checked_facts(lambda: word.derive(observation), word, observation, words).select(FACT_COLUMNS)


def derive_facts_passed_over(event: Event, observation: Observation, words: Words) -> pl.LazyFrame | None:
    """The facts that an event passed over, with `outcome`, why; None where it tells of none."""
    told = event.passed_over
    if told is None:
        return None
    return _checked_facts(lambda: told(observation), event, observation, words, pl.col("outcome"))


def _checked_facts(
    ask: Callable[[], pl.LazyFrame],
    word: Event | CensoringRule | CensoringDate,
    observation: Observation,
    words: Words,
    *more: pl.Expr,
) -> pl.LazyFrame:
    found = _asked(ask, word, words)
    reasons = [] if isinstance(word, CensoringDate) else list(word.reasons)
    columns = _require_columns(found, word, words, observation.records, reason_needed=len(reasons) > 1)
    if "reason" in columns and reasons:
        found = _tested(found, lambda rows: _require_reasons(rows, word, reasons, words))
    given = {
        name: pl.col(name).cast(dtype) if name in columns else pl.lit(None, dtype)
        for name, dtype in FACT_OPTIONAL.items()
    }
    if "reason" not in columns and reasons:
        given["reason"] = pl.lit(reasons[0])
    return found.filter(pl.col("date").is_not_null()).select("subject", "date", *more, **given)


def derive_origin(name: str, records: SubjectRecords, options: Mapping[str, Any], words: Words) -> pl.LazyFrame:
    """The day of an origin: subject, date, one row per subject who has it."""
    word = words.origins[name]
    if word.parts is None:
        return records.step(f"origin {name} {read_by(word, options)}", lambda: _origin(word, records, options, words))
    parts = dict.fromkeys(word.parts(options))
    if circle := circle_of(words, name, options):
        raise PluginError.at(words.who(word), f"it is made of itself: {circle}", "break the circle")
    return _checked_origin(
        lambda: word.combine({part: derive_origin(part, records, options, words) for part in parts}),  # type: ignore[misc]
        word,
        records,
        words,
    )


def _origin(word: Origin, records: SubjectRecords, options: Mapping[str, Any], words: Words) -> pl.LazyFrame:
    return _checked_origin(lambda: word.derive(records, options), word, records, words)  # type: ignore[misc]


def _checked_origin(
    ask: Callable[[], pl.LazyFrame], word: Origin, records: SubjectRecords, words: Words
) -> pl.LazyFrame:
    found = _asked(ask, word, words)
    _require_columns(found, word, words, records, reason_needed=False)
    return _tested(
        found.filter(pl.col("date").is_not_null()).select("subject", "date"),
        lambda rows: _require_one_each(rows, word, words),
    )


def circle_of(words: Words, name: str, options: Mapping[str, Any], chain: tuple[str, ...] = ()) -> str:
    """How an origin is made of itself, as `a → b → a`; empty where it is not."""
    if name in chain:
        return " → ".join([*chain[chain.index(name) :], name])
    word = words.origins.get(name)
    parts = () if word is None or word.parts is None else word.parts(options)
    return next((told for part in parts if (told := circle_of(words, part, options, (*chain, name)))), "")


def read_by(word: CensoringRule | Origin, options: Mapping[str, Any]) -> str:
    """The options that a word reads, as a key; all of them where it does not say which."""
    return options_key(options, sorted(options) if word.reads is None else word.reads)


def origins_read(words: Words, options: Mapping[str, Any]) -> str:
    """The options that the origin, the components and what these are made of read, as a key."""
    names, keys = [options["origin"], *options["origin_components"]], {}
    while names:
        word = words.origins[names.pop()]
        if word.id not in keys:
            keys[word.id] = read_by(word, options)
            names += [] if word.parts is None else word.parts(options)
    return str(sorted(keys.items()))


def _asked(ask: Callable[[], pl.LazyFrame], word: Word, words: Words) -> pl.LazyFrame:
    try:
        found = ask()
    except PluginError:
        raise
    except Exception as error:  # any failure of foreign code is the plugin's
        raise PluginError.at(
            words.who(word), f"it failed: {type(error).__name__}: {error}", "repair or uninstall that plugin"
        ) from error
    if not isinstance(found, pl.LazyFrame):
        raise PluginError.at(
            words.who(word), f"it returned {type(found).__name__}, not a lazy frame", "return a polars LazyFrame"
        )
    return found


def _require_columns(
    found: pl.LazyFrame, word: Word, words: Words, records: SubjectRecords, *, reason_needed: bool
) -> list[str]:
    """Names of the columns of the facts, which are as the contract of words has them."""
    key = records.once("key", lambda: records.subjects.collect_schema()["subject"])
    try:
        schema = found.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise PluginError.at(
            words.who(word), f"its frame cannot be derived: {error}", "repair or uninstall that plugin"
        ) from error
    wanted = {"subject": key, **FACT_REQUIRED, **({"reason": FACT_OPTIONAL["reason"]} if reason_needed else {})}
    faults = [f"{name}: missing" for name in wanted if name not in schema]
    faults += [
        f"{name}: {schema[name]} instead of {dtype}"
        for name, dtype in {**wanted, **FACT_OPTIONAL}.items()
        if name in schema and schema[name] != dtype and (name in wanted or schema[name] != pl.Null)
    ]
    if faults:
        raise PluginError.at(
            words.who(word),
            f"it returned columns that break its contract: {'; '.join(faults)}",
            "return subject (as it came), date, and what else rules_engine.vocabulary says of facts",
        )
    return schema.names()


def _tested(frame: pl.LazyFrame, test: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.LazyFrame:
    """The frame, looked at when it is there."""
    return frame.map_batches(
        test, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False, schema=frame.collect_schema()
    )


def _require_reasons(rows: pl.DataFrame, word: Word, reasons: list[str], words: Words) -> pl.DataFrame:
    unknown = rows.filter(~pl.col("reason").is_in(reasons).fill_null(value=False))["reason"].unique()
    if unknown.len():
        said = ", ".join(sorted(str(reason) for reason in unknown))
        raise PluginError.at(
            words.who(word), f"it gave reasons that it does not declare: {said}", f"use {', '.join(reasons)}"
        )
    return rows


def _require_one_each(rows: pl.DataFrame, word: Word, words: Words) -> pl.DataFrame:
    if rows["subject"].n_unique() < rows.height:
        raise PluginError.at(
            words.who(word), "it returned several days for one subject", "return at most one row per subject"
        )
    return rows
