"""Who is in the study: flow of subjects, records per endpoint, and their characteristics."""

from __future__ import annotations

from rules_engine.descriptives import characteristics, flow
from rules_engine.pages import Block, Cell, Row, Section, Table, heading
from rules_engine.report.counts import Counts
from rules_engine.report.tables import with_totals
from rules_engine.report.view import ReportView


def subjects_section(view: ReportView) -> Section:
    """Flow of subjects and their characteristics."""
    tables = [_flow_table(view), _characteristics_table(view)]
    blocks: list[Block] = [table for table in tables if table.rows]
    return Section("subjects", "Subjects", blocks)


def _flow_table(view: ReportView) -> Table:
    counts = Counts.of(view, flow.ANALYSIS)
    rows: list[Row] = []
    for (variable, level), words in counts.lines.items():
        if variable is None:
            rows.append(Row(heading(words), counts.whole()))
        else:
            indent = int(variable == flow.WITHOUT_ARM)
            rows.append(Row(heading(words, indent=indent), counts.shares(variable, level)))
    records: list[Row] = []
    for paramcd, endpoint in view.ruleset.endpoints.items():
        recorded = Counts.of(view, flow.ANALYSIS, paramcd)
        if recorded.lines:
            label = Cell(paramcd, hint=endpoint.label, numeric=False, indent=1)
            records.append(Row(label, recorded.shares(flow.RECORD)))
    if records:
        rows += [Row(heading("With a record of")), *records]
    return Table("Flow of subjects", ["", *with_totals(view.arms)], rows)


def _characteristics_table(view: ReportView) -> Table:
    """Every characteristic of the results: a number in estimates, everything else level by level."""
    counts = Counts.of(view, characteristics.ANALYSIS)
    rows: list[Row] = []
    for variable in dict.fromkeys(variable for variable, _level in counts.lines):
        if variable is not None:
            rows += _characteristic(counts, variable)
    return Table("Characteristics", ["", *with_totals(view.arms)], rows)


def _characteristic(counts: Counts, variable: str) -> list[Row]:
    levels = counts.levels(variable)
    first = next(iter(levels.values()))
    if counts.row(variable, None, None, "different") is not None:
        return [Row(heading(first), counts.whole(variable, None, "different"))]
    if counts.row(variable, None, None, "median") is not None:
        rows = [
            Row(heading(first.rpartition(": ")[0])),
            Row(
                heading("mean (standard deviation)", indent=1),
                counts.written(variable, ("mean", "std_dev"), "{} ({})".format),
            ),
            Row(
                heading("median (quartiles)", indent=1),
                counts.written(variable, ("median", "q1", "q3"), "{} ({} to {})".format),
            ),
            Row(heading("range", indent=1), counts.written(variable, ("minimum", "maximum"), "{} to {}".format)),
        ]
    else:
        level = next(iter(levels))
        rows = [Row(heading(first.removesuffix(f": {level}")))]
        rows += [Row(heading(level, indent=1), counts.shares(variable, level)) for level in levels if level is not None]
    if counts.anybody(variable, None, "missing"):
        rows.append(
            Row(heading("missing", indent=1), counts.shares(variable, None, ("missing", "share_missing")))
        )  # fmt: skip
    return rows
