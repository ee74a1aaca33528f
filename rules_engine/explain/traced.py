"""The trace of one endpoint for one subject, as plain rows: what the sentences of its story are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from rules_engine.endpoints.progression import derive_scanned, effective_response
from rules_engine.endpoints.sharing import derive_names
from rules_engine.endpoints.trace import Trace
from rules_engine.endpoints.words import WordsInUse
from rules_engine.explain.option_book import OptionBook
from rules_engine.explain.sentences import SourceRecord
from rules_engine.model import EndpointDefinition, Schedule
from rules_engine.vocabulary import RECORD_FRAMES, Observation, SubjectRecords

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Traced:
    """One subject's rows of every step of one endpoint; the frames are those of `vocabulary.Observation` and of `Trace`.

    `stated` are the subject's records as the study has them, before anything was derived. `clock` and `subject` are None
    where the subject has no time origin up to the cut-off, or no part in the endpoint. `observation` gives the observation of
    this subject alone, for words that tell what they looked at.
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
    observation: Callable[[], Observation]

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
    candidates: Mapping[str, Rows],
    book: OptionBook,
    endpoint: EndpointDefinition,
    cutoff: date,
    subjects: Sequence[str],
) -> dict[str, Traced]:
    """Collect the frames of a trace, and take out the rows of each of these subjects; `candidates` are by subject."""
    frames = _frames(trace, endpoint, response=trace.window is not None)
    by_number = {name: rows_by(rows) for name, rows in zip(frames, _collected(frames.values()), strict=True)}
    stated_names = ("subjects", "origins", "assessments", "therapies", "tace", "components", "clinical_events")
    held = _collected([getattr(records, name) for name in stated_names])
    stated = {name: rows_by(rows) for name, rows in zip(stated_names, held, strict=True)}
    part = _parts(trace.observation)
    numbers: dict[str, int] = dict(derive_names(records).select("subject", "number").collect().iter_rows())

    def of(subject: str) -> Traced:
        # Whoever has no number has no row in any frame of the trace.
        number = numbers.get(subject, -1)
        found = {name: rows.get(number, []) for name, rows in by_number.items()}
        start = _first(found["origin"])
        return Traced(
            endpoint, cutoff, book, trace.used, {name: rows.get(subject, []) for name, rows in stated.items()},
            origin=None if start is None else start["t0"],
            components={name: _day(_first(found[f"component {name}"])) for name in trace.components},
            clock=_first(found["clock"]), dated=found["dated"], assessments=found["assessments"],
            therapies=found["therapies"], truncation=_first(found["truncation"]), usable=found["usable"],
            progression=_first(found["progression"]), scan=found.get("scan", []),
            subject=_first(found.get("subject", [])),
            candidates=candidates.get(subject, []),
            reasons=sorted(found.get("reasons", []), key=lambda row: row["place"]), evidence=found["evidence"],
            window=sorted(found.get("window", []), key=lambda row: row["date"]),
            confirmed=frozenset(row["date"] for row in found.get("confirmed", [])),
            observation=partial(part, number),
        )  # fmt: skip

    return {subject: of(subject) for subject in subjects}


def _frames(trace: Trace, endpoint: EndpointDefinition, *, response: bool) -> dict[str, pl.LazyFrame]:
    """Every frame of the trace by name, in the order in which a story tells its rows."""
    observation, options = trace.observation, endpoint.options
    frames: dict[str, pl.LazyFrame] = {
        "origin": trace.origin,
        **{f"component {name}": days for name, days in trace.components.items()},
        "clock": observation.clock,
        "dated": observation.dated.sort("date", "source_id"),
        "assessments": observation.assessments.sort("date"),
        "therapies": observation.therapies.sort("date", "source_id"),
        "truncation": observation.truncation,
        "usable": derive_scanned(observation).with_columns(effective=effective_response(options)).sort("date"),
        "progression": observation.progression,
        "evidence": trace.evidence.sort("date", "order", "source_id", "source_variable", nulls_last=True),
    }
    if options["pd_rule"] != "first_pd":
        frames["scan"] = derive_scanned(observation).sort("date")
    if not response:
        frames["subject"] = observation.subjects
    for name, frame in (
        ("reasons", trace.reasons),
        ("window", trace.window),
        ("confirmed", trace.confirmed),
    ):
        if frame is not None:
            frames[name] = frame
    return frames


#: The frames of an observation; those of later steps may not be there.
_OBSERVED = (
    "clock", "dated", "assessments", "therapies", "truncation_frame", "usable_frame", "progression_frame", "subjects_frame",
)  # fmt: skip


def _parts(observation: Observation) -> Callable[[int], Observation]:
    """Gives the observation of one subject, by its number, out of that of many."""
    there = [name for name in _OBSERVED if getattr(observation, name) is not None]
    records = observation.records

    def split(frames: Sequence[pl.LazyFrame]) -> list[_Split]:
        return [_Split.of(rows) for rows in _collected(frames)]

    def observed() -> list[_Split]:
        return split([getattr(observation, name) for name in there])

    recorded = partial(records.once, "by subject", lambda: split([getattr(records, name) for name in RECORD_FRAMES]))
    known: list[list[_Split]] = []

    def part(number: int) -> Observation:
        # Most stories ask no word, so that nothing is split before the first that does.
        if not known:
            known.append(observed())
        frames: dict[str, Any] = {name: one.rows(number) for name, one in zip(there, known[0], strict=True)}
        mine: dict[str, Any] = {name: one.rows(number) for name, one in zip(RECORD_FRAMES, recorded(), strict=True)}
        tables = _TablesOfSubject(records.tables, number)
        return replace(observation, records=replace(records, tables=tables, **mine), **frames)

    return part


@dataclass(frozen=True)
class _Split:
    """A frame, by the subject."""

    parts: Mapping[Any, pl.DataFrame]
    empty: pl.DataFrame

    @classmethod
    def of(cls, rows: pl.DataFrame) -> _Split:
        parts = rows.partition_by("subject", as_dict=True, maintain_order=True)
        return cls({number: part for (number,), part in parts.items()}, rows.clear())

    def rows(self, number: int) -> pl.LazyFrame:
        return self.parts.get(number, self.empty).lazy()


class _TablesOfSubject(Mapping[str, pl.LazyFrame]):
    """The input tables with the rows of one subject, each when it is asked for."""

    def __init__(self, tables: Mapping[str, pl.LazyFrame], number: int) -> None:
        self._tables = tables
        self._number = number

    def __getitem__(self, table: str) -> pl.LazyFrame:
        return self._tables[table].filter(pl.col("subject") == self._number)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def rows_by(rows: pl.DataFrame) -> dict[Any, list[dict[str, Any]]]:
    """The rows of each subject (its name or number), in the order of the frame."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["subject"], []).append(row)
    return found


def _first(rows: Rows) -> Row | None:
    return rows[0] if rows else None


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
