"""What built-in words looked at, told for one subject: the arithmetic of missed visits, and the facts of life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from rules_engine.endpoints.evidence_of_life import derive_contact_evidence, derive_evidence
from rules_engine.endpoints.missed_visits import is_gap_too_long, is_reference
from rules_engine.endpoints.schedule import planned_offsets
from rules_engine.model import Schedule
from rules_engine.vocabulary import Observation, Told

Row = Mapping[str, Any]
_METHOD = "missed_visits.method"


# Missed visits -------------------------------------------------------------------------------------------------------------


def tell_missed_visits(observation: Observation) -> Sequence[Told]:
    """The gap that the rule measures, its limit, and the visits that were missed in it."""
    rules = observation.options["missed_visits"]
    subject = _one(observation.subjects)
    if subject is None:
        return []
    if rules["scope"] == "any_gap":
        return _tell_any_gap(observation, subject, rules)
    event = subject["e_date"]
    if event is None:
        return []
    if subject["e_class"] not in rules["applies_to"]:
        return [Told("The event is not one that missed visits may discard.", ("missed_visits.applies_to",))]
    references = _references(observation, subject)
    since = max((row["date"] for row in references), default=subject["start_date"])
    return [_gap(_named(references, since, rules), "the event", since, event, subject["anchor"], observation)]


def _tell_any_gap(observation: Observation, subject: Row, rules: Mapping[str, Any]) -> list[Told]:
    """Every gap from the start on; the first that is too long counts."""
    references = _references(observation, subject)
    steps = {subject["start_date"], *(row["date"] for row in references)}
    if subject["e_class"] is not None and subject["e_date"] > subject["start_date"]:
        steps.add(subject["e_date"])
    ordered = sorted(steps)
    told = []
    for since, until in pairwise(ordered):
        what = "the event" if until == subject["e_date"] and subject["e_class"] is not None else "the next one"
        told.append(_gap(_named(references, since, rules), what, since, until, subject["anchor"], observation))
        if _is_too_long(since, until, subject["anchor"], observation):
            break
    return told or [Told("There is no gap to look at: nothing follows the start.", ("missed_visits.scope",))]


def _references(observation: Observation, subject: Row) -> list[Row]:
    """Assessments from the start up to the event that can begin a gap; the event itself is none."""
    usable = observation.usable.filter(is_reference(observation.options["missed_visits"])).sort("date")
    rows = usable.collect().to_dicts()
    event = subject["e_date"]
    any_gap = observation.options["missed_visits"]["scope"] == "any_gap"
    return [
        row
        for row in rows
        if row["date"] >= subject["start_date"]
        and (event is None or row["date"] <= event)
        and (any_gap or not (subject["e_is_assessment"] and row["date"] == event))
    ]


def _named(references: Sequence[Row], since: date, rules: Mapping[str, Any]) -> str:
    """What the gap begins with."""
    word = "evaluable " if rules["reference"] == "last_evaluable" else ""
    found = next((row for row in references if row["date"] == since), None)
    return "the start" if found is None else f"the last {word}assessment, {found['source_id']}"


def _gap(what: str, ending: str, since: date, until: date, anchor: date, observation: Observation) -> Told:
    """One gap with its arithmetic."""
    rules, schedule = observation.options["missed_visits"], observation.schedule
    length = (until - since).days
    is_event = ending == "the event"
    text = f"From {what} on {since}, to {ending} on {until} are {length} days"
    if _is_too_long(since, until, anchor, observation):
        verdict = "the event does not count" if is_event else "the gap is too long"
    else:
        verdict = "the event counts" if is_event else "the gap is not too long"
    if rules["method"] == "fixed_days":
        sign = ">" if length > rules["gap_days"] else "≤"
        text = f"{text}; {length} {sign} {rules['gap_days']} allowed: {verdict}."
        return Told(text, (_METHOD, "missed_visits.gap_days"), until)
    assert schedule is not None  # noqa: S101  (reported by check() before any run)
    if rules["method"] == "windows":
        text = f"{text}; {_missed(since, until, anchor, schedule)}. From {rules['n']} on they are too many: {verdict}."
    else:
        text = f"{text}; {_allowance(since, anchor, schedule, rules['n'])}: {verdict}."
    return Told(text, (_METHOD, "missed_visits.n"), until)


def _is_too_long(since: date, until: date, anchor: date, observation: Observation) -> bool:
    days = pl.DataFrame({"since": [since], "until": [until], "anchor": [anchor]})
    rules = observation.options["missed_visits"]
    return bool(days.select(is_gap_too_long(rules, observation.schedule, pl.col("since"), pl.col("until"))).item())


def _missed(since: date, until: date, anchor: date, schedule: Schedule) -> str:
    """The planned visits whose whole window lies between two days."""
    missed = []
    for offset in planned_offsets(schedule, (until - anchor).days)[1:]:
        planned = anchor + timedelta(offset)
        opens, closes = planned - timedelta(schedule.early), planned + timedelta(schedule.late)
        if since < opens and closes < until:
            missed.append(f"{planned} (window {opens} to {closes})")
    if not missed:
        return "no planned visit was missed"
    return f"{len(missed)} planned visit{'s were' if len(missed) > 1 else ' was'} missed: {', '.join(missed)}"


def _allowance(since: date, anchor: date, schedule: Schedule, number: int) -> str:
    """The span of so many planned intervals and the two windows, from the visit that the gap begins at."""
    begin = (since - anchor).days
    longest = max(segment.every for segment in schedule.segments) * (number + 1)
    offsets = planned_offsets(schedule, max(begin + schedule.early, 0) + longest)
    seen = max(
        (place for place, offset in enumerate(offsets) if place == 0 or offset - schedule.early <= begin), default=0
    )
    span = offsets[seen + number] - offsets[seen]
    limit = span + schedule.early + schedule.late
    windows = f"with both windows {span} + {schedule.early} + {schedule.late} = {limit}"
    return f"{number} planned intervals are {span} days, {windows} are allowed"


# Discontinuation -----------------------------------------------------------------------------------------------------------


def tell_discontinuation(observation: Observation) -> Sequence[Told]:
    """Of each component of the treatment whether it has ended, and when."""
    clock = _one(observation.clock)
    if clock is None:
        return []
    listed = observation.options["ttd_components"]
    rows = observation.records.components.sort("component", "last_date", "seq").collect().to_dicts()
    courses = [row for row in rows if not listed or row["component"] in listed]
    if not courses:
        return [Told("There is no component whose end could be looked for.", ("ttd_components",))]
    states = []
    for row in courses:
        over = row["ended"] and row["last_date"] is not None and row["last_date"] <= clock["last_day"]
        last = f"last dose {row['last_date']}" if row["last_date"] is not None else "last dose unknown"
        states.append(f"{row['component']} {'has ended' if over else 'goes on'} ({last})")
    return [Told(f"Treatment: {'; '.join(states)}.", ("ttd_scope",))]


# Life ----------------------------------------------------------------------------------------------------------------------


def tell_last_known_alive(observation: Observation) -> Sequence[Told]:
    """The latest facts of life up to the end of the snapshot, and facts after it that prove life until the cut-off."""
    options, clock = observation.options, _one(observation.clock)
    if clock is None:
        return []
    contact = options["os_censor"] == "last_contact"
    facts = derive_contact_evidence(observation.records) if contact else derive_evidence(observation.records)
    rows = facts.sort("date", "order", "source_id", "source_variable", nulls_last=True).collect().to_dicts()
    within = [row for row in rows if row["date"] <= clock["last_day"]]
    after = [row for row in rows if row["date"] > observation.cutoff]
    told = []
    if within:
        latest = max(row["date"] for row in within)
        # Facts of one day in the order of their precedence, as the derivation has it.
        first = next(row for row in within if row["date"] == latest)
        text = f"The latest fact of life up to {clock['last_day']} is {_fact(first)} on {latest}."
        told.append(Told(text, ("os_censor",), latest, _source(first)))
    proof = [f"{_fact(row)} on {row['date']}" for row in after[:1]]
    if clock["death_date"] is not None and clock["death_date"] > observation.cutoff:
        proof.append(f"the death on {clock['death_date']}")
    truncated = (
        options["withdrawal"] == "truncate"
        and clock["withdrawal_date"] is not None
        and clock["withdrawal_date"] <= observation.cutoff
    )
    if proof and not truncated:
        caps = options["post_cutoff_alive"] == "cap_at_cutoff"
        then = f"so the subject is known alive at the cut-off {observation.cutoff}" if caps else "which is not used"
        told.append(
            Told(f"After the cut-off lies {' and '.join(proof)}, {then}.", ("post_cutoff_alive",), observation.cutoff)
        )
    return told


def _fact(row: Row) -> str:
    name = row["source_id"] or row["source_domain"]
    return f"{row['source_domain']}.{row['source_variable']} ({name})"


def _source(row: Row) -> tuple[str | None, str | None, int | None, str | None]:
    return row["source_domain"], row["source_variable"], row["source_seq"], row["source_id"]


def _one(frame: pl.LazyFrame) -> Row | None:
    rows = frame.collect().to_dicts()
    return rows[0] if rows else None
