"""What is explained of one subject: endpoints, timepoint responses, or both; and the errors for what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine.errors import UsageError, closest
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.endpoint_of_subject import tell_endpoint
from rules_engine.explain.subject import SubjectData
from rules_engine.explain.timeline import SubjectTimeline, timeline_of
from rules_engine.explain.timepoint import TimepointStory
from rules_engine.explain.timepoints_of_subject import tell_timepoints
from rules_engine.explain.words import as_data, listed
from rules_engine.model import Ruleset
from rules_engine.pages import notebook
from rules_engine.registry import Registry


@dataclass(frozen=True, slots=True)
class Explanation:
    """Stories of one subject: `endpoints` and `timepoints`, in the order of the ruleset and of the visits.

    `notes` say why something that was asked for has no story. `str()` gives the text; `as_dict()` the same as data (docs/explain.md).
    """

    subject: str
    ruleset: str
    data_cutoff: date
    endpoints: tuple[EndpointStory, ...] = ()
    timepoints: tuple[TimepointStory, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self.endpoints), *map(str, self.timepoints), *self.notes])

    def _repr_html_(self) -> str:
        """The explanation in a notebook: one line per story, which opens it; the only story of one is open."""
        stories = [str(story).partition("\n") for story in (*self.endpoints, *self.timepoints)]
        parts = [notebook.folded(title, text, opened=len(stories) == 1) for title, _break, text in stories]
        notes = [notebook.facts([("note", note) for note in self.notes])] if self.notes else []
        title = f"Subject {self.subject}, as {self.ruleset} derives it on {self.data_cutoff}"
        return notebook.card(title, *parts, *notes)

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data; dates are ISO text, lengths are in mm."""
        return {
            "subject": self.subject,
            "ruleset": self.ruleset,
            "data_cutoff": as_data(self.data_cutoff),
            "endpoints": [story.as_dict() for story in self.endpoints],
            "timepoints": [story.as_dict() for story in self.timepoints],
            "notes": list(self.notes),
        }


def explain_subject(
    tables: Mapping[str, pl.LazyFrame],
    ruleset: Ruleset,
    registry: Registry,
    cutoff: date,
    subject: str,
    *,
    endpoint: str | None = None,
    response: str | None = None,
    visit: date | str | None = None,
) -> Explanation:
    """Explain a subject of a study: one endpoint, the visits of one response stream, one visit, or (nothing named) everything.

    `tables` are the study's canonical tables; only this subject's rows of them are collected. Raises `UsageError` for a subject,
    endpoint, response or visit that is not there.
    """
    named = _named("endpoint", endpoint, list(ruleset.endpoints)), _named("response", response, list(ruleset.responses))
    day = _day(visit)
    data = SubjectData.of(tables, subject, ruleset, registry, cutoff)
    everything = endpoint is None and response is None and visit is None
    endpoints = list(ruleset.endpoints) if everything else [name for name in named[:1] if name is not None]
    streams = _streams(data, endpoint, response, asked=everything or visit is not None or response is not None)
    timepoints, notes = _timepoints(data, streams, day)
    return Explanation(
        subject,
        ruleset.id,
        cutoff,
        tuple(tell_endpoint(data, name) for name in endpoints),
        tuple(timepoints),
        tuple(notes),
    )


def subject_timeline(
    tables: Mapping[str, pl.LazyFrame],
    ruleset: Ruleset,
    registry: Registry,
    cutoff: date,
    subject: str,
    *,
    endpoint: str | None = None,
    response: str | None = None,
) -> SubjectTimeline:
    """The course of a subject as a picture: with one endpoint and the responses that it reads, one response stream, or everything.

    Raises `UsageError` as `explain_subject` does.
    """
    _named("endpoint", endpoint, list(ruleset.endpoints))
    _named("response", response, list(ruleset.responses))
    data = SubjectData.of(tables, subject, ruleset, registry, cutoff)
    endpoints = [endpoint] if endpoint is not None else [] if response is not None else list(ruleset.endpoints)
    stories = {
        name: tell_timepoints(data, ruleset.responses[name]) for name in _streams(data, endpoint, response, asked=True)
    }
    return timeline_of(data, [tell_endpoint(data, name) for name in endpoints], stories)


def _named(word: str, name: str | None, known: Sequence[str]) -> str | None:
    """The name itself, where the ruleset has it."""
    if name is not None and name not in known:
        has = f"the ruleset defines {', '.join(known)}" if known else "the ruleset defines none"
        raise UsageError.at(f"{word} {name!r}", has, "name one of these", meant=closest(name, known))
    return name


def _day(visit: date | str | None) -> date | None:
    if visit is None or isinstance(visit, date):
        return visit
    try:
        return date.fromisoformat(visit)
    except ValueError:
        raise UsageError.at(f"visit {visit!r}", "it is no calendar day", "write it as 2025-12-31") from None


def _streams(data: SubjectData, endpoint: str | None, response: str | None, *, asked: bool) -> list[str]:
    """The response streams whose visits are told: the one named, that of the endpoint named, or all."""
    if not asked:
        return []
    if response is not None:
        return [response]
    of_endpoint = data.ruleset.endpoints[endpoint].response if endpoint is not None else None
    return [of_endpoint] if of_endpoint is not None else list(data.ruleset.responses)


def _timepoints(data: SubjectData, streams: Sequence[str], day: date | None) -> tuple[list[TimepointStory], list[str]]:
    stories = {name: tell_timepoints(data, data.ruleset.responses[name]) for name in streams}
    nothing = [name for name, told in stories.items() if not told]
    notes = [f"{name}: subject {data.subject} has no assessment after baseline in this stream." for name in nothing]
    told = [story for of_stream in stories.values() for story in of_stream]
    if day is None:
        return told, notes
    found = [story for story in told if story.visit_date == day]
    if not found:
        visits = sorted({story.visit_date for story in told})
        has = f"it has visits on {listed(map(str, visits))}" if visits else "it has no visit after baseline"
        nearest = min(visits, key=lambda one: (abs((one - day).days), one), default=None)
        raise UsageError.at(
            f"visit {day} of subject {data.subject!r}", f"there is no such visit in {listed(streams, 'or')}; {has}", "name one of these",
            meant="" if nearest is None else str(nearest),
        )  # fmt: skip
    return found, []
