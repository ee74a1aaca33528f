"""What was odd in the data, where derived and collected responses differ, and how the page was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rules_engine.descriptives import quality
from rules_engine.findings import SEVERITIES
from rules_engine.pages import Block, Folded, Paragraph, Preformatted, Row, Section, Table, heading, words
from rules_engine.report.tables import count
from rules_engine.report.view import ReportView

#: Examples that are named per rule, and lines of a listing.
EXAMPLES, LISTED = 3, 20


def quality_section(view: ReportView) -> Section:
    """Findings grouped by rule, and discrepancies between derived and collected responses."""
    blocks: list[Block] = (
        [_findings_table(view)] if view.findings.height else [Paragraph("Nothing odd was found in the data.")]
    )
    if view.discrepancies is not None and view.discrepancies.height:
        blocks.append(_discrepancy_table(view, view.discrepancies))
    return Section("quality", "Data quality", blocks)


def _findings_table(view: ReportView) -> Table:
    """One line per rule: how often, what it means, what was done, and the first examples."""
    counted = view.rows_of(quality.FINDINGS).select("group", "variable", "level", "statistic", "value")
    numbers = {tuple(place): value for *place, value in counted.iter_rows()}
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    grouped = (
        view.findings.sort("subject", "record", "field", "value", nulls_last=True)
        .group_by("severity", "table", "rule_id", maintain_order=True)
        .agg(
            pl.col("message").min(),
            pl.col("action").min(),
            pl.struct("subject", "record", "value").head(EXAMPLES).alias("examples"),
        )
        .with_columns(pl.col("severity").replace_strict(rank, default=len(rank), return_dtype=pl.Int64).alias("_rank"))
        .sort("_rank", "table", "rule_id")
    )
    rows = [
        Row(
            heading(line["rule_id"]),
            [
                words(line["severity"]),
                words(line["table"]),
                *(count(numbers.get((*_place(line), name))) for name in ("findings", "subjects")),
                words(line["message"]),
                words(line["action"]),
                words("; ".join(_example(example) for example in line["examples"])),
            ],
        )
        for line in grouped.iter_rows(named=True)
    ]
    columns = ["Rule", "Severity", "Table", "Findings", "Subjects", "What", "What was done", "First examples"]
    return Table("Findings", columns, rows)


def _place(line: Mapping[str, Any]) -> tuple[str, str, str]:
    """Where the results count a kind of finding: severity, table and rule."""
    table = line["table"]
    return line["severity"], quality.NO_TABLE if table is None else table, line["rule_id"]


def _example(example: Mapping[str, Any]) -> str:
    place = ", ".join(str(part) for part in (example["subject"], example["record"]) if part)
    return f"{place or 'study'} = {example['value']}" if example["value"] else place or "study"


def _discrepancy_table(view: ReportView, discrepancies: pl.DataFrame) -> Table:
    """The commonest kinds of difference, in the order of the results, each with the first subject."""
    kinds = discrepancies.group_by("response_name", "component", "derived", "collected").agg(pl.col("subject").min())
    found = {
        (name, component, quality.discrepancy_level(derived, collected)): (derived, collected, subject)
        for name, component, derived, collected, subject in kinds.iter_rows()
    }
    counted = view.rows_of(quality.DISCREPANCIES)
    rows = []
    for row in counted.head(LISTED).iter_rows(named=True):
        derived, collected, first = found[row["group"], row["variable"], row["level"]]
        codes = [words(quality.NO_CODE if code is None else code) for code in (derived, collected)]
        rows.append(Row(heading(row["group"]), [words(row["variable"]), *codes, count(row["value"]), words(first)]))
    more = counted.height - LISTED
    notes = [f"{more} further kinds are in the data set of discrepancies."] if more > 0 else []
    columns = ["Response", "Part", "Derived", "Collected", "Visits", "First subject"]
    return Table("Derived and collected responses that differ", columns, rows, notes)


def provenance_section(view: ReportView) -> Section:
    """How the page was made: the manifest part by part, with the ruleset as resolved."""
    facts: list[Row] = []
    folded: list[Block] = []
    for key, value in view.manifest.items():
        if isinstance(value, Mapping):
            facts.append(Row(heading(_spaced(key)), [words(_scalars_of(value))]))
            parts = [(f"{_spaced(key)}: {_spaced(part)}", one) for part, one in value.items() if not _is_scalar(one)]
            folded += [_folded(title, one) for title, one in parts if one]
        elif _is_scalar(value):
            facts.append(Row(heading(_spaced(key)), [words(value)]))
        elif value:
            folded.append(_folded(_spaced(key), value))
    if "ruleset" not in view.manifest:
        folded.append(_folded("Ruleset: document", view.ruleset.document))
    blocks: list[Block] = [Table("Manifest", ["Part", "Value"], facts)] if facts else []
    return Section("provenance", "Provenance", [*blocks, *folded])


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _scalars_of(part: Mapping[str, Any]) -> str:
    return ", ".join(f"{_spaced(key).lower()} {value}" for key, value in part.items() if _is_scalar(value))


def _spaced(key: object) -> str:
    text = str(key).replace("_", " ")
    return text[:1].upper() + text[1:]


def _folded(title: str, value: object) -> Folded:
    """A list of like records as a table, anything else as text."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if is_list and all(isinstance(record, Mapping) for record in value):  # type: ignore[attr-defined]
        columns = list(dict.fromkeys(key for record in value for key in record))  # type: ignore[attr-defined]
        rows = [
            Row(heading(_cell(record.get(columns[0]))), [words(_cell(record.get(key))) for key in columns[1:]])
            for record in value  # type: ignore[attr-defined]
        ]
        return Folded(title, [Table(title, [_spaced(key) for key in columns], rows)])
    return Folded(title, [Preformatted(json.dumps(value, indent=2, ensure_ascii=False, default=str))])


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)
