"""Response on the page: rates, best responses, and what the re-assessment of progression changed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine import terms
from rules_engine.analysis.response_estimates import BEST_FIRST
from rules_engine.endpoints.response_reasons import MEANINGS
from rules_engine.pages import Block, Cell, Folded, Row, Section, Table, heading
from rules_engine.report.reassessment import reassessment_tables
from rules_engine.report.spider import spiders
from rules_engine.report.swimmer import swimmers
from rules_engine.report.tables import Estimates, count, counts_by_arm, percent_cells, with_totals
from rules_engine.report.view import ReportView
from rules_engine.report.waterfall import waterfalls

#: Responses of which nobody knows what they would have been.
_UNKNOWN = (terms.NE, terms.MISSING)


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
    return [_distribution_table(view, names, values) for names, values in shared]


def _distribution_table(view: ReportView, names: Sequence[str], rows: pl.DataFrame) -> Table:
    joined = rows.join(view.subjects_with_arm, on="subject", how="left")
    totals = counts_by_arm(joined, view.arms)
    found = joined["value"].drop_nulls().unique().to_list()
    order = {code: place for place, code in enumerate(BEST_FIRST)}
    lines = [Row(heading("Subjects"), [count(number) for number in totals])]
    for value in sorted(found, key=lambda code: (order.get(code, len(order)), code)):
        having = joined.filter(pl.col("value") == value)
        lines.append(Row(heading(value, indent=1), percent_cells(counts_by_arm(having, view.arms), totals)))
        if value in _UNKNOWN:
            lines += _why(having, view.arms, totals)
    caption = f"Responses behind {', '.join(names)}"
    return Table(caption, ["", *with_totals(view.arms)], lines)


def _why(rows: pl.DataFrame, arms: Sequence[str], totals: Sequence[int]) -> list[Row]:
    """Why the response is not known, reason by reason."""
    order = list(MEANINGS)
    found = rows["rule_id"].drop_nulls().unique().to_list()
    return [
        Row(
            heading(MEANINGS.get(rule, rule), indent=2),
            percent_cells(counts_by_arm(rows.filter(pl.col("rule_id") == rule), arms), totals),
        )
        for rule in sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))
    ]
