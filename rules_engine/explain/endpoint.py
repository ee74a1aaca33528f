"""Why a derived record is as it is: the rule that fired, the record it came from, and where the rule stands in the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rules_engine.model import EndpointDefinition, Position


@dataclass(frozen=True, slots=True)
class EndpointStory:
    """One derived record, told in words. `str()` gives the text; `as_dict()` the same as data."""

    subject: str
    endpoint: str
    record: Mapping[str, Any] | None
    text: str
    position: Position | None

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data; dates are ISO text."""
        record = None
        if self.record is not None:
            record = {
                key: value.isoformat() if isinstance(value, date) else value for key, value in self.record.items()
            }
        return {
            "subject": self.subject,
            "endpoint": self.endpoint,
            "record": record,
            "text": self.text,
            "defined_at": None if self.position is None else str(self.position),
        }


def explain_record(subject: str, endpoint: EndpointDefinition, record: Mapping[str, Any] | None) -> EndpointStory:
    """Tell one subject's record of an endpoint; `record` is the derived row, None where there is none."""
    where = f" Defined at {endpoint.position}." if endpoint.position is not None else ""
    if record is None:
        text = (
            f"{endpoint.paramcd} ({endpoint.label}): subject {subject} has no record, because the endpoint does not apply "
            f"(no time origin on or before the data cut-off, or not a responder where one is required).{where}"
        )
    elif "event" in record:
        text = _time_to_event(subject, endpoint, record) + where
    else:
        text = _response(subject, endpoint, record) + where
    return EndpointStory(subject, endpoint.paramcd, record, text, endpoint.position)


def _time_to_event(subject: str, endpoint: EndpointDefinition, record: Mapping[str, Any]) -> str:
    what = record["event_description"] if record["event"] else f"censored: {record['event_description']}"
    dated = f"; the date is that of: {record['censoring_description']}" if record["censoring_description"] else ""
    return (
        f"{endpoint.paramcd} ({endpoint.label}): subject {subject}, {what} on {record['date']} (day {record['days']}, counted from "
        f"{record['start_date']}, {record['start_variable']}){dated}. Reason {record['reason']}, CNSR {record['cnsr']}, "
        f"rule {record['rule_id']}, source {_source(record)}."
    )


def _response(subject: str, endpoint: EndpointDefinition, record: Mapping[str, Any]) -> str:
    answer = {True: "a responder", False: "not a responder", None: "no responder status"}[record["responder"]]
    dated = f" on {record['date']}" if record["date"] is not None else ""
    return (
        f"{endpoint.paramcd} ({endpoint.label}): subject {subject}, {record['value']}{dated}, {answer}. "
        f"Rule {record['rule_id']}, source {_source(record)}."
    )


def _source(record: Mapping[str, Any]) -> str:
    parts = [str(record[key]) for key in ("source_domain", "source_variable", "source_seq") if record[key] is not None]
    return (
        ".".join(parts) + (f" ({record['source_id']})" if record["source_id"] is not None else "") if parts else "none"
    )
