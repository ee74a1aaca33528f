"""The whole run: responses, endpoints, grading, analyses. The only place where lazy frames are collected.

Each stage is one function; `derive` calls them in order. What a plugin returns is checked here, and an answer that breaks its
contract stops the run with the plugin's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Literal

import polars as pl

from rules_engine import criteria, guard, records
from rules_engine.agreement import as_components, derive_agreement, stream_frames
from rules_engine.analyses import derive_estimates
from rules_engine.contracts import LESION_ASSESSMENTS, Column, canonical_schema
from rules_engine.criteria.lesion_records import canonical, numbered, share, sort_out
from rules_engine.errors import PluginError
from rules_engine.findings import ERROR, concat_findings, derive_findings, empty_findings, phrase, sort_findings
from rules_engine.grading import (
    GRADED_EVENTS_SCHEMA,
    GRADED_LABS_SCHEMA,
    derive_context,
    derive_hys_law,
    event_options,
    hys_law_findings,
    lab_options,
    read_rules,
    reconcile,
    summarise_events,
    summarise_labs,
)
from rules_engine.model import CriterionRules, EndpointDefinition, GradedRecords, ResponseDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.vocabulary import (
    ARD_SCHEMA,
    BASELINE_SCHEMA,
    CANDIDATE_SCHEMA,
    RESPONSE_SCHEMA,
    TIMEPOINT_SCHEMA,
    TTE_SCHEMA,
    Criterion,
    EndpointKind,
    SubjectRecords,
    require_columns,
)

#: Called with the name of each stage as it begins (`endpoints`, then `endpoints: PFS` …). What it raises ends the run.
Progress = Callable[[str], None]
Tables = Mapping[str, pl.LazyFrame]
#: Criteria and endpoints work on frames gathered before; their plans have many small steps, which stream badly.
ENGINE: Literal["in-memory"] = "in-memory"

DISCREPANCY_SCHEMA: dict[str, pl.DataType] = {
    "response_name": pl.String(),
    "subject": pl.String(),
    "date": pl.Date(),
    "component": pl.String(),
    "derived": pl.String(),
    "collected": pl.String(),
}


def _nothing(_stage: str) -> None:
    """The progress of a run that nobody watches."""


@dataclass(frozen=True)
class Derived:
    """Everything that a run derives, as collected frames.

    `timepoints`, `baselines` (`vocabulary.BASELINE_SCHEMA`) and `subject_responses` (`criteria.SUBJECT_RESPONSE_SCHEMA`) are by
    response name, `time_to_event` and `responses` by PARAMCD; `labs` and `adverse_events` are the graded input tables (None where
    the ruleset does not ask for them).
    """

    timepoints: Mapping[str, pl.DataFrame]
    baselines: Mapping[str, pl.DataFrame]
    subject_responses: Mapping[str, pl.DataFrame]
    collected: Mapping[str, pl.DataFrame]
    time_to_event: Mapping[str, pl.DataFrame]
    responses: Mapping[str, pl.DataFrame]
    labs: pl.DataFrame | None
    adverse_events: pl.DataFrame | None
    hys_law: pl.DataFrame | None
    ard: pl.DataFrame
    analysis_options: Mapping[str, Mapping[str, Any]]
    discrepancies: pl.DataFrame
    findings: pl.DataFrame


def derive(
    ruleset: Ruleset,
    tables: Tables,
    registry: Registry,
    cutoff: date,
    *,
    findings: pl.LazyFrame | None = None,
    progress: Progress = _nothing,
) -> Derived:
    """Run a protocol on a study's canonical tables, as seen on the day `cutoff`; `findings` are those of reading the study."""
    tables = tables_as_of(tables, cutoff)
    progress("responses")
    derived, found = derive_responses(ruleset, tables, registry, cutoff, progress)
    timepoints = {name: stream.timepoints for name, stream in derived.items()}
    streams = assessment_streams(ruleset, tables, timepoints, registry)
    progress("endpoints")
    time_to_event, responses, more = derive_endpoints(ruleset, tables, streams, registry, cutoff, progress)
    subject_responses, of_subjects = derive_subject_responses(ruleset, derived, time_to_event)
    found += [more, *of_subjects, records.treatment_findings(tables["treatments"]).collect()]
    if findings is not None:
        found.append(findings.collect())
    progress("grading")
    labs, adverse_events, more = derive_grades(ruleset, tables, registry, cutoff)
    found.append(more)
    progress("analyses")
    subjects = tables["subjects"].collect()
    estimated = derive_estimates(ruleset, {**time_to_event, **responses}, subjects, registry, progress)
    found.append(estimated.findings)
    ard = estimated.ard
    if adverse_events is not None:
        ard = pl.concat([ard, derive_event_counts(ruleset, adverse_events, tables, cutoff)])
    liver = None
    if labs is not None:
        liver = derive_liver_tests(ruleset, labs)
        ard = pl.concat([ard, derive_lab_counts(labs, liver, tables)])
        if liver is not None:
            found.append(hys_law_findings(liver.lazy()).collect())
    progress("discrepancies")
    discrepancies = derive_discrepancies(ruleset, tables["response_assessments"], timepoints)
    compared = stream_frames(ruleset, timepoints, tables["response_assessments"], select_reading)
    ard = pl.concat([ard, derive_agreement(ruleset, compared, responses)])
    return Derived(
        timepoints=timepoints,
        baselines={name: stream.baselines for name, stream in derived.items()},
        subject_responses=subject_responses,
        collected={
            name: stream.collect() for name, stream in streams.items() if ruleset.responses[name].source == "collected"
        },
        time_to_event=time_to_event,
        responses=responses,
        labs=labs,
        adverse_events=adverse_events,
        hys_law=liver,
        ard=ard,
        analysis_options=estimated.options,
        discrepancies=discrepancies,
        findings=sort_findings(concat_findings(frame.lazy() for frame in found)).collect(),
    )


# Responses ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DerivedResponse:
    """What a criterion makes of one stream: its timepoints and the baselines."""

    timepoints: pl.DataFrame
    baselines: pl.DataFrame


def tables_as_of(tables: Tables, cutoff: date) -> Tables:
    """The tables with the lesions that had been read on the day `cutoff`.

    A later visit may date progression back to an earlier one, which nobody could know on that day.
    """
    lesions = tables["lesion_assessments"].filter(pl.col("visit_date") <= cutoff)
    return {**tables, "lesion_assessments": lesions}


def derive_responses(
    ruleset: Ruleset, tables: Tables, registry: Registry, cutoff: date, progress: Progress = _nothing
) -> tuple[dict[str, DerivedResponse], list[pl.DataFrame]]:
    """What the criteria make of every derived stream, by name, and what they found odd.

    A column `seq` numbers a subject's timepoints over all streams in the order of the ruleset, then by date; it becomes ADRS.ASEQ.
    """
    definitions = [definition for definition in ruleset.responses.values() if definition.source == "derived"]
    if not definitions:
        return {}, []
    lesions = tables["lesion_assessments"].select(_lesion_columns(ruleset, tables, registry))
    readings: dict[tuple[str | None, str | None], pl.LazyFrame] = {}
    found: list[pl.DataFrame] = []
    offsets: pl.DataFrame | None = None
    derived: dict[str, DerivedResponse] = {}
    for definition in definitions:
        progress(f"responses: {definition.name}")
        criterion = _criterion(definition, registry)
        who = criterion_name(criterion, registry)
        rules = definition.rules
        assert rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
        if criterion.assess_tables is not None:
            own = tables_of_criterion(tables, definition, criterion, cutoff)
            rows = assess_tables(own, definition, registry)
            timepoints, offsets = number_timepoints(rows, offsets)
            derived[definition.name] = DerivedResponse(timepoints, pl.DataFrame(schema=BASELINE_SCHEMA))
            found.append(guard.collect(who, partial(criterion.validate_tables, own, rules, rows.lazy())))
            continue
        whose = (definition.assessor, definition.reader)
        reading = readings.get(whose)
        if reading is None:
            reading = readings[whose] = hold_reading(select_reading(lesions, definition))
        rows = assess_reading(reading, definition, registry)
        timepoints, offsets = number_timepoints(rows, offsets)
        baselines = derive_stream_baselines(reading, rows, criterion, rules, who)
        derived[definition.name] = DerivedResponse(timepoints, baselines)
        found.append(guard.collect(who, partial(criterion.validate, reading, rules, rows.lazy())))
        found.append(empty_column_findings(reading, criterion, definition.name).collect())
    return derived, found


def extra_lesion_columns(ruleset: Ruleset, registry: Registry) -> list[Column]:
    """The columns beyond the contract that the criteria of a ruleset read; raises `PluginError` where two declare one differently."""
    found: dict[str, tuple[Column, str]] = {}
    for definition in ruleset.responses.values():
        if definition.source != "derived":
            continue
        criterion = _criterion(definition, registry)
        for column in criterion.extra_columns:
            other, who = found.setdefault(column.name, (column, criterion.id))
            if (other.kind, other.codes) != (column.kind, column.codes):
                raise PluginError.at(
                    f"criteria {who!r} and {criterion.id!r}",
                    f"they read the column {column.name!r} of lesion_assessments in two ways: {other.kind} and {column.kind}",
                    "name the columns differently, or leave one criterion out",
                )
    return [column for column, _who in found.values()]


def empty_column_findings(reading: pl.LazyFrame, criterion: Criterion, name: str) -> pl.LazyFrame:
    """Columns that the criterion measures and that hold nothing in a reading with target lesions: one finding per column."""
    there = reading.collect_schema().names()
    told = (
        reading.select(
            pl.when((pl.col("role") == "target").any()).then(
                pl.concat_list(
                    pl.when(pl.col(column).is_null().all() if column in there else pl.lit(value=True)).then(pl.lit(column))
                    for column in criterion.columns
                )
            ).alias("column")
        )
        .explode("column")
        .drop_nulls()
        .with_columns(pl.col("column").str.strip_suffix("_x100"))
    )  # fmt: skip
    return derive_findings(
        told,
        rule_id="lesions.column.empty",
        severity=ERROR,
        table="lesion_assessments",
        subject=None,
        message=phrase(f"{criterion.title} measures {{}} (response {name}), and no row has it", "column"),
        action="every target lesion that needs it is not evaluable",
        field="",
        value=pl.col("column"),
    )


def _lesion_columns(ruleset: Ruleset, tables: Tables, registry: Registry) -> list[str]:
    """The columns of the contract, and those beyond it that a criterion reads and the study has."""
    there = tables["lesion_assessments"].collect_schema().names()
    extra = [column.held_as for column in extra_lesion_columns(ruleset, registry)]
    return [*canonical_schema(LESION_ASSESSMENTS), *(name for name in extra if name in there)]


def derive_stream_baselines(
    reading: pl.LazyFrame, timepoints: pl.DataFrame, criterion: Criterion, rules: CriterionRules, who: str
) -> pl.DataFrame:
    """The baseline of each subject of a stream, as the criterion gives it or, where it gives none, as its timepoints tell."""
    if criterion.baselines is not None:
        rows = guard.collect(who, partial(criterion.baselines, reading, rules))
        return require_columns(rows, BASELINE_SCHEMA, who).select(list(BASELINE_SCHEMA)).sort("subject")
    sums = timepoints.lazy().group_by("subject").agg(sum_x100=pl.col("baseline_x100").max())
    first = reading.filter("is_baseline").group_by("subject").agg(pl.col("visit_date").min())
    return first.join(sums, on="subject", how="left").select(list(BASELINE_SCHEMA)).sort("subject").collect()


def derive_subject_responses(
    ruleset: Ruleset, derived: Mapping[str, DerivedResponse], time_to_event: Mapping[str, pl.DataFrame]
) -> tuple[dict[str, pl.DataFrame], list[pl.DataFrame]]:
    """Best response and progression of each subject of every derived stream, by name; and baselines that are too old."""
    found: dict[str, pl.DataFrame] = {}
    odd: list[pl.DataFrame] = []
    for name, stream in derived.items():
        rules = ruleset.responses[name].rules
        assert rules is not None  # noqa: S101  (as above)
        reference = reference_dates(name, ruleset, stream.baselines, time_to_event)
        found[name] = criteria.subject_responses(stream.timepoints.lazy(), reference, rules).collect()
        odd.append(criteria.baseline_age_findings(stream.baselines.lazy(), reference, rules).collect())
    return found, odd


def reference_dates(
    name: str, ruleset: Ruleset, baselines: pl.DataFrame, time_to_event: Mapping[str, pl.DataFrame]
) -> pl.LazyFrame:
    """Day 0 of each subject of a stream: the start of the first time-to-event endpoint that reads it, else the baseline's day.

    An endpoint that starts with a response is none. One row per subject with either: subject, reference_date.
    """
    by_baseline = baselines.lazy().select("subject", reference_date="visit_date")
    readers = (
        code for code in time_to_event
        if ruleset.endpoints[code].response == name and ruleset.endpoints[code].options.get("start") != "response"
    )  # fmt: skip
    paramcd = next(readers, None)
    if paramcd is None:
        return by_baseline
    started = time_to_event[paramcd].lazy().select("subject", "start_date")
    return by_baseline.join(started, on="subject", how="full", coalesce=True).select(
        "subject", reference_date=pl.coalesce("start_date", "reference_date")
    )


def hold_reading(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """The same canonical rows, held in memory and sorted out once for all criteria that read them."""
    rows = numbered(lesions).collect()  # streamed: the table is larger than what is held of it
    sorted_out = sort_out(rows.lazy())
    reading = canonical(sorted_out)
    share(reading, sorted_out)
    return reading


def assess_reading(reading: pl.LazyFrame, definition: ResponseDefinition, registry: Registry) -> pl.DataFrame:
    """Timepoint responses of one derived stream, from the lesions of its reading (`select_reading`)."""
    criterion = _criterion(definition, registry)
    rules = definition.rules
    assert rules is not None  # noqa: S101  (as above)

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        return criterion.assess(reading if subjects is None else of_subjects(reading, subjects), rules)

    everybody = reading.select("subject").unique().collect()["subject"]
    who = criterion_name(criterion, registry)
    rows = guard.derived_rows(who, derive, everybody.to_list, rules.options)
    return require_timepoints(rows, criterion, who, everybody)


def tables_of_criterion(
    tables: Tables, definition: ResponseDefinition, criterion: Criterion, cutoff: date
) -> dict[str, pl.LazyFrame]:
    """The input tables that a criterion reads: the rows of the stream's assessor and reader, known on the day `cutoff`."""
    found: dict[str, pl.LazyFrame] = {}
    for need in criterion.tables:
        rows = tables[need.table]
        schema = rows.collect_schema()
        day = next((name for name in ("date", "visit_date") if schema.get(name) == pl.Date()), None)
        if day is not None:
            rows = rows.filter((pl.col(day) <= cutoff) | pl.col(day).is_null())
        found[need.table] = select_reading(rows, definition) if {"assessor", "reader"} <= set(schema) else rows
    return found


def assess_tables(own: Tables, definition: ResponseDefinition, registry: Registry) -> pl.DataFrame:
    """Timepoint responses of one derived stream whose criterion reads tables of its own (`tables_of_criterion`)."""
    criterion = _criterion(definition, registry)
    rules, assess = definition.rules, criterion.assess_tables
    assert rules is not None and assess is not None  # noqa: S101, PT018  (the caller sees to it)

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        chosen = own if subjects is None else {name: of_subjects(rows, subjects) for name, rows in own.items()}
        return assess(chosen, rules)

    everybody = pl.concat([rows.select("subject") for rows in own.values()]).unique().collect()["subject"]
    who = criterion_name(criterion, registry)
    rows = guard.derived_rows(who, derive, everybody.to_list, rules.options)
    return require_timepoints(rows, criterion, who, everybody)


def of_subjects(rows: pl.LazyFrame, subjects: Sequence[str]) -> pl.LazyFrame:
    """The rows of these subjects."""
    return rows.filter(pl.col("subject").is_in(list(subjects)))


def criterion_name(criterion: Criterion, registry: Registry) -> str:
    """A criterion as messages name it."""
    return guard.who_is(registry, "criterion", criterion.id, criterion.version)


def require_timepoints(timepoints: pl.DataFrame, criterion: Criterion, who: str, subjects: pl.Series) -> pl.DataFrame:
    """The same frame, or `PluginError` where a criterion returned what its contract forbids."""
    require_columns(timepoints, TIMEPOINT_SCHEMA, who)
    guard.require_known_subjects(who, timepoints, subjects)
    repeated = timepoints.filter(pl.struct("subject", "visit_date").is_duplicated())
    if repeated.height:
        subject, visit = repeated.sort("subject", "visit_date").select("subject", "visit_date").row(0)
        raise PluginError.at(
            who,
            f"it returned {repeated.height} rows that share subject and visit, first subject {subject}, visit {visit}",
            "a criterion returns one row per subject and visit",
        )
    unknown = timepoints.filter(~pl.col("overall").is_in(list(criterion.responses)).fill_null(value=False))
    if unknown.height:
        codes = ", ".join(sorted({str(code) for code in unknown["overall"].unique()}))
        raise PluginError.at(
            who, f"it returned response codes outside its codelist: {codes}", f"use {', '.join(criterion.responses)}"
        )
    return timepoints


def number_timepoints(timepoints: pl.DataFrame, offsets: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add `seq`, each subject's rows numbered, going on from the streams before; returns the rows and the new last numbers."""
    ordered = timepoints.sort("subject", "visit_date").with_columns(
        seq=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("subject")
    )
    if offsets is not None:
        ordered = (
            ordered.join(offsets, on="subject", how="left", maintain_order="left")
            .with_columns(seq=pl.col("seq") + pl.col("last").fill_null(0))
            .drop("last")
        )
    last = ordered.group_by("subject").agg(last=pl.col("seq").max())
    if offsets is not None:
        last = pl.concat([offsets, last]).group_by("subject").agg(pl.col("last").max())
    return ordered, last


def _criterion(definition: ResponseDefinition, registry: Registry) -> Criterion:
    assert definition.rules is not None  # noqa: S101  (as above)
    return registry.criteria.require(definition.rules.criterion)


def select_reading(rows: pl.LazyFrame, definition: ResponseDefinition) -> pl.LazyFrame:
    """The rows of the stream's assessor and reader."""
    wanted = {"assessor": definition.assessor, "reader": definition.reader}
    chosen = [pl.col(column).str.to_lowercase() == word.lower() for column, word in wanted.items() if word is not None]
    return rows.filter(*chosen) if chosen else rows


def assessment_streams(
    ruleset: Ruleset, tables: Tables, timepoints: Mapping[str, pl.DataFrame], registry: Registry
) -> dict[str, pl.LazyFrame]:
    """The assessments that endpoints read, by response name."""
    return {
        name: assessment_stream(definition, tables, timepoints.get(name), registry)
        for name, definition in ruleset.responses.items()
    }


def assessment_stream(
    definition: ResponseDefinition, tables: Tables, timepoints: pl.DataFrame | None, registry: Registry
) -> pl.LazyFrame:
    """The assessments of one stream; `timepoints` are its responses where it is derived."""
    if definition.source == "collected":
        return records.assessments_from_collected(
            tables["response_assessments"],
            collected_as=definition.collected_as,
            assessor=definition.assessor,
            reader=definition.reader,
        )
    assert timepoints is not None  # noqa: S101  (a derived stream was derived before)
    # A criterion whose codelist has no plain PD speaks iRECIST throughout.
    criterion = _criterion(definition, registry)
    codes_are_irecist = "PD" not in criterion.responses
    plain = timepoints.lazy().with_columns(pl.col("overall").replace(criterion.plain_forms))
    return records.assessments_from_timepoints(plain, codes_are_irecist=codes_are_irecist)


# Endpoints ---------------------------------------------------------------------------------------------------------------


def gather_records(
    ruleset: Ruleset, tables: Tables, streams: Mapping[str, pl.LazyFrame]
) -> dict[str | None, SubjectRecords]:
    """The records that endpoints read, held in memory, by the response that they read (None: no response).

    What the other responses say of the disease is nothing to an endpoint; that somebody read a scan is evidence of life.
    """
    without_response = records.collected(
        records.subject_records(tables, pl.LazyFrame(schema=records.ASSESSMENT_SCHEMA))
    )
    held = {name: stream.collect() for name, stream in streams.items()}
    # Responses derived from the same readings have the same visits: one of them stands for all.
    reading = {name: _reading(ruleset.responses[name]) for name in held}
    seen = {reading[name]: records.sightings(held[name].lazy()) for name in held}
    gathered: dict[str | None, SubjectRecords] = {}
    for name in (None, *held):
        others = [frame for other, frame in seen.items() if name is None or other != reading[name]]
        changes: dict[str, Any] = {} if name is None else {"assessments": held[name].lazy()}
        if others:
            changes["sightings"] = pl.concat(others).unique().collect().lazy()
        gathered[name] = dataclasses.replace(without_response, **changes)
    return gathered


def _reading(definition: ResponseDefinition) -> tuple[str | None, ...]:
    """What tells the visits of one response from those of another."""
    return (definition.source, definition.collected_as, definition.assessor, definition.reader)


def derive_candidates(
    ruleset: Ruleset, tables: Tables, timepoints: Mapping[str, pl.DataFrame], registry: Registry, cutoff: date
) -> pl.DataFrame:
    """Everything that was considered for the records of time-to-event endpoints, from the timepoint responses that a
    run derived: `vocabulary.CANDIDATE_SCHEMA` with `paramcd`, without the names of records, which follow the order of
    a table's rows.
    """
    gathered = gather_records(ruleset, tables, assessment_streams(ruleset, tables, timepoints, registry))
    kept = {name: dtype for name, dtype in CANDIDATE_SCHEMA.items() if name not in ("source_id", "fact_id")}
    schema = {"subject": kept["subject"], "paramcd": pl.String(), **kept}
    found = [pl.DataFrame(schema=schema)]
    for endpoint in ruleset.endpoints.values():
        kind = registry.endpoint_kinds.require(endpoint.kind)
        if kind.candidates is None:
            continue
        who = endpoint_name(endpoint, kind, registry)
        rows = guard.collect(who, partial(kind.candidates, gathered[endpoint.response], endpoint, cutoff))
        require_columns(rows, CANDIDATE_SCHEMA, who)
        found.append(rows.with_columns(paramcd=pl.lit(endpoint.paramcd)).select(list(schema)))
    return pl.concat(found).sort("subject", "paramcd", "position")


def derive_endpoints(
    ruleset: Ruleset, tables: Tables, streams: Mapping[str, pl.LazyFrame], registry: Registry, cutoff: date,
    progress: Progress = _nothing,
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame], pl.DataFrame]:  # fmt: skip
    """Rows of every endpoint by PARAMCD: time to event, response; and what the endpoint kinds found odd."""
    return derive_endpoint_rows(ruleset, gather_records(ruleset, tables, streams), registry, cutoff, progress)


def derive_endpoint_rows(
    ruleset: Ruleset, gathered: Mapping[str | None, SubjectRecords], registry: Registry, cutoff: date,
    progress: Progress = _nothing,
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame], pl.DataFrame]:  # fmt: skip
    """As `derive_endpoints`, from the records by response."""
    time_to_event: dict[str, pl.DataFrame] = {}
    responses: dict[str, pl.DataFrame] = {}
    odd: list[pl.DataFrame] = []
    for endpoint in ruleset.endpoints.values():
        progress(f"endpoints: {endpoint.paramcd}")
        kind = registry.endpoint_kinds.require(endpoint.kind)
        subject_records = gathered[endpoint.response]
        is_time = kind.shape == "time_to_event"
        who = endpoint_name(endpoint, kind, registry)
        rows = derive_endpoint(kind, subject_records, endpoint, cutoff, who)
        require_endpoint(rows, who, TTE_SCHEMA if is_time else RESPONSE_SCHEMA)
        (time_to_event if is_time else responses)[endpoint.paramcd] = rows.sort("subject")
        odd.append(guard.collect(who, partial(kind.validate, subject_records, endpoint, cutoff)))
    findings = pl.concat(odd).unique() if odd else empty_findings().collect()
    return time_to_event, responses, findings


def endpoint_name(endpoint: EndpointDefinition, kind: EndpointKind, registry: Registry) -> str:
    """An endpoint as messages name it: its kind, and words of it that other packages than the kind's offer."""
    who = f"{guard.who_is(registry, 'endpoint kind', endpoint.kind, kind.version)} for {endpoint.paramcd}"
    words = guard.foreign_words(registry, endpoint.options, registry.plugin_of("endpoint kind", kind.id))
    return f"{who} (with {', '.join(words)})" if words else who


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
    """The same frame, or `PluginError` where an endpoint kind returned what its contract forbids."""
    require_columns(rows, schema, who)
    repeated = rows.filter(pl.col("subject").is_duplicated())["subject"]
    if repeated.len():
        raise PluginError.at(who, f"it returned several rows for subject {repeated.min()!s}", "return at most one")
    return rows


# Grading -----------------------------------------------------------------------------------------------------------------


def derive_grades(
    ruleset: Ruleset, tables: Tables, registry: Registry, cutoff: date
) -> tuple[pl.DataFrame | None, pl.DataFrame | None, pl.DataFrame]:
    """Graded labs and adverse events (None where the ruleset does not ask for them), and what the grading found odd."""
    graded: dict[str, pl.DataFrame] = {}
    odd: list[pl.LazyFrame] = []
    for table, asked in (("labs", ruleset.labs), ("adverse_events", ruleset.adverse_events)):
        if asked is None:
            continue
        grading = registry.gradings.require(asked.rules.grading)
        grade, find = (
            (grading.grade_labs, grading.lab_findings)
            if table == "labs"
            else (grading.grade_events, grading.event_findings)
        )
        context = derive_context(tables["subjects"], tables["treatments"], cutoff, asked.window)
        who = guard.who_is(registry, "grading", asked.rules.grading, grading.version)
        graded[table] = derive_graded(who, grade, tables[table], asked, context)
        odd.append(guard.collect(who, partial(find, graded[table].lazy())).lazy())
    if {"labs", "adverse_events"} <= set(graded):
        assert ruleset.adverse_events is not None  # noqa: S101  (there are graded events)
        within_days = event_options(ruleset.adverse_events.options).reconcile_within_days
        odd.append(_reconciled(graded["adverse_events"], graded["labs"], within_days))
    return graded.get("labs"), graded.get("adverse_events"), concat_findings(odd).collect()


def derive_graded(
    who: str, grade: Callable[..., pl.LazyFrame], rows: pl.LazyFrame, asked: GradedRecords, context: pl.LazyFrame
) -> pl.DataFrame:
    """The rows of a table as a grading returns them: the same records, with more columns."""

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        given = (rows, context) if subjects is None else (of_subjects(rows, subjects), of_subjects(context, subjects))
        return grade(given[0], asked.rules.document, asked.options, given[1])

    def everybody() -> list[str]:
        return rows.select("subject").unique().collect()["subject"].to_list()

    graded = guard.derived_rows(who, derive, everybody, asked.options)
    key = [name for name in ("subject", "row") if name in rows.collect_schema()]
    if missing := [name for name in key if name not in graded.columns]:
        raise PluginError.at(who, f"it returned no column {', '.join(missing)}", "a grading adds columns to its rows")
    before, after = rows.select(key).sort(key).collect(), graded.select(key).sort(key)
    if not before.equals(after):
        raise PluginError.at(
            who,
            f"it returned {graded.height} rows for {before.height} records, or other records than it was given",
            "a grading returns every row that it is given, once, with more columns",
        )
    return graded


def _reconciled(adverse_events: pl.DataFrame, labs: pl.DataFrame, within_days: int) -> pl.LazyFrame:
    """Where reported and laboratory grades do not fit each other, if both were graded in the toolbox's columns."""
    if not (set(GRADED_EVENTS_SCHEMA) <= set(adverse_events.columns) and set(GRADED_LABS_SCHEMA) <= set(labs.columns)):
        return empty_findings()
    return reconcile(adverse_events.lazy(), labs.lazy(), within_days)


# Analyses ----------------------------------------------------------------------------------------------------------------


def derive_event_counts(ruleset: Ruleset, adverse_events: pl.DataFrame, tables: Tables, cutoff: date) -> pl.DataFrame:
    """Numbers of adverse events and of subjects with them, by arm and worst grade, as rows of the ARD."""
    asked = ruleset.adverse_events
    assert asked is not None  # noqa: S101  (there are graded events)
    subjects = tables["subjects"].collect()
    by_arm = "arm" if subjects["arm"].null_count() < subjects.height else None
    context = derive_context(tables["subjects"], tables["treatments"], cutoff, asked.window)
    summary = summarise_events(
        adverse_events.lazy(), subjects.lazy(), by_arm, options=event_options(asked.options), context=context
    )
    return summary.collect()


def derive_liver_tests(ruleset: Ruleset, labs: pl.DataFrame) -> pl.DataFrame | None:
    """Hy's law by subject (`grading.HYS_LAW_FRAME`); None where the ruleset does not ask or another grading was used."""
    asked = ruleset.labs
    assert asked is not None  # noqa: S101  (there are graded results)
    rule = lab_options(asked.options).hys_law
    if rule is None or not set(GRADED_LABS_SCHEMA) <= set(labs.columns):
        return None
    return derive_hys_law(labs, rule, read_rules(asked.rules.document).tolerance)


def derive_lab_counts(labs: pl.DataFrame, liver: pl.DataFrame | None, tables: Tables) -> pl.DataFrame:
    """Numbers of subjects by worst laboratory grade and shift, by arm, as rows of the ARD."""
    if not set(GRADED_LABS_SCHEMA) <= set(labs.columns):
        return pl.DataFrame(schema=ARD_SCHEMA)
    subjects = tables["subjects"].collect()
    by_arm = "arm" if subjects["arm"].null_count() < subjects.height else None
    hys_law = None if liver is None else liver.lazy()
    return summarise_labs(labs.lazy(), subjects.lazy(), by_arm, hys_law=hys_law).collect()


# Discrepancies -----------------------------------------------------------------------------------------------------------


def derive_discrepancies(
    ruleset: Ruleset, collected: pl.LazyFrame, timepoints: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Where a derived stream and the responses collected for the same criterion and assessor differ.

    One row per response, subject, visit and component (target, nontarget, new_lesion, overall); a side without a row is null. The
    same criterion is one whose name is that of the ruleset or of the criterion, however it is spelled.
    """
    parts = [pl.LazyFrame(schema=DISCREPANCY_SCHEMA)]
    for name, frame in timepoints.items():
        definition = ruleset.responses[name]
        assert definition.rules is not None  # noqa: S101  (as above)
        names = {_bare(definition.rules.ruleset), _bare(definition.rules.criterion)}
        same_criterion = pl.col("criterion").str.to_lowercase().str.replace_all("[^a-z0-9]", "").is_in(names)
        readings = select_reading(collected, definition).filter(same_criterion)
        parts.append(_differences(name, frame.lazy(), readings))
    return pl.concat(parts).sort("response_name", "subject", "date", "component").collect()


def _differences(name: str, timepoints: pl.LazyFrame, readings: pl.LazyFrame) -> pl.LazyFrame:
    derived = timepoints.select(
        "subject",
        "target",
        "nontarget",
        "overall",
        new_lesion=pl.when("new_lesion").then(pl.lit("yes")).otherwise(pl.lit("no")),
        date="visit_date",
    ).unpivot(index=["subject", "date"], variable_name="component", value_name="derived")
    reported = (
        as_components(readings, re_assessed=False)
        .rename({"visit_date": "date"})
        .unpivot(index=["subject", "date"], variable_name="component", value_name="collected")
        .filter(pl.col("collected").is_not_null())
        .unique()
    )
    # A component that was never collected at any visit is no discrepancy.
    present = reported.select("component").unique()
    return (
        derived.join(present, on="component", how="semi")
        .join(reported, on=["subject", "date", "component"], how="full", coalesce=True)
        .filter(pl.col("derived").ne_missing(pl.col("collected")))
        .with_columns(response_name=pl.lit(name))
        .select(list(DISCREPANCY_SCHEMA))
    )


def _bare(text: str) -> str:
    """A name reduced to its letters and digits, so that `RECIST 1.1` and `recist_1_1` are one."""
    return re.sub("[^a-z0-9]", "", text.lower())
