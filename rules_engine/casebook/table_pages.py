"""Parts of the page of a criterion that is judged from tables: its truth tables as the ruleset states them, and its cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules_engine.casebook.outcomes import show
from rules_engine.model import CriterionRules
from rules_engine.pages import Block, Paragraph, Row, Section, SubHeading, Table, heading, words
from rules_engine.vocabulary import Criterion


def is_truth_table(value: Any) -> bool:
    """The value of an option is a truth table (`criteria.components`)."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) and "when" in row for row in value)


def truth_tables(rules: CriterionRules) -> Section:
    """Each truth table, row by row in the order in which the rows are tried."""
    blocks: list[Block] = []
    for key, value in rules.options.items():
        if not is_truth_table(value):
            continue
        names = list(dict.fromkeys(name for row in value for name in row["when"]))
        rows = [
            Row(
                heading(str(number)),
                [
                    *(words(", ".join(row["when"].get(name, ["any"]))) for name in names),
                    words(row["overall"]),
                    words(row["rule"]),
                ],
            )
            for number, row in enumerate(value, start=1)
        ]
        blocks += [SubHeading(key), Table("", ["Row", *names, "Overall", "Rule"], rows)]
    if not blocks:
        return Section("truth-table", "Table of overall responses", [Paragraph("The criterion has no such table.")])
    said = "The first row that holds decides. A component that was not recorded is ND."
    return Section("truth-table", "Table of overall responses", [Paragraph(said), *blocks])


def tables_read(criterion: Criterion) -> str:
    """The tables that the criterion reads, in words."""
    return ", ".join(need.table for need in criterion.tables)


def table_case(case: Mapping[str, Any]) -> Sequence[Block]:
    """A case: its records table by table, and what must come out."""
    facts = [str(case["why"])]
    if case.get("options"):
        facts.append("With " + ", ".join(f"{key}: {show(value)}" for key, value in case["options"].items()))
    blocks: list[Block] = [SubHeading(str(case["title"]), tag=str(case["id"])), Paragraph(". ".join(facts))]
    for name, records in case["tables"].items():
        blocks.append(_listed(name, records))
    blocks.append(_listed("Expected", case["expect"], [f"Source: {case['source']}"]))
    return blocks


def _listed(caption: str, records: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Table:
    names = list(dict.fromkeys(key for record in records for key in record))
    rows = [
        Row(heading(show(record.get(names[0]))), [words(show(record[key]) if key in record else "") for key in names[1:]])
        for record in records
    ]  # fmt: skip
    return Table(caption, names, rows, list(notes))
