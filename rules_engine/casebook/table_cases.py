"""Cases of criteria that are judged from input tables: records of one subject, with the responses that must come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from rules_engine.casebook.batches import CaseError, collected, run_in_batches
from rules_engine.casebook.outcomes import Case, Outcome, compare
from rules_engine.contracts import TABLES, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules
from rules_engine.registry import Registry
from rules_engine.study import read_study
from rules_engine.vocabulary import Criterion


def run_table_cases(cases: Sequence[Case], registry: Registry) -> list[Outcome]:
    """Run the cases; those that share criterion and options go through the engine together."""

    def shared(case: Case) -> Any:
        return [case.stated["criterion"], case.stated.get("options") or {}]

    return run_in_batches(cases, shared, lambda batch: _run_together(batch, registry))


def _run_together(batch: Sequence[Case], registry: Registry) -> list[Outcome]:
    cases = [case.stated for case in batch]
    rules = load_criterion_rules(str(cases[0]["criterion"]), cases[0].get("options") or {}, registry=registry)
    subjects = [f"{number:06d}" for number in range(len(cases))]
    timepoints = judged(dict(zip(subjects, cases, strict=True)), rules, registry)
    by_day = {(row["subject"], row["visit_date"]): row for row in timepoints.iter_rows(named=True)}
    outcomes = []
    for subject, case in zip(subjects, batch, strict=True):
        mismatches: list[str] = []
        wanted = {_day(one["date"]) for one in case.stated["expect"]}
        for one in case.stated["expect"]:
            row = by_day.get((subject, _day(one["date"])))
            expected = {key: value for key, value in one.items() if key != "date"}
            where = f"{one['date']} "
            mismatches += [f"{where}has no row"] if row is None else compare(where, expected, row)
        unexpected = sorted(day for who, day in by_day if who == subject and day not in wanted)
        mismatches += [f"{day} has a row that the case does not expect" for day in unexpected]
        outcomes.append(case.outcome(mismatches))
    return outcomes


def judged(cases: Mapping[str, Mapping[str, Any]], rules: CriterionRules, registry: Registry) -> pl.DataFrame:
    """Timepoint responses of the subjects of these cases, by the name of the subject."""
    criterion = registry.criteria.require(rules.criterion)
    if criterion.assess_tables is None:
        raise CaseError(f"criterion {criterion.id!r} is judged from lesions: state `lesions` and `visits`")
    return collected(criterion.assess_tables(tables_of(cases, criterion, registry), rules))


def tables_of(
    cases: Mapping[str, Mapping[str, Any]], criterion: Criterion, registry: Registry
) -> dict[str, pl.LazyFrame]:
    """The canonical tables that a criterion reads, read from the cases' records as from a study's files."""
    names = [need.table for need in criterion.tables]
    contracts = {**TABLES, **registry.tables}
    raw: dict[str, pl.DataFrame] = {"subjects": pl.DataFrame({"subject": list(cases)}, schema={"subject": pl.String})}
    for name in names:
        rows = []
        for subject, case in cases.items():
            given = case["tables"]
            if unread := sorted(set(given) - set(names)):
                raise CaseError(f"criterion {criterion.id!r} does not read the table {unread[0]!r}")
            rows += [{"subject": subject, **record} for record in given.get(name) or ()]
        columns = {column.name for column in contracts[name].columns}
        if unknown := sorted({key for row in rows for key in row} - columns):
            raise CaseError(f"the table {name!r} has no column {unknown[0]!r}")
        texts = [{key: _text(value) for key, value in row.items()} for row in rows]
        raw[name] = pl.DataFrame(texts, schema=dict.fromkeys(sorted(columns), pl.String))
    study = read_study(raw, registry=registry)
    severe = study.findings.filter(pl.col("severity") == "error").collect()
    if severe.height:
        told = severe.row(0, named=True)
        raise CaseError(f"table {told['table']}, {told['field']}: {told['message']} ({told['value']})")
    return {name: study.tables[name].select(list(canonical_schema(contracts[name]))) for name in names}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CaseError(f"{value} is no calendar day") from None
