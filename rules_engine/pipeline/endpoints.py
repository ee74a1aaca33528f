"""Assessments, treatments and events to endpoints, and everything that was considered for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import itemgetter
from typing import Any

import polars as pl

from rules_engine import guard, records
from rules_engine.errors import PluginError
from rules_engine.findings import empty_findings
from rules_engine.model import EndpointDefinition, ResponseDefinition, Ruleset
from rules_engine.pipeline.plans import ENGINE, Progress, Tables, nothing
from rules_engine.pipeline.responses import assessment_streams, of_subjects
from rules_engine.registry import Registry
from rules_engine.side_by_side import side_by_side
from rules_engine.vocabulary import (
    CANDIDATE_SCHEMA,
    RESPONSE_SCHEMA,
    TTE_SCHEMA,
    EndpointKind,
    SubjectRecords,
    require_columns,
)

#: Texts of candidates of which there are many.
_TEXTS = ("subject", "detail")
#: Candidates as published: without the names of records, which follow the order of a table's rows; words as categories.
_CANDIDATES: dict[str, pl.DataType] = {
    name: pl.Categorical() if dtype == pl.String and name not in _TEXTS else dtype
    for name, dtype in {"subject": pl.String(), "paramcd": pl.String(), **CANDIDATE_SCHEMA}.items()
    if name not in ("source_id", "fact_id")
}


def gather_records(
    ruleset: Ruleset, tables: Tables, streams: Mapping[str, pl.LazyFrame]
) -> dict[str | None, SubjectRecords]:
    """The records that endpoints read, held in memory, by the response that they read (None: no response).

    What the other responses say of the disease is nothing to an endpoint; that somebody read a scan is evidence of life.
    """
    without_response = records.collected(
        records.subject_records(tables, pl.LazyFrame(schema=records.ASSESSMENT_SCHEMA))
    )
    held = {name: stream.collect(engine=ENGINE) for name, stream in streams.items()}
    # Responses derived from the same readings have the same visits: one of them stands for all.
    reading = {name: _reading(ruleset.responses[name]) for name in held}
    seen = {reading[name]: records.sightings(held[name].lazy()) for name in held}
    gathered: dict[str | None, SubjectRecords] = {}
    for name in (None, *held):
        others = [frame for other, frame in seen.items() if name is None or other != reading[name]]
        changes: dict[str, Any] = {} if name is None else {"assessments": held[name].lazy()}
        if others:
            changes["sightings"] = pl.concat(others).unique()  # computed for the first endpoint that asks
        gathered[name] = dataclasses.replace(without_response, **changes)
    return gathered


def _reading(definition: ResponseDefinition) -> tuple[str | None, ...]:
    """What tells the visits of one response from those of another."""
    return (definition.source, definition.collected_as, definition.assessor, definition.reader)


@dataclass(frozen=True)
class OfEndpoints:
    """What is derived for the endpoints: by PARAMCD the rows of times to event and of responses; what the endpoint kinds found odd
    about a subject; and, where asked for, what was considered (`vocabulary.CANDIDATE_SCHEMA` with `paramcd`).
    """

    time_to_event: dict[str, pl.DataFrame]
    responses: dict[str, pl.DataFrame]
    findings: pl.DataFrame
    candidates: pl.DataFrame | None


def derive_endpoint_rows(
    ruleset: Ruleset, gathered: Mapping[str | None, SubjectRecords], registry: Registry, cutoff: date,
    progress: Progress = nothing, *, with_candidates: bool = False,
) -> OfEndpoints:  # fmt: skip
    """Derive every endpoint from the records by response (`gather_records`).

    Candidates come of the steps that the rows come of: beside them they cost a fraction of what they cost alone.
    """
    time_to_event: dict[str, pl.DataFrame] = {}
    responses: dict[str, pl.DataFrame] = {}
    odd: list[pl.DataFrame] = []
    told: list[pl.LazyFrame] = []
    considered: dict[str, pl.DataFrame | None] = {}
    endpoints = list(ruleset.endpoints.values())
    work = [
        partial(_of_endpoint, endpoint, gathered, registry, cutoff, with_candidates=with_candidates)
        for endpoint in endpoints
    ]
    with side_by_side(work, [endpoint.response for endpoint in endpoints]) as derived:
        for endpoint in endpoints:
            progress(f"endpoints: {endpoint.paramcd}")
            kind = registry.endpoint_kinds.require(endpoint.kind)
            rows, found, considered[endpoint.paramcd] = next(derived)
            (time_to_event if kind.shape == "time_to_event" else responses)[endpoint.paramcd] = rows
            for frame in found:
                if all(frame is not other for other in told):  # what endpoints have in common is the same frame
                    told.append(frame)
                    odd.append(guard.collect(endpoint_name(endpoint, kind, registry), partial(_itself, frame)))
    findings = pl.concat(odd).unique() if odd else empty_findings().collect()
    return OfEndpoints(time_to_event, responses, findings, _stacked_candidates(considered) if with_candidates else None)


def _of_endpoint(
    endpoint: EndpointDefinition, gathered: Mapping[str | None, SubjectRecords], registry: Registry, cutoff: date,
    *, with_candidates: bool,
) -> tuple[pl.DataFrame, Sequence[pl.LazyFrame], pl.DataFrame | None]:  # fmt: skip
    """The rows of one endpoint, what its kind found odd, and its candidates."""
    kind = registry.endpoint_kinds.require(endpoint.kind)
    subject_records = gathered[endpoint.response]
    who = endpoint_name(endpoint, kind, registry)
    rows = derive_endpoint(kind, subject_records, endpoint, cutoff, who)
    rows = require_endpoint(rows, who, TTE_SCHEMA if kind.shape == "time_to_event" else RESPONSE_SCHEMA)
    found = guard.call(who, partial(kind.validate, subject_records, endpoint, cutoff))
    candidates = _candidates(endpoint, gathered, registry, cutoff) if with_candidates else None
    return rows, [found] if isinstance(found, pl.LazyFrame) else found, candidates


def derive_candidates(
    ruleset: Ruleset, tables: Tables, timepoints: Mapping[str, pl.DataFrame], registry: Registry, cutoff: date,
    collected: Mapping[str, pl.DataFrame] | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Everything that was considered for the records of time-to-event endpoints, from the timepoint responses that a
    run derived, and those collected where they are at hand: what `derive_endpoint_rows` gives beside the rows.
    """
    endpoints = [
        endpoint
        for endpoint in ruleset.endpoints.values()
        if registry.endpoint_kinds.require(endpoint.kind).candidates is not None
    ]
    if not endpoints:
        return _stacked_candidates({})
    gathered = gather_records(ruleset, tables, assessment_streams(ruleset, tables, timepoints, registry, collected))
    work = [partial(_candidates, endpoint, gathered, registry, cutoff) for endpoint in endpoints]
    with side_by_side(work, [endpoint.response for endpoint in endpoints]) as derived:
        return _stacked_candidates({endpoint.paramcd: next(derived) for endpoint in endpoints})


def _candidates(
    endpoint: EndpointDefinition, gathered: Mapping[str | None, SubjectRecords], registry: Registry, cutoff: date
) -> pl.DataFrame | None:
    """What was considered for one endpoint, in order; None where its kind does not say."""
    kind = registry.endpoint_kinds.require(endpoint.kind)
    if kind.candidates is None:
        return None
    who = endpoint_name(endpoint, kind, registry)
    rows = guard.collect(who, partial(kind.candidates, gathered[endpoint.response], endpoint, cutoff))
    require_columns(rows, CANDIDATE_SCHEMA, who)
    named = rows.with_columns(paramcd=pl.lit(endpoint.paramcd))
    return _in_order_considered(named.select(pl.col(name).cast(dtype) for name, dtype in _CANDIDATES.items()))


def _in_order_considered(rows: pl.DataFrame) -> pl.DataFrame:
    """The candidates by subject and position; most endpoint kinds give them so."""
    subject, position = rows["subject"], rows["position"]
    in_order = (subject != subject.shift(1)) | (position > position.shift(1))
    return rows if subject.is_sorted() and in_order.all() else rows.sort("subject", "position")


def _stacked_candidates(considered: Mapping[str, pl.DataFrame | None]) -> pl.DataFrame:
    """The candidates of all endpoints by subject, PARAMCD and position, from those of each in order, which are used up."""
    told = [pl.DataFrame(schema=_CANDIDATES)]
    told += [rows for _paramcd, rows in sorted(considered.items(), key=itemgetter(0)) if rows is not None]
    subjects = pl.concat([rows["subject"] for rows in told])
    by_name = subjects.cast(pl.Enum(subjects.unique().drop_nulls().sort())).to_physical()
    order = by_name.to_frame().with_row_index("row").sort("subject", maintain_order=True)["row"]
    # Column by column, each let go when it is put in order: all at once would take the memory of both.
    return pl.DataFrame(
        [pl.concat([rows.drop_in_place(name) for rows in told], rechunk=True).gather(order) for name in _CANDIDATES]
    )


def _itself(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame


def tally_endpoints(
    ruleset: Ruleset, gathered: Mapping[str | None, SubjectRecords], registry: Registry, cutoff: date
) -> dict[str, pl.DataFrame]:
    """What the endpoint kinds count in the records for findings about the cohort, by PARAMCD."""
    counted: dict[str, pl.DataFrame] = {}
    for endpoint in ruleset.endpoints.values():
        kind = registry.endpoint_kinds.require(endpoint.kind)
        if kind.tally is not None:
            who = endpoint_name(endpoint, kind, registry)
            counted[endpoint.paramcd] = guard.collect(
                who, partial(kind.tally, gathered[endpoint.response], endpoint, cutoff)
            )
    return counted


def conclude_endpoints(ruleset: Ruleset, tallies: Mapping[str, pl.DataFrame], registry: Registry) -> list[pl.DataFrame]:
    """Findings about the cohort from the stacked tallies of all subjects, by PARAMCD."""
    found = []
    for paramcd, counted in tallies.items():
        endpoint = ruleset.endpoints[paramcd]
        kind = registry.endpoint_kinds.require(endpoint.kind)
        found.append(
            guard.collect(endpoint_name(endpoint, kind, registry), partial(kind.conclude, counted.lazy(), endpoint))
        )
    return found


def endpoint_name(endpoint: EndpointDefinition, kind: EndpointKind, registry: Registry) -> guard.Who:
    """An endpoint as messages name it: its kind, and words of it that other packages than the kind's offer."""
    of_kind = guard.who_is(registry, "endpoint kind", endpoint.kind, kind.version)
    who = f"{of_kind} for {endpoint.paramcd}"
    words = guard.foreign_words(registry, endpoint.options, registry.plugin_of("endpoint kind", kind.id))
    if not words:
        return guard.Who(who, of_kind.seconds)
    return guard.Who(f"{who} (with {', '.join(words)})", registry.selection.seconds)


def derive_endpoint(
    kind: EndpointKind, subject_records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, who: str
) -> pl.DataFrame:
    """The rows of an endpoint, of subjects that the study has."""

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        return kind.derive(records_of(subject_records, subjects), endpoint, cutoff)

    everybody = subject_records.subjects.select("subject").collect()["subject"]
    rows = guard.derived_rows(who, derive, everybody.to_list, endpoint.options)
    if "subject" in rows.columns:
        guard.require_known_subjects(who, rows, everybody)
    return rows


def records_of(subject_records: SubjectRecords, subjects: Sequence[str] | None) -> SubjectRecords:
    """The records of these subjects alone (None: all, as they are)."""
    if subjects is None:
        return subject_records
    own = subject_records.with_frames(lambda _name, frame: of_subjects(frame, subjects))
    tables = {name: of_subjects(rows, subjects) for name, rows in subject_records.tables.items()}
    return dataclasses.replace(own, tables=tables)


def require_endpoint(rows: pl.DataFrame, who: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The rows in the order of subjects, or `PluginError` where an endpoint kind returned what its contract forbids."""
    require_columns(rows, schema, who)
    ordered = rows if rows["subject"].is_sorted() else rows.sort("subject")
    repeated = ordered["subject"].filter(ordered["subject"] == ordered["subject"].shift(1))
    if repeated.len():
        raise PluginError.at(who, f"it returned several rows for subject {repeated.min()!s}", "return at most one")
    return ordered
