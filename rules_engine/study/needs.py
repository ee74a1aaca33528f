"""What a ruleset needs and a study may lack: one error that names the endpoint and the table.

A table that is there without rows is an answer (nobody had another therapy); a table that is not there is a question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from rules_engine import guard
from rules_engine.analysis.covariates import columns_of
from rules_engine.contracts import SUBJECTS, canonical_schema
from rules_engine.errors import PluginError, Problem, StudyError, closest
from rules_engine.model import AnalysisDefinition, EndpointDefinition, ResponseDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.study.study import Study
from rules_engine.vocabulary import EndpointKind, Need

_SHOWN = 6


def require_tables(study: Study, ruleset: Ruleset, registry: Registry) -> None:
    """Raise `StudyError` where the study lacks a table, column or reading that the ruleset needs."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for who, need in _needs(ruleset, registry):
        is_there = study.has(need.table) and (not need.column or need.column in study.columns[need.table])
        if not is_there:
            lacking.setdefault((need.table, need.column), []).append(f"{who} ({need.why})")
    problems = [_lacking_problem(study, table, column, users) for (table, column), users in lacking.items()]
    problems += _missing_readings(study, ruleset, registry)
    if problems:
        raise StudyError(problems)


def _lacking_problem(study: Study, table: str, column: str, users: Sequence[str]) -> Problem:
    shown = "; ".join(users[:_SHOWN]) + (f"; and {len(users) - _SHOWN} more" if len(users) > _SHOWN else "")
    if column and study.has(table):
        what = f"the study has no column {column!r} in this table, which the ruleset needs: {shown}"
        remedy = "add the column (empty cells are allowed), or change the ruleset"
        return Problem(f"table {table}", what, remedy, meant=closest(column, study.columns[table]))
    what = f"the study does not have this table, which the ruleset needs: {shown}"
    remedy = f"add a file {table}.csv or {table}.parquet"
    if table not in ("subjects", "lesion_assessments", "response_assessments"):
        remedy += " (column names alone, if there is no such record)"
    return Problem(f"table {table}", what, remedy)


# What each part needs ----------------------------------------------------------------------------------------------


def _needs(ruleset: Ruleset, registry: Registry) -> Iterator[tuple[str, Need]]:
    for endpoint in ruleset.endpoints.values():
        kind = registry.endpoint_kinds.require(endpoint.kind)
        for need in endpoint_needs(endpoint, ruleset.responses, kind, registry):
            yield f"endpoint {endpoint.paramcd}", need
    for section in ("adverse_events", "labs"):
        if ruleset.document.get(section):
            yield f"section {section}", Need(section, "", "grading")
            yield f"section {section}", Need("subjects", "", "the safety population")
    for analysis in ruleset.analyses.values():
        place = f", {analysis.position}" if analysis.position is not None else ""
        for column, why in analysed_columns(analysis, ruleset) if not analysis.optional else ():
            yield f"analysis {analysis.name}", Need("subjects", column, f"{why}{place}")


def analysed_columns(analysis: AnalysisDefinition, ruleset: Ruleset) -> Iterator[tuple[str, str]]:
    """Columns of the subjects that an analysis reads beside those of the contract, and what for."""
    named: list[tuple[str, Sequence[str]]] = [
        ("by", [analysis.by] if analysis.by is not None else []),
        ("strata", analysis.options.get("strata") or []),
        ("covariates", analysis.options.get("covariates") or []),
        ("subgroups", analysis.subgroups),
        ("weights", [] if analysis.weights is None else ruleset.weights[analysis.weights].covariates),
    ]
    for why, names in named:
        for name in names:
            for column in columns_of(name, ruleset.covariates):
                if column not in canonical_schema(SUBJECTS):
                    yield column, why if column == name else f"{why}: {name}"


def endpoint_needs(
    endpoint: EndpointDefinition, responses: Mapping[str, ResponseDefinition], kind: EndpointKind, registry: Registry
) -> list[Need]:
    """The tables and columns that an endpoint reads: those of its responses, and those that its kind names."""
    needs = [Need("subjects", "", "its subjects")]
    stream = responses.get(endpoint.response) if endpoint.response else None
    if stream is not None:
        why = f"response {stream.name}"
        needs += [Need(need.table, need.column, need.why or why) for need in tables_of_stream(stream, registry)]
    who = guard.who_is(registry, "endpoint kind", kind.id, kind.version)
    own = guard.call(who, lambda: list(kind.needs(endpoint)))
    stranger = next((need for need in own if not isinstance(need, Need)), None)
    if stranger is not None:
        what = f"its `needs` holds {type(stranger).__name__}, not Need"
        raise PluginError([Problem(who, what, guard.REMEDY)])
    return [*needs, *own]


def tables_of_stream(stream: ResponseDefinition, registry: Registry) -> Sequence[Need]:
    """The tables that a response stream is taken from: those of its criterion, the lesions, or the collected responses."""
    if stream.rules is None:
        return [Need("response_assessments")]
    return registry.criteria.require(stream.rules.criterion).tables or [Need("lesion_assessments")]


# Readings ----------------------------------------------------------------------------------------------------------


def _missing_readings(study: Study, ruleset: Ruleset, registry: Registry) -> list[Problem]:
    """Response streams that select an assessor, reader or criterion that no row of the table has."""
    problems = []
    read: dict[str, pl.DataFrame] = {}
    compared = [one["between"] for one in (ruleset.document.get("agreement") or {}).values()]
    used = {
        *(endpoint.response for endpoint in ruleset.endpoints.values()),
        *(name for one in compared for name in one),
    }
    for stream in ruleset.responses.values():
        table = tables_of_stream(stream, registry)[0].table
        if stream.name not in used or not study.has(table):
            continue
        wanted = {"assessor": stream.assessor, "reader": stream.reader}
        if stream.source == "collected":
            wanted["criterion"] = stream.collected_as
        if table not in read:
            read[table] = study.readings(table)
        readings = read[table]
        stated = {column: value for column, value in wanted.items() if value is not None and column in readings.columns}
        if readings.is_empty() or not stated:
            continue
        is_chosen = [pl.col(column).str.to_lowercase() == value.lower() for column, value in stated.items()]
        if not readings.filter(is_chosen).is_empty():
            continue
        there = readings.select(list(stated)).unique().sort(pl.all()).head(_SHOWN)
        found = "; ".join(", ".join(f"{c} {v}" for c, v in row.items()) for row in there.to_dicts())
        asked = ", ".join(f"{column} {value}" for column, value in stated.items())
        problems.append(
            Problem(
                f"table {table}",
                f"response {stream.name!r} reads {asked}, of which the table has no row; it has {found}",
                "correct the response in the ruleset, or the column in the data",
            )
        )
    return problems
