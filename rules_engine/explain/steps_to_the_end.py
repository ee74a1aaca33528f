"""The story of a time to an event from its candidates on: which fact ended the time, which rule discarded it, where it was censored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from rules_engine.endpoints.censoring import AT_START, ON_DATE
from rules_engine.endpoints.words import LIKE_EVENTS
from rules_engine.errors import PluginError
from rules_engine.explain.option_book import sentence_of
from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence, SourceRecord
from rules_engine.explain.traced import Row, Traced, assessment, source_of
from rules_engine.explain.words import days, listed
from rules_engine.vocabulary import CensoringDate, CensoringRule, Event, Told

# 9. What may end the time ------------------------------------------------------------------------------------------------


def tell_start(traced: Traced) -> Iterator[Sentence]:
    """The start of the time, where it is not the origin."""
    subject = traced.subject
    if traced.options["start"] == "response":
        rule = traced.book.option("start")
        if subject is None:
            yield Sentence(
                "There is no response that counts, so the subject has no record.",
                (rule, traced.book.option("population")),
            )
        else:
            yield Sentence(
                f"The time starts with the first response, on {subject['start_date']}.",
                (rule,),
                (),
                subject["start_date"],
            )
    elif traced.options["population"] == "responders" and subject is None:
        yield Sentence(
            "There is no response that counts, so the subject has no record.", (traced.book.option("population"),)
        )


def tell_candidates(traced: Traced) -> Iterator[Sentence]:
    """Every fact that may end the time, in order, with why it does or does not."""
    subject = traced.subject
    if subject is None:
        return
    for event in traced.used.events:
        for told in _told(event, traced):
            yield sentence_of(told, traced.book, traced.book.listed("events", event))
    found = [row for row in traced.candidates if row["role"] != "censoring"]
    if not found:
        looked_for = listed(event.id for event in traced.used.events)
        yield Sentence(f"Nothing ends the time; looked for: {looked_for}.", (traced.book.option("events"),))
        return
    for row in found:
        yield _candidate(traced, row)
    if subject["e_date"] is None:
        yield Sentence("None of these ends the time.", (traced.book.option("events"),))


def _candidate(traced: Traced, row: Row) -> Sentence:
    """One candidate, in the words of its outcome (docs/endpoints.md, Candidates)."""
    key, words = _WORDS_OF_ROLE[row["role"]]
    word = getattr(traced.used.words, words)[row["word"]]
    why = row["detail"] or row["outcome"].replace("_", " ")
    text = f"{row['fact_date']}: {_happening(traced, row)}"
    if row["outcome"] in ("won", "not_at_risk"):
        text += " comes first and ends the time" + ("" if row["role"] == "event" else ", without being the event")
    elif row["outcome"] == "discarded":
        text += f" comes first, but does not count: {why}"
    else:
        text += f" does not end the time: {why}"
    source = SourceRecord(row["fact_domain"] or "", row["fact_variable"], row["fact_seq"], row["fact_id"])
    return Sentence(f"{text}.", (traced.book.listed(key, word),), (source,), row["fact_date"])


#: The option that names the word of a candidate, and where words of its kind are found.
_WORDS_OF_ROLE = {"event": ("events", "events"), "competing": ("censoring_rules", "censoring_rules")}


def _happening(traced: Traced, row: Row) -> str:
    """A fact in words: its reason, its record, and its text in the ruleset."""
    known = (None, row["reason"], row["fact_date"].isoformat())
    name = f" ({row['fact_id']})" if row["fact_id"] not in known else ""
    text = traced.options["event_reasons"].get(row["reason"])
    said = f", {text.lower()}," if isinstance(text, str) and text.upper() != row["reason"] else ""
    return f"{row['reason']}{name}{said}"


# 10-11. Events that do not count, dates that move ------------------------------------------------------------------------


def tell_discarding(traced: Traced) -> Iterator[Sentence]:
    """What the rules that may discard an event looked at, and what they decided."""
    subject = traced.subject
    if subject is None:
        return
    for _place, rule, _effect in traced.used.rules_that("discards"):
        own = traced.book.listed("censoring_rules", rule)
        for told in _told(rule, traced):
            yield sentence_of(told, traced.book, own)
    if subject["discarded"] and subject["e_date"] is not None:
        yield Sentence(
            f"So {subject['e_reason']} of {subject['e_date']} does not count, and no later event takes its place.",
            (),
            (),
            subject["e_date"],
        )


def _told(word: Event | CensoringRule | CensoringDate, traced: Traced) -> list[Told]:
    """What a word says that it looked at; raises `PluginError` where it fails."""
    if word.tell is None:
        return []
    try:
        return list(word.tell(traced.observation()))
    except Exception as error:  # any failure of foreign code is the plugin's
        who = traced.used.words.who(word)
        what = f"its `tell` failed: {type(error).__name__}: {error}"
        raise PluginError.at(who, what, "repair or uninstall that plugin") from error


def tell_moved_date(traced: Traced) -> Iterator[Sentence]:
    """A date of the event that a rule moved."""
    subject = traced.subject
    if subject is None or not subject["has_event"]:
        return
    if subject["moved_date"] != subject["e_date"]:
        yield Sentence(
            f"The date of the event moves from {subject['e_date']} to {subject['moved_date']}.",
            (traced.book.option("pd_date"),),
            (),
            subject["moved_date"],
        )
    if subject["moved_date"] < subject["start_date"]:
        yield Sentence(
            f"The event lies before the start of the time; it counts on the day of the start, {subject['start_date']}.",
            (),
            (),
            subject["start_date"],
        )


# 12. Censoring -----------------------------------------------------------------------------------------------------------


def tell_censoring(traced: Traced) -> Iterator[Sentence]:
    """Which rule gives the reason, and which fact the date."""
    subject = traced.subject
    if subject is None or subject["has_event"] or not traced.reasons:
        return
    first, *others = traced.reasons
    rule, _effect = traced.used.rules[first["place"]]
    own = traced.book.listed("censoring_rules", rule)
    asked = [one.id for one, its in traced.used.rules[: first["place"]] if its != "off" and its not in LIKE_EVENTS]
    before = f" (before it, not holding: {', '.join(asked)})" if asked else ""
    sources = (source_of(first),) if first["source_domain"] is not None else ()
    yield Sentence(
        f"Without an event, the first censoring rule that holds gives the reason: {rule.id}{before}, {first['reason']} of {first['date']}.",
        (own, traced.book.text("censoring_reasons", first["reason"])), sources, first["date"],
    )  # fmt: skip
    if others:
        named = listed(traced.used.rules[row["place"]][0].id for row in others)
        yield Sentence(f"Further down the list {named} would hold as well.")
    yield from _tell_censoring_date(traced, first, own)


def _tell_censoring_date(traced: Traced, first: Row, own: Rule) -> Iterator[Sentence]:
    subject, word = traced.subject, traced.used.date
    assert subject is not None  # noqa: S101  (asked before)
    assert word is not None  # noqa: S101  (the schema asks every time to event for it)
    day, source = subject["c_date"], _censoring_source(subject)
    if first["at"] == AT_START:
        yield Sentence(f"That rule censors at the start, {day}.", (own,), (source,), day)
        return
    if first["at"] == ON_DATE:
        yield Sentence(f"That rule censors on its own day, {day}.", (own,), (source,), day)
        return
    stated = traced.book.listed("censoring", word)
    for told in _told(word, traced):
        yield sentence_of(told, traced.book, stated)
    limit = first["limit"]
    up_to = f" up to {limit}" if limit is not None else ""
    if subject["c_kind"] == AT_START:
        yield Sentence(
            f"There is nothing to censor at{up_to}, so the start takes its place: {day}.", (stated,), (source,), day
        )
        return
    yield Sentence(
        f"The date is the latest that {word.id} gives{up_to}: {day}, {_record_words(traced, source, day)}.",
        (stated,),
        (source,),
        day,
    )
    later = [row for row in traced.usable if row["date"] > day and (limit is None or row["date"] <= limit)]
    if later and source.domain == "ADRS":
        named = listed(f"{row['date']} {assessment(row)}" for row in later)
        yield Sentence(f"Later assessments do not count for it: {named}.", (stated,), tuple(map(source_of, later)))


def _censoring_source(subject: Row) -> SourceRecord:
    return SourceRecord(
        subject["c_source_domain"] or "", subject["c_source_variable"], subject["c_source_seq"], subject["c_source_id"]
    )


def _record_words(traced: Traced, source: SourceRecord, day: date) -> str:
    row = next((one for one in traced.usable if one["date"] == day and one["source_id"] == source.id), None)
    return assessment(row) if row is not None else str(source)


# Conclusion --------------------------------------------------------------------------------------------------------------


def tell_conclusion(traced: Traced, record: Row) -> Iterator[Sentence]:
    """The record: event or censoring, its code and texts, and how long the time is."""
    sources = (source_of(record),)
    start, day = record["start_date"], record["date"]
    if record["event"]:
        happened = f"Event: {record['event_description']} ({record['reason']}) on {day}, CNSR 0"
        rules: tuple[Rule, ...] = (traced.book.text("event_reasons", record["reason"]),)
    else:
        competing = "Competing event" if record["event_type"] == 2 else "Censored"
        happened = f"{competing}: {record['event_description']} ({record['reason']}) on {day}, CNSR {record['cnsr']}"
        if record["censoring_description"]:
            happened += f"; the date is: {record['censoring_description']}"
        rules = (traced.book.text("censoring_reasons", record["reason"]),)
    yield Sentence(f"{happened}.", rules, sources, day)
    added = " + 1" if traced.options["day_convention"] == "plus_one" else ""
    convention, month = traced.book.option("day_convention"), traced.book.option("days_per_month")
    yield Sentence(
        f"The time is {day} − {start}{added} = {days(record['days'])}, {record['months']:.1f} months.",
        (convention, month),
    )
    if record["date_imputation"] is not None:
        yield Sentence(
            f"Of that date the {'day was' if record['date_imputation'] == 'D' else 'month and day were'} imputed."
        )
    if record["entry_days"] is not None:
        yield Sentence(
            f"The subject is under observation from day {record['entry_days']} on.",
            (traced.book.option("delayed_entry"),),
        )


def why_no_record(traced: Traced) -> Sentence:
    """Why there is no record, where the steps before did not say it already."""
    subject: Any = traced.subject
    if traced.origin is None:
        return Sentence("No record: the subject has no time origin.", (traced.book.option("origin"),))
    if traced.clock is None:
        return Sentence(
            f"No record: the time origin {traced.origin} lies after the data cut-off {traced.cutoff}.",
            (traced.book.option("origin"),),
        )
    if subject is None:
        return Sentence("No record: the subject is no responder.", (traced.book.option("population"),))
    return Sentence(
        "No record: the time ends before the subject came under observation.", (traced.book.option("delayed_entry"),)
    )
