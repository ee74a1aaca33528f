"""What was odd in the data, where derived and collected responses differ, and how the page was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.findings import SEVERITIES
from rules_engine.report.page import Block, Folded, Paragraph, Preformatted, Section
from rules_engine.report.tables import Cell, Row, Table, count, heading, words
from rules_engine.report.view import ReportView

#: Examples that are named per rule, and lines of a listing.
EXAMPLES, LISTED = 3, 20


def quality_section(view: ReportView) -> Section:
    """Findings grouped by rule, and discrepancies between derived and collected responses."""
    blocks: list[Block] = (
        [_findings_table(view.findings)] if view.findings.height else [Paragraph("Nothing odd was found in the data.")]
    )
    if view.discrepancies is not None and view.discrepancies.height:
        blocks.append(_discrepancy_table(view.discrepancies))
    return Section("quality", "Data quality", blocks)


def _findings_table(findings: pl.DataFrame) -> Table:
    """One line per rule: how often, what it means, what was done, and the first examples."""
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    grouped = (
        findings.sort("subject", "record", "field", "value", nulls_last=True)
        .group_by("severity", "table", "rule_id", maintain_order=True)
        .agg(
            pl.len().alias("n"),
            pl.col("subject").drop_nulls().n_unique().alias("subjects"),
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
                count(line["n"]),
                count(line["subjects"]),
                words(line["message"]),
                words(line["action"]),
                words("; ".join(_example(example) for example in line["examples"])),
            ],
        )
        for line in grouped.iter_rows(named=True)
    ]
    columns = ["Rule", "Severity", "Table", "Findings", "Subjects", "What", "What was done", "First examples"]
    return Table("Findings", columns, rows)


def _example(example: Mapping[str, Any]) -> str:
    place = ", ".join(str(part) for part in (example["subject"], example["record"]) if part)
    return f"{place or 'study'} = {example['value']}" if example["value"] else place or "study"


def _discrepancy_table(discrepancies: pl.DataFrame) -> Table:
    grouped = (
        discrepancies.group_by("response_name", "component", "derived", "collected")
        .agg(pl.len().alias("n"), pl.col("subject").min().alias("first"))
        .sort(["n", "response_name", "component", "derived", "collected"], descending=[True, *[False] * 4])
    )
    rows = [
        Row(
            heading(line["response_name"]),
            [
                words(line["component"]),
                words(line["derived"] or "–"),
                words(line["collected"] or "–"),
                count(line["n"]),
                words(line["first"]),
            ],
        )
        for line in grouped.head(LISTED).iter_rows(named=True)
    ]
    more = grouped.height - LISTED
    notes = [f"{more} further kinds are in the data set of discrepancies."] if more > 0 else []
    columns = ["Response", "Part", "Derived", "Collected", "Visits", "First subject"]
    return Table("Derived and collected responses that differ", columns, rows, notes)


def provenance_section(view: ReportView) -> Section:
    """How the page was made: the manifest, and the ruleset as resolved."""
    blocks: list[Block] = []
    plain = {key: value for key, value in view.manifest.items() if isinstance(value, str | int | float | bool)}
    if plain:
        rows = [Row(heading(key.replace("_", " ")), [words(value)]) for key, value in plain.items()]
        blocks.append(Table("Manifest", ["", ""], rows))
    for key, value in view.manifest.items():
        if key not in plain and value:
            blocks.append(Folded(key.replace("_", " ").capitalize(), [Preformatted(_as_text(value))]))
    files = [Row(heading(number), [Cell(name, numeric=False)]) for number, name in enumerate(view.ruleset.files, 1)]
    if files:
        blocks.append(Folded("Ruleset files, in the order in which they were read", [Table("Files", ["", ""], files)]))
    blocks.append(Folded("Ruleset as resolved", [Preformatted(_as_text(view.ruleset.document))]))
    return Section("provenance", "Provenance", blocks)


def _as_text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
