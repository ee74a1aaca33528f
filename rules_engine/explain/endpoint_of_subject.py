"""From one subject's data to the story of an endpoint: the endpoint derived once more, with every step in sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from rules_engine import guard, pipeline
from rules_engine.explain import steps_of_response as response
from rules_engine.explain import steps_to_progression as before
from rules_engine.explain import steps_to_the_end as after
from rules_engine.explain.endpoint import EndpointStory, Step, story_of_other_steps
from rules_engine.explain.option_book import OptionBook, sentence_of
from rules_engine.explain.sentences import Sentence
from rules_engine.explain.subject import SubjectData, held
from rules_engine.explain.traced import Traced, rows_by, traced
from rules_engine.model import EndpointDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.vocabulary import EndpointKind, SubjectRecords

Record = Mapping[str, Any]
Told = list[tuple[str, str, Iterable[Sentence]]]


def tell_endpoint(data: SubjectData, paramcd: str) -> EndpointStory:
    """The story of one endpoint of the subject."""
    endpoint = data.ruleset.endpoints[paramcd]
    mine = data.records(endpoint.response)
    return tell_subjects(data.ruleset, data.registry, data.cutoff, endpoint, mine, [data.subject])[data.subject]


def tell_records(data: SubjectData, endpoint: EndpointDefinition, mine: SubjectRecords) -> EndpointStory:
    """The story of an endpoint from the records of the one subject."""
    told = tell_subjects(data.ruleset, data.registry, data.cutoff, endpoint, held(mine), [data.subject])
    return told[data.subject]


def tell_subjects(
    ruleset: Ruleset, registry: Registry, cutoff: date, endpoint: EndpointDefinition, records_held: SubjectRecords,
    subjects: Sequence[str],
) -> dict[str, EndpointStory]:  # fmt: skip
    """The story of an endpoint for each of these subjects, from records of them (`held`); derived once for all."""
    kind: EndpointKind = registry.endpoint_kinds.require(endpoint.kind)
    who = pipeline.endpoint_name(endpoint, kind, registry)
    found = rows_by(guard.collect(who, partial(kind.derive, records_held, endpoint, cutoff)))
    record_of = {subject: next(iter(found.get(subject, ())), None) for subject in subjects}
    book = OptionBook.of(ruleset, endpoint, kind)
    if kind.trace is None:
        steps_of = _own_steps(who, kind, records_held, endpoint, cutoff, book)
        return {
            subject: story_of_other_steps(
                subject, endpoint, cutoff, record_of[subject], None if steps_of is None else steps_of.get(subject, ())
            )
            for subject in subjects
        }
    trace = guard.call(who, partial(kind.trace, records_held, endpoint, cutoff))
    considered = _candidates(who, kind, records_held, endpoint, cutoff)
    tracings = traced(records_held, trace, considered, book, endpoint, cutoff, subjects)
    return {subject: _story(subject, told, kind, record_of[subject]) for subject, told in tracings.items()}


def _own_steps(
    who: str,
    kind: EndpointKind,
    records_held: SubjectRecords,
    endpoint: EndpointDefinition,
    cutoff: date,
    book: OptionBook,
) -> dict[str, list[Step]] | None:
    """By subject the steps that a kind tells itself, those without a sentence left out; None where it tells none."""
    if kind.tell is None:
        return None
    told = guard.call(who, partial(kind.tell, records_held, endpoint, cutoff), "its `tell`")
    return {
        subject: [
            Step(step.name, step.title, tuple(sentence_of(one, book) for one in step.sentences))
            for step in steps
            if step.sentences
        ]
        for subject, steps in told.items()
    }


def _story(subject: str, told: Traced, kind: EndpointKind, record: Record | None) -> EndpointStory:
    endpoint = told.endpoint
    is_time = kind.shape == "time_to_event"
    steps = _start(told)
    if is_time:
        steps += _time_to_event(told)
    elif record is not None:
        steps += _response(told, record)
    if record is None:
        conclusion = [after.why_no_record(told)]
    else:
        conclusion = list(after.tell_conclusion(told, record) if is_time else response.tell_response(told, record))
    made = [Step(name, title, tuple(sentences)) for name, title, sentences in steps]
    return EndpointStory(
        subject, endpoint.paramcd, endpoint.label, told.cutoff, record, tuple(step for step in made if step.sentences),
        tuple(conclusion), endpoint.position, tuple(told.candidates),
    )  # fmt: skip


def _candidates(
    who: str, kind: EndpointKind, mine: SubjectRecords, endpoint: EndpointDefinition, cutoff: date
) -> Mapping[str, Sequence[Record]]:
    """By subject everything that was considered for the record, in order; empty where the kind does not say."""
    if kind.candidates is None:
        return {}
    return rows_by(guard.collect(who, partial(kind.candidates, mine, endpoint, cutoff)).sort("subject", "position"))


def _start(told: Traced) -> Told:
    """Steps 1 to 8 of the pipeline (docs/endpoints.md)."""
    return [
        ("origin", "Time origin", before.tell_origin(told)),
        ("baseline", "Baseline", before.tell_baseline(told)),
        ("imputation", "Partial dates", before.tell_imputed_dates(told)),
        ("dates", "Dates of assessments", before.tell_assigned_dates(told)),
        ("snapshot", "Data cut-off", before.tell_snapshot(told)),
        ("counted", "Assessments", before.tell_counted(told)),
        ("therapies", "Anticancer therapy", before.tell_therapies(told)),
        ("progression", "Progression", before.tell_progression(told)),
    ]


def _time_to_event(told: Traced) -> Told:
    """Steps 9 to 12."""
    return [
        ("start", "Start of the time", after.tell_start(told)),
        ("candidates", "What may end the time", after.tell_candidates(told)),
        ("discarding", "Does the event count?", after.tell_discarding(told)),
        ("moved", "Date of the event", after.tell_moved_date(told)),
        ("censoring", "Censoring", after.tell_censoring(told)),
    ]


def _response(told: Traced, record: Record) -> Told:
    if str(record["rule_id"]).startswith("response.landmark"):
        return [("landmark", "Response at the landmark", response.tell_landmark(told, record))]
    return [("best", "Best response", response.tell_best_response(told, record))]
