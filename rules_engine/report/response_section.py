"""Response on the page: rates, best responses, and what the re-assessment of progression changed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.descriptives import responses
from rules_engine.pages import Block, Cell, Folded, Row, Section, Table, heading
from rules_engine.report.counts import Counts
from rules_engine.report.reassessment import reassessment_tables
from rules_engine.report.spider import spiders
from rules_engine.report.swimmer import swimmers
from rules_engine.report.tables import Estimates, with_totals
from rules_engine.report.view import ReportView
from rules_engine.report.waterfall import waterfalls


def response_section(view: ReportView, estimates: Estimates) -> Section:
    """Rates of responders, distribution of responses, and progression that was not confirmed."""
    blocks: list[Block] = []
    rates = _rates_table(view, estimates)
    if rates.rows:
        blocks.append(rates)
    blocks += _distribution_tables(view)
    blocks += [*waterfalls(view), *spiders(view)]
    swum = swimmers(view)
    blocks += [Folded("Courses of single subjects", swum)] if swum else []
    for name, timepoints in view.timepoints.items():
        blocks += reassessment_tables(view, name, timepoints)
    return Section("response", "Response", blocks)


def _rates_table(view: ReportView, estimates: Estimates) -> Table:
    groups: Sequence[str | None] = [*view.arms] or [None]
    rows: list[Row] = []
    for analysis in filter(view.is_by_arm, view.analyses_by("proportion")):
        for paramcd in view.analysis_of(analysis).get("endpoints", ()):
            rows.append(Row(Cell(f"{paramcd}: {view.ruleset.endpoints[paramcd].label}", numeric=False)))
            counts = [
                Cell(
                    f"{estimates.cell(analysis, paramcd, group, 'responders').text}/"
                    f"{estimates.cell(analysis, paramcd, group, 'n').text}"
                )
                for group in groups
            ]
            rows.append(Row(heading("responders / subjects", indent=1), counts))
            rates = [estimates.with_limits(analysis, paramcd, group, "rate") for group in groups]
            rows.append(Row(heading("rate (limits)", indent=1), rates))
            rows += _difference_rows(view, estimates, paramcd, groups)
    return Table("Rates of responders", ["", *(group or "All" for group in groups)], rows)


def _difference_rows(view: ReportView, estimates: Estimates, paramcd: str, groups: Sequence[str | None]) -> list[Row]:
    rows = []
    for analysis in filter(view.is_by_arm, view.analyses_by("proportion_difference")):
        pairs = dict(estimates.comparisons(analysis, paramcd))
        if not pairs:
            continue
        reference = next(iter(pairs.values()))
        cells = [
            estimates.with_limits(analysis, paramcd, group, "difference", pairs[group]) if group in pairs else Cell("")
            for group in groups
        ]
        tests = [
            estimates.cell(analysis, paramcd, group, "p_value", pairs[group]) if group in pairs else Cell("")
            for group in groups
        ]
        rows.append(Row(heading(f"difference from {reference}", indent=1), cells))
        rows.append(Row(heading("p value", indent=1), tests))
    return rows


def _distribution_tables(view: ReportView) -> list[Table]:
    """The distribution of responses of each endpoint; endpoints that rest on the same responses share a table."""
    shared: list[tuple[list[str], pl.DataFrame]] = []
    for paramcd, rows in view.responses.items():
        values = rows.select("subject", "value", "rule_id").sort("subject")
        if values.is_empty():
            continue
        alike = next((names for names, seen in shared if seen.equals(values)), None)
        if alike is None:
            shared.append(([paramcd], values))
        else:
            alike.append(paramcd)
    return [_distribution_table(view, names) for names, _values in shared]


def _distribution_table(view: ReportView, names: Sequence[str]) -> Table:
    counts = Counts.of(view, responses.ANALYSIS, names[0])
    lines = [Row(heading("Subjects"), counts.whole())]
    reasons = counts.levels(responses.REASON)
    for value in counts.levels(responses.VALUE):
        lines.append(Row(heading(value, indent=1), counts.shares(responses.VALUE, value)))
        for level, words in reasons.items():
            if str(level).startswith(f"{value} / "):
                lines.append(Row(heading(words, indent=2), counts.shares(responses.REASON, level)))
    caption = f"Responses behind {', '.join(names)}"
    return Table(caption, ["", *with_totals(view.arms)], lines)
