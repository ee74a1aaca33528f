"""The story of one endpoint of one subject: the steps of its derivation in order, and what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rules_engine.explain.sentences import Sentence, SourceRecord, wrapped
from rules_engine.explain.words import as_data
from rules_engine.model import EndpointDefinition, Position


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the derivation: its name (stable), its title, and what was decided in it."""

    name: str
    title: str
    sentences: tuple[Sentence, ...]

    def as_dict(self) -> dict[str, Any]:
        """The step as plain data."""
        return {
            "step": self.name,
            "title": self.title,
            "sentences": [sentence.as_dict() for sentence in self.sentences],
        }


@dataclass(frozen=True, slots=True)
class EndpointStory:
    """One endpoint of one subject, told. `str()` gives the text; `as_dict()` the same as data.

    `record` is the derived row (None: there is none, and `conclusion` says why). `steps` are those in which something was decided,
    in the order of the pipeline; `candidates` the rows of `vocabulary.CANDIDATE_SCHEMA`.
    """

    subject: str
    endpoint: str
    label: str
    data_cutoff: date
    record: Mapping[str, Any] | None
    steps: tuple[Step, ...]
    conclusion: tuple[Sentence, ...]
    position: Position | None
    candidates: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        defined = f" [{self.position.file}:{self.position.line}]" if self.position is not None else ""
        yield f"{self.endpoint} ({self.label}), subject {self.subject}, as seen on {self.data_cutoff}{defined}"
        for title, sentences in [
            *((step.title, step.sentences) for step in self.steps),
            ("Conclusion", self.conclusion),
        ]:
            yield f"  {title}"
            said: set[str] = set()
            yield from (wrapped(sentence.told(said), 4) for sentence in sentences)

    def as_dict(self) -> dict[str, Any]:
        """The story as plain data; dates are ISO text."""
        return {
            "subject": self.subject,
            "endpoint": self.endpoint,
            "label": self.label,
            "data_cutoff": as_data(self.data_cutoff),
            "record": None if self.record is None else {key: as_data(value) for key, value in self.record.items()},
            "steps": [step.as_dict() for step in self.steps],
            "conclusion": [sentence.as_dict() for sentence in self.conclusion],
            "candidates": [
                {key: as_data(value) for key, value in row.items() if key != "subject"} for row in self.candidates
            ],
            "defined_at": None if self.position is None else f"{self.position.file}:{self.position.line}",
        }


def story_of_other_steps(
    subject: str,
    endpoint: EndpointDefinition,
    cutoff: date,
    record: Mapping[str, Any] | None,
    steps: Sequence[Step] | None,
) -> EndpointStory:
    """The story of an endpoint whose kind is not made of the toolbox's steps: its own ones, and the record with its rule.

    `steps` is None where the kind does not tell them.
    """
    conclusion = [_conclusion(record)]
    if steps is None:
        conclusion.append(Sentence(f"The endpoint kind {endpoint.kind} does not show its steps."))
    return EndpointStory(
        subject,
        endpoint.paramcd,
        endpoint.label,
        cutoff,
        record,
        tuple(steps or ()),
        tuple(conclusion),
        endpoint.position,
    )


def _conclusion(record: Mapping[str, Any] | None) -> Sentence:
    """The record, and the rule that it names."""
    if record is None:
        return Sentence("No record: the endpoint does not apply to the subject.")
    dated = f" on {record['date']}" if record["date"] is not None else ""
    if "event" in record:
        what = record["event_description"] if record["event"] else f"censored: {record['event_description']}"
        started = (
            f"day {record['days']} from {record['start_date']}" if record["days"] is not None else "without a start"
        )
        dated += f", {started}"
    else:
        what = record["value"] if record["value"] is not None else "no value"
    sources: tuple[SourceRecord, ...] = ()
    if record["source_domain"] is not None and record["date"] is not None:
        columns = ("source_domain", "source_variable", "source_seq", "source_id")
        sources = (SourceRecord(*(record[name] for name in columns)),)
    return Sentence(f"{what}{dated}; rule {record['rule_id']}.", (), sources)
