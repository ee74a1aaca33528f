"""Lesions to responses: what the criteria make of every derived stream, and the assessments that endpoints read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from rules_engine import guard, records
from rules_engine.contracts import LESION_ASSESSMENTS, Column, canonical_schema
from rules_engine.criteria.lesion_records import (
    LesionRecords,
    canonical,
    derive_once,
    numbered,
    share,
    sort_out,
    with_names,
)
from rules_engine.errors import PluginError
from rules_engine.findings import ERROR, derive_findings, phrase
from rules_engine.model import CriterionRules, ResponseDefinition, Ruleset
from rules_engine.pipeline.plans import ENGINE, Progress, Tables, nothing
from rules_engine.registry import Registry
from rules_engine.vocabulary import BASELINE_SCHEMA, TIMEPOINT_SCHEMA, Criterion, require_columns

#: Columns of the tally of a criterion's columns.
COLUMNS_SCHEMA: dict[str, pl.DataType] = {"column": pl.String(), "needed": pl.Boolean(), "filled": pl.Boolean()}


@dataclass(frozen=True)
class DerivedResponse:
    """What a criterion makes of one stream: its timepoints and the baselines; and which of its columns hold anything."""

    timepoints: pl.DataFrame
    baselines: pl.DataFrame
    columns: pl.DataFrame


def tables_as_of(tables: Tables, cutoff: date) -> Tables:
    """The tables with the lesions that had been read on the day `cutoff`.

    A later visit may date progression back to an earlier one, which nobody could know on that day.
    """
    lesions = tables["lesion_assessments"].filter(pl.col("visit_date") <= cutoff)
    return {**tables, "lesion_assessments": lesions}


def derive_responses(
    ruleset: Ruleset, tables: Tables, registry: Registry, cutoff: date, progress: Progress = nothing
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
        criterion = criterion_of(definition, registry)
        who = criterion_name(criterion, registry)
        rules = definition.rules
        assert rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
        if criterion.assess_tables is not None:
            own = tables_of_criterion(tables, definition, criterion, cutoff)
            rows = assess_tables(own, definition, registry)
            timepoints, offsets = number_timepoints(rows, offsets)
            derived[definition.name] = DerivedResponse(
                timepoints, pl.DataFrame(schema=BASELINE_SCHEMA), pl.DataFrame(schema=COLUMNS_SCHEMA)
            )
            found.append(guard.collect(who, partial(criterion.validate_tables, own, rules, rows.lazy())))
            continue
        whose = (definition.assessor, definition.reader)
        reading = readings.get(whose)
        if reading is None:
            reading = readings[whose] = hold_reading(select_reading(lesions, definition))
        rows = assess_reading(reading, definition, registry)
        timepoints, offsets = number_timepoints(rows, offsets)
        baselines = derive_stream_baselines(reading, rows, criterion, rules, who)
        columns = tally_columns(reading, criterion).collect()
        derived[definition.name] = DerivedResponse(timepoints, baselines, columns)
        found.append(guard.collect(who, partial(criterion.validate, reading, rules, rows.lazy())))
    return derived, found


def extra_lesion_columns(ruleset: Ruleset, registry: Registry) -> list[Column]:
    """The columns beyond the contract that the criteria of a ruleset read; raises `PluginError` where two declare one differently."""
    found: dict[str, tuple[Column, str]] = {}
    for definition in ruleset.responses.values():
        if definition.source != "derived":
            continue
        criterion = criterion_of(definition, registry)
        for column in criterion.extra_columns:
            other, who = found.setdefault(column.name, (column, criterion.id))
            if (other.kind, other.codes) != (column.kind, column.codes):
                raise PluginError.at(
                    f"criteria {who!r} and {criterion.id!r}",
                    f"they read the column {column.name!r} of lesion_assessments in two ways: {other.kind} and {column.kind}",
                    "name the columns differently, or leave one criterion out",
                )
    return [column for column, _who in found.values()]


def tally_columns(reading: pl.LazyFrame, criterion: Criterion) -> pl.LazyFrame:
    """The columns that the criterion measures, one row each: whether there is a target lesion (`needed`), and whether any row
    holds something in it (`filled`).
    """
    counted = derive_once(reading, filled_columns)
    there = counted.collect_schema().names()
    columns = list(criterion.columns)
    absent = [pl.lit(value=False).alias(name) for name in columns if name not in there]
    measured = counted.with_columns(absent).select("needed", *columns)
    return measured.unpivot(columns, index="needed", variable_name="column", value_name="filled").select(
        "column", "needed", "filled"
    )


def filled_columns(records: LesionRecords) -> pl.LazyFrame:
    """One row: of every column of the reading whether any row holds something in it; and `needed`, whether there is a target lesion."""
    return records.rows.select(pl.all().is_not_null().any(), needed=(pl.col("role") == "target").any())


def conclude_columns(tallies: pl.LazyFrame, criterion: Criterion, name: str) -> pl.LazyFrame:
    """Columns that the criterion measures and that hold nothing in a reading with target lesions: one finding per column, from
    the stacked tallies of all subjects.
    """
    empty = (
        tallies.group_by("column")
        .agg(pl.col("needed", "filled").any())
        .filter("needed", ~pl.col("filled"))
        .select(pl.col("column").str.strip_suffix("_x100"))
    )
    return derive_findings(
        empty,
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
    criterion = criterion_of(definition, registry)
    rules = definition.rules
    assert rules is not None  # noqa: S101  (as above)

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        return criterion.assess(reading if subjects is None else of_subjects(reading, subjects), rules)

    everybody = derive_once(reading, subjects_read).collect()["subject"]
    who = criterion_name(criterion, registry)
    rows = guard.derived_rows(who, derive, everybody.to_list, rules.options)
    return require_timepoints(rows, criterion, who, everybody)


def subjects_read(records: LesionRecords) -> pl.LazyFrame:
    """One row per subject of the reading."""
    return with_names(records.subjects.select("subject"))


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
    criterion = criterion_of(definition, registry)
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


def criterion_of(definition: ResponseDefinition, registry: Registry) -> Criterion:
    """The criterion of a derived stream."""
    assert definition.rules is not None  # noqa: S101  (as above)
    return registry.criteria.require(definition.rules.criterion)


def select_reading(rows: pl.LazyFrame, definition: ResponseDefinition) -> pl.LazyFrame:
    """The rows of the stream's assessor and reader."""
    wanted = {"assessor": definition.assessor, "reader": definition.reader}
    chosen = [pl.col(column).str.to_lowercase() == word.lower() for column, word in wanted.items() if word is not None]
    return rows.filter(*chosen) if chosen else rows


def assessment_streams(
    ruleset: Ruleset, tables: Tables, timepoints: Mapping[str, pl.DataFrame], registry: Registry,
    collected: Mapping[str, pl.DataFrame] | None = None,
) -> dict[str, pl.LazyFrame]:  # fmt: skip
    """The assessments that endpoints read, by response name; `collected` are those that are at hand (`collected_assessments`)."""
    known = collected or {}
    return {
        name: known[name].lazy()
        if name in known
        else assessment_stream(definition, tables, timepoints.get(name), registry)
        for name, definition in ruleset.responses.items()
    }


def collected_assessments(ruleset: Ruleset, tables: Tables, registry: Registry) -> dict[str, pl.DataFrame]:
    """The assessments of every response that is read as it was collected, by its name."""
    return {
        name: assessment_stream(definition, tables, None, registry).collect(engine=ENGINE)
        for name, definition in ruleset.responses.items()
        if definition.source == "collected"
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
    criterion = criterion_of(definition, registry)
    codes_are_irecist = "PD" not in criterion.responses
    plain = timepoints.lazy().with_columns(pl.col("overall").replace(criterion.plain_forms))
    return records.assessments_from_timepoints(plain, codes_are_irecist=codes_are_irecist)
