"""Every estimated endpoint in one line: what a reader looks for first."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.analysis.covariates import label_of
from rules_engine.pages import Cell, Row, Table
from rules_engine.report.forest import analyses_of
from rules_engine.report.survival_section import pair_with_limits
from rules_engine.report.tables import Estimates, estimate_cell
from rules_engine.report.view import ReportView


def glance_tables(view: ReportView, estimates: Estimates) -> list[Table]:
    """Every estimated endpoint in one line: times with medians and comparison, then rates of responders."""
    groups: list[str | None] = [*view.arms] or [None]
    bands = [("", 1), *((group or "All subjects", 2) for group in groups)]
    compared = len(groups) == 2
    times, rates = [], []
    for paramcd, endpoint in view.ruleset.endpoints.items():
        label = Cell(endpoint.label, numeric=False, tag=paramcd)
        curve, rate = view.analysis_for("kaplan_meier", paramcd), view.analysis_for("proportion", paramcd)
        if curve is not None:
            hazard, test = view.analysis_for("cox", paramcd), view.analysis_for("log_rank", paramcd)
            cells = []
            for group in groups:
                cells.append(_share(estimates, curve, paramcd, group, "events"))
                cells.append(estimates.with_limits(curve, paramcd, group, "median", None, "probability", "0.5"))
            if compared:
                cells += [_any_pair(estimates, hazard, paramcd, groups), _p_value(estimates, test, paramcd)]
            times.append(Row(label, cells))
        elif rate is not None:
            cells = []
            for group in groups:
                cells.append(_share(estimates, rate, paramcd, group, "responders"))
                cells.append(estimates.with_limits(rate, paramcd, group, "rate"))
            rates.append(Row(label, cells))
    tables = []
    if times:
        columns = ["Endpoint", *["Events", "Median, months"] * len(groups)]
        columns += ["Hazard ratio", "Log\u2011rank p"] if compared else []
        over = [*bands, ("", 2)] if compared else bands
        note = (
            "Estimates with their confidence limits. NR: not reached. Comparisons only where the ruleset asks for them."
        )
        tables.append(Table("Times to event", columns, times, [note], over))
    if rates:
        columns = ["Endpoint", *["Responders", "Rate"] * len(groups)]
        tables.append(Table("Rates of responders", columns, rates, bands=bands))
    return [*tables, *_side_by_side(view, estimates), *_interactions(view)]


def _side_by_side(view: ReportView, estimates: Estimates) -> list[Table]:
    """Hazard ratios of every endpoint, an analysis beside the other; only where there is more than one."""
    by_endpoint = {paramcd: analyses_of(view, paramcd) for paramcd in view.ruleset.endpoints}
    ways = list(dict.fromkeys(words for analyses in by_endpoint.values() for words in analyses.values()))
    if len(ways) < 2:
        return []
    rows = []
    for paramcd, analyses in by_endpoint.items():
        named = {words: name for name, words in analyses.items()}
        pairs = list(dict.fromkeys(pair for name in analyses for pair in estimates.comparisons(name, paramcd)))
        for group, other in (pair for pair in pairs if None not in pair):
            cells = [
                Cell("")
                if named.get(way) is None
                else estimates.with_limits(named[way], paramcd, group, "hazard_ratio", other)
                for way in ways
            ]
            label = view.ruleset.endpoints[paramcd].label + (f", {group} to {other}" if len(view.arms) > 2 else "")
            rows.append(Row(Cell(label, numeric=False, tag=paramcd), cells))
    columns = ["Endpoint", *(way[:1].upper() + way[1:] for way in ways)]
    return [Table("Hazard ratios by analysis", columns, rows)] if rows else []


def _interactions(view: ReportView) -> list[Table]:
    """Tests of interaction of every analysis with subgroups: a line per endpoint, a column per characteristic."""
    tests = view.ard.filter(
        pl.col("variable") == "interaction", pl.col("statistic") == "p_value", pl.col("subgroup_variable").is_not_null()
    )
    if tests.is_empty():
        return []
    names = tests["subgroup_variable"].unique(maintain_order=True).to_list()
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in tests.iter_rows(named=True):
        found.setdefault((row["paramcd"], row["analysis"]), {})[row["subgroup_variable"]] = estimate_cell(row)
    rows = [
        Row(
            Cell(f"{view.ruleset.endpoints[paramcd].label} [{analysis.replace('_', ' ')}]", numeric=False, tag=paramcd),
            [cells.get(name, Cell("")) for name in names],
        )
        for (paramcd, analysis), cells in found.items()
    ]
    columns = ["Endpoint", *(label_of(name, view.ruleset.covariates) for name in names)]
    note = "p values of the tests that the effect is the same in all levels; not adjusted for their number."
    return [Table("Interaction with subgroups", columns, rows, [note])]


def _share(estimates: Estimates, analysis: str, paramcd: str, group: str | None, statistic: str) -> Cell:
    """`91/114`: how many of a group's subjects."""
    happened, n = (estimates.cell(analysis, paramcd, group, name).text for name in (statistic, "n"))
    return Cell(f"{happened}/{n}")


def _any_pair(estimates: Estimates, hazard: str | None, paramcd: str, groups: Sequence[str | None]) -> Cell:
    if hazard is None:
        return Cell("")
    cells = [pair_with_limits(estimates, hazard, paramcd, group, "hazard_ratio") for group in groups]
    return next((cell for cell in cells if cell.text), Cell(""))


def _p_value(estimates: Estimates, test: str | None, paramcd: str) -> Cell:
    pairs = [] if test is None else estimates.comparisons(test, paramcd)
    return Cell("") if test is None or not pairs else estimates.cell(test, paramcd, pairs[0][0], "p_value", pairs[0][1])
