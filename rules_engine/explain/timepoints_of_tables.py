"""The stories of timepoint responses that a criterion judged from input tables: what was recorded that day, and the rules that fired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from rules_engine import pipeline
from rules_engine.contracts import ROW, SUBJECT, TABLES
from rules_engine.explain.rulebook import CriterionBook
from rules_engine.explain.sentences import Sentence, SourceRecord
from rules_engine.explain.subject import SubjectData
from rules_engine.explain.timepoint import Component, TimepointStory
from rules_engine.model import ResponseDefinition
from rules_engine.vocabulary import Criterion

#: Columns of an input table that say who read it, or when: the story says so elsewhere.
_NOT_TOLD = (SUBJECT.name, ROW.name, "date", "visit_date", "assessor", "reader")


def tell_of_tables(data: SubjectData, response: ResponseDefinition, criterion: Criterion) -> list[TimepointStory]:
    """Every visit of the stream, in order."""
    assert response.rules is not None  # noqa: S101  (the stream is derived)
    book = CriterionBook(data.ruleset, response)
    recorded = _recorded(data, response, criterion)
    stories = []
    for number, row in enumerate(data.assessed(response).iter_rows(named=True), start=1):
        visit, code, as_read = row["visit_date"], row["overall"], row["overall_as_read"]
        text = f"{code}" + (f", before later records changed it {as_read}" if as_read not in (None, code) else "")
        if row["progression_date"] not in (None, visit):
            text += f"; progression is dated to {row['progression_date']}"
        there = recorded.get(visit, [])
        decision = Sentence(f"{text}.", (book.rule(row["rule_id"]),), tuple(source for source, _told in there), visit)
        fired = [rule for rule in (row["trace"] or "").split(";") if rule and rule != row["rule_id"]]
        notes = [Sentence(f"Recorded: {told}.", (), (source,), visit) for source, told in there if told]
        notes += [Sentence("Before that:", (book.rule(rule),), (), visit) for rule in fired]
        stories.append(
            TimepointStory(
                data.subject, response.name, response.rules.ruleset, criterion.title, visit, number, None, False, code,
                (), None, None, None, None, Component(code, decision), None, (), tuple(notes),
            )
        )  # fmt: skip
    return stories


def _recorded(
    data: SubjectData, response: ResponseDefinition, criterion: Criterion
) -> dict[date, list[tuple[SourceRecord, str]]]:
    """The records of each day: where they stand, and their values in words."""
    found: dict[date, list[tuple[SourceRecord, str]]] = {}
    contracts = {**TABLES, **data.registry.tables}
    for name, rows in pipeline.tables_of_criterion(data.tables, response, criterion, data.cutoff).items():
        columns = [column.held_as for column in contracts[name].columns if column.name not in _NOT_TOLD]
        for row in rows.collect().sort(ROW.name).iter_rows(named=True):
            day = row.get("date") or row.get("visit_date")
            if isinstance(day, date):
                told = ", ".join(_values(row, columns))
                found.setdefault(day, []).append((SourceRecord(name, seq=row[ROW.name]), told))
    return found


def _values(row: Mapping[str, Any], columns: list[str]) -> Iterator[str]:
    for name in columns:
        value = row.get(name)
        if value is not None:
            yield f"{name} {str(value).lower() if isinstance(value, bool) else value}"
