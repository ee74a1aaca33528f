"""The trace of one endpoint for one subject, as plain rows: what the sentences of its story are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine.endpoints.progression import derive_effective_responses, derive_scan
from rules_engine.endpoints.trace import Trace
from rules_engine.endpoints.words import WordsInUse
from rules_engine.explain.option_book import OptionBook
from rules_engine.explain.sentences import SourceRecord
from rules_engine.model import EndpointDefinition, Schedule
from rules_engine.vocabulary import SubjectRecords

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Traced:
    """One subject's rows of every step of one endpoint; the frames are those of `vocabulary.Observation` and of `Trace`.

    `stated` are the subject's records as the study has them, before anything was derived. `clock` and `subject` are None
    where the subject has no time origin up to the cut-off, or no part in the endpoint.
    """

    endpoint: EndpointDefinition
    cutoff: date
    book: OptionBook
    used: WordsInUse
    stated: Mapping[str, Rows]
    origin: date | None
    components: Mapping[str, date | None]
    clock: Row | None
    dated: Rows
    assessments: Rows
    therapies: Rows
    truncation: Row | None
    usable: Rows
    progression: Row | None
    scan: Rows
    subject: Row | None
    candidates: Rows
    reasons: Rows
    evidence: Rows
    window: Rows
    confirmed: frozenset[date]

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of the endpoint, complete."""
        return self.endpoint.options

    @property
    def schedule(self) -> Schedule | None:
        """The planned visits of the endpoint."""
        return self.endpoint.schedule

    @property
    def reads_progression(self) -> bool:
        """Something in the endpoint depends on whether the disease progressed."""
        pending = any(effect == "before_date" for _rule, effect in self.used.rules)
        return bool(self.window) or pending or any(event.reads_responses for event in self.used.events)


def traced(
    records: SubjectRecords,
    trace: Trace,
    candidates: Rows,
    book: OptionBook,
    endpoint: EndpointDefinition,
    cutoff: date,
) -> Traced:
    """Collect the frames of a trace of one subject."""
    observation = trace.observation
    options = endpoint.options
    response = trace.window is not None
    frames: dict[str, pl.LazyFrame] = {
        "origin": trace.origin,
        **{f"component {name}": days for name, days in trace.components.items()},
        "clock": observation.clock,
        "dated": observation.dated.sort("date", "source_id"),
        "assessments": observation.assessments.sort("date"),
        "therapies": observation.therapies.sort("date", "source_id"),
        "truncation": observation.truncation,
        "usable": derive_effective_responses(observation.usable, options).sort("date"),
        "progression": observation.progression,
        "evidence": trace.evidence.sort("date", "order", "source_id", "source_variable", nulls_last=True),
    }
    if options["pd_rule"] != "first_pd":
        frames["scan"] = derive_scan(observation.usable, options).sort("date")
    if not response:
        frames["subject"] = observation.subjects
    for name, frame in (
        ("reasons", trace.reasons),
        ("window", trace.window),
        ("confirmed", trace.confirmed),
    ):
        if frame is not None:
            frames[name] = frame
    found = {name: rows.to_dicts() for name, rows in zip(frames, _collected(frames.values()), strict=True)}

    def first(name: str) -> Row | None:
        rows = found.get(name) or []
        return rows[0] if rows else None

    stated_names = ("subjects", "origins", "assessments", "therapies", "tace", "components", "clinical_events")
    stated = dict(zip(stated_names, _collected(getattr(records, name) for name in stated_names), strict=True))
    start = first("origin")
    return Traced(
        endpoint, cutoff, book, trace.used, {name: rows.to_dicts() for name, rows in stated.items()},
        origin=None if start is None else start["t0"],
        components={name: _day(first(f"component {name}")) for name in trace.components},
        clock=first("clock"), dated=found["dated"], assessments=found["assessments"], therapies=found["therapies"],
        truncation=first("truncation"), usable=found["usable"], progression=first("progression"), scan=found.get("scan", []),
        subject=first("subject"),
        candidates=candidates,
        reasons=sorted(found.get("reasons", []), key=lambda row: row["place"]), evidence=found["evidence"],
        window=sorted(found.get("window", []), key=lambda row: row["date"]),
        confirmed=frozenset(row["date"] for row in found.get("confirmed", [])),
    )  # fmt: skip


def _collected(frames: Any) -> list[pl.DataFrame]:
    return pl.collect_all(list(frames), engine="in-memory")


def _day(row: Row | None) -> date | None:
    return None if row is None else row["date"]


# What rows are called ------------------------------------------------------------------------------------------------------


def source_of(row: Row) -> SourceRecord:
    """The record that a row points to; rows of assessments carry its name and number alone."""
    if "source_domain" in row:
        return SourceRecord(row["source_domain"] or "", row["source_variable"], row["source_seq"], row["source_id"])
    return SourceRecord("ADRS", "ADT", row.get("seq"), row["source_id"])


def assessment(row: Row) -> str:
    """An assessment in words: `PD (A2, re-assessed iUPD)`; a derived one, which is named by its day, without a name."""
    about = [row["source_id"]] if row["source_id"] != row["date"].isoformat() else []
    about += [f"re-assessed {row['iresponse']}"] if row.get("iresponse") else []
    about += ["pseudoprogression suspected"] if row.get("suspected") else []
    code = row["response"] or "no response"
    return f"{code} ({', '.join(about)})" if about else str(code)
