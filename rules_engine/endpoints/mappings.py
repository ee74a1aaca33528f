"""Records of subjects written as plain mappings, as worked cases write them, in the frames that endpoints read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.vocabulary import SubjectRecords

Mappings = Mapping[str, Any]

_SOURCE: dict[str, pl.DataType] = {"subject": pl.String(), "source_id": pl.String(), "seq": pl.Int64()}
_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "subjects": {
        "subject": pl.String(), "baseline_date": pl.Date(), "baseline_adequate": pl.Boolean(),
        "death_date": pl.String(), "last_contact_date": pl.Date(), "withdrawal_date": pl.Date(),
        "lost_to_followup_date": pl.Date(), "end_of_study_date": pl.Date(),
    },
    "origins": {"subject": pl.String(), "origin": pl.String(), "date": pl.Date()},
    "assessments": {
        **_SOURCE, "date": pl.String(), "visit_date": pl.Date(), "visit": pl.String(),
        "earliest_part_date": pl.Date(), "latest_part_date": pl.Date(), "earliest_pd_part_date": pl.Date(),
        "response": pl.String(), "iresponse": pl.String(), "suspected_pseudoprogression": pl.Boolean(),
    },
    "therapies": {**_SOURCE, "start_date": pl.String(), "kind": pl.String()},
    "tace": {**_SOURCE, "date": pl.Date()},
    "components": {
        **_SOURCE, "component": pl.String(), "start_date": pl.Date(), "last_date": pl.Date(), "ended": pl.Boolean(),
    },
    "clinical_events": {**_SOURCE, "date": pl.Date(), "kind": pl.String()},
}  # fmt: skip

_CODES = {code.casefold(): code for code in terms.RESPONSES} | {
    spelling.casefold(): code for spelling, code in terms.RESPONSE_SYNONYMS.items()
}


def records_from_mappings(subjects: Sequence[Mappings]) -> SubjectRecords:
    """The records of subjects given as mappings: `subject` names each one, the other keys are those of worked cases.

    Raises `ValueError` where a date is no calendar date or a response is unknown.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _SCHEMAS}
    for subject in subjects:
        _gather(subject, rows)
    frames: dict[str, Any] = {name: pl.LazyFrame(rows[name], schema=schema) for name, schema in _SCHEMAS.items()}
    return SubjectRecords(**frames)


def _gather(subject: Mappings, rows: dict[str, list[dict[str, Any]]]) -> None:
    name = {"subject": str(subject["subject"])}
    baseline = subject.get("baseline") or {}
    rows["subjects"].append(
        {
            **name,
            "baseline_date": _day(baseline.get("date")),
            "baseline_adequate": bool(baseline.get("adequate", False)),
            "death_date": _text((subject.get("death") or {}).get("date")),
            "last_contact_date": _day(subject.get("last_contact")),
            "withdrawal_date": _day(subject.get("withdrawal")),
            "lost_to_followup_date": _day(subject.get("lost_to_followup")),
            "end_of_study_date": _day(subject.get("end_of_study")),
        }
    )
    for origin, day in (subject.get("origins") or {}).items():
        if day is not None:
            rows["origins"].append({**name, "origin": str(origin), "date": _day(day)})
    for assessment, number in _numbered(subject, "assessments"):
        rows["assessments"].append({**name, **_assessment(assessment, number)})
    for therapy, number in _numbered(subject, "therapies"):
        rows["therapies"].append(
            {
                **name, **_source(therapy, f"T{number}", number),
                "start_date": _text(therapy["start"]), "kind": therapy["kind"],
            }
        )  # fmt: skip
    for number, day in enumerate(sorted({_day(day) or date.max for day in subject.get("tace") or ()}), start=1):
        rows["tace"].append({**name, "source_id": f"TACE{number}", "seq": number, "date": day})
    for course, number in _numbered(subject, "treatment"):
        rows["components"].append(
            {
                **name, "source_id": course["component"], "seq": number, "component": course["component"],
                "start_date": _day(course.get("start")), "last_date": _day(course.get("last")),
                "ended": course.get("ended"),
            }
        )  # fmt: skip
    for event, number in _numbered(subject, "other_events"):
        rows["clinical_events"].append(
            {**name, **_source(event, f"X{number}", number), "date": _day(event["date"]), "kind": event["kind"]}
        )


def _numbered(subject: Mappings, key: str) -> Iterable[tuple[Mappings, int]]:
    return ((record, number) for number, record in enumerate(subject.get(key) or (), start=1))


def _source(record: Mappings, otherwise: str, number: int) -> dict[str, Any]:
    return {"source_id": str(record.get("id", otherwise)), "seq": number}


def _assessment(assessment: Mappings, number: int) -> dict[str, Any]:
    parts = [(_day(part["date"]), bool(part.get("pd", False))) for part in assessment.get("parts") or ()]
    days = sorted(day for day, _pd in parts if day is not None)
    pd_days = sorted(day for day, pd in parts if pd and day is not None)
    return {
        **_source(assessment, f"A{number}", number),
        "date": _text(assessment.get("date")),
        "visit_date": _day(assessment.get("visit_date")),
        "visit": _text(assessment.get("visit")),
        "earliest_part_date": days[0] if days else None,
        "latest_part_date": days[-1] if days else None,
        "earliest_pd_part_date": pd_days[0] if pd_days else None,
        "response": _code(assessment["response"]),
        "iresponse": _code(assessment.get("iresponse")),
        "suspected_pseudoprogression": bool(assessment.get("suspected_pseudo", False)),
    }


def _code(response: Any) -> str | None:
    if response is None:
        return None
    try:
        return _CODES[str(response).casefold()]
    except KeyError:
        raise ValueError(f"{response!r} is no response code; use one of {', '.join(terms.RESPONSES)}") from None


def _day(value: Any) -> date | None:
    return value if value is None or isinstance(value, date) else date.fromisoformat(str(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
