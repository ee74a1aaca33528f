"""Analyses that have no place of their own on the page: other groups, second methods, subgroups, other estimators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from rules_engine.pages import Cell, Folded, Row, Section, Table, heading
from rules_engine.report.balance_table import balance_table, compares_two
from rules_engine.report.tables import estimate_cell, limits_cell
from rules_engine.report.view import ReportView

#: Estimators whose first analysis by arm of an endpoint stands in another section, and those of which every one does.
PLACED_ONCE = ("kaplan_meier", "reverse_kaplan_meier", "cox", "rmst", "cumulative_incidence")
PLACED_ALWAYS = ("log_rank", "proportion", "proportion_difference", "frequencies")


#: What a line of a table is about, and pairs of statistics that are the limits of the estimate before them.
_PLACE = ("subgroup", "group", "comparison", "variable", "level")
LIMITS = (("lower", "upper"), ("least", "most"), ("earliest", "latest"))
#: Statistics that may stand between an estimate and its limits.
SPREAD = ("std_error",)
Estimate = Mapping[str, Any]


def further_section(view: ReportView) -> Section:
    """One table per analysis and endpoint that no other section shows: a line per number, a column per group.

    Subgroups of any analysis stand here as well, one table for each characteristic.
    """
    blocks = []
    unplaced = set(_unplaced(view))
    for paramcd, analysis in _all(view):
        rows = view.ard.filter(pl.col("analysis") == analysis, pl.col("paramcd") == paramcd)
        for subgroup_variable, part in rows.group_by("subgroup_variable", maintain_order=True):
            if part.height and (subgroup_variable[0] is not None or (paramcd, analysis) in unplaced):
                of_balance = view.analysis_of(analysis).get("estimator") == "balance" and compares_two(part)
                table = balance_table(paramcd, analysis, part) if of_balance else _table(paramcd, analysis, part)
                blocks.append(Folded(table.caption, [table]))
    return Section("further", "Further analyses", blocks)


def _all(view: ReportView) -> list[tuple[str, str]]:
    """Endpoint and analysis, in the order of the ruleset."""
    analyses: Mapping[str, Mapping[str, object]] = view.ruleset.document.get("analyses") or {}
    return [(paramcd, name) for name in analyses for paramcd in view.analysis_of(name).get("endpoints", ())]


def _unplaced(view: ReportView) -> list[tuple[str, str]]:
    """Endpoint and analysis of which no other section shows the numbers of all subjects."""
    found = []
    for paramcd, name in _all(view):
        estimator = str(view.analysis_of(name).get("estimator"))
        first = estimator in PLACED_ONCE and view.analysis_for(estimator, paramcd) == name
        if not first and not (estimator in PLACED_ALWAYS and view.is_by_arm(name)):
            found.append((paramcd, name))
    return found


def _table(paramcd: str, analysis: str, rows: pl.DataFrame) -> Table:
    columns = list(dict.fromkeys(_column(row) for row in rows.iter_rows(named=True)))
    lines: dict[tuple[object, ...], dict[str, Cell]] = {}
    for estimate, lower, upper in _with_their_limits(rows.to_dicts()):
        place = (
            estimate["subgroup"],
            estimate["variable"],
            estimate["level"],
            estimate["statistic"],
            estimate["label"],
        )
        cell = estimate_cell(estimate) if lower is None else limits_cell(estimate, lower, upper)
        lines.setdefault(place, {})[_column(estimate)] = cell
    body = [
        Row(heading(_label(place)), [cells.get(column, Cell("")) for column in columns])
        for place, cells in lines.items()
    ]
    methods: Sequence[str] = rows["method"].drop_nulls().unique(maintain_order=True).to_list()
    subgroup_variable = rows["subgroup_variable"][0]
    caption = f"{paramcd}: {analysis.replace('_', ' ')}" + (f", by {subgroup_variable}" if subgroup_variable else "")
    return Table(caption, ["", *columns], body, methods)


def _with_their_limits(rows: Sequence[Estimate]) -> Iterator[tuple[Estimate, Estimate | None, Estimate | None]]:
    """Every number once, an estimate together with its limits: those that follow it at the same place."""
    by_place: dict[tuple[object, ...], list[Estimate]] = {}
    for row in rows:
        by_place.setdefault(tuple(row[name] for name in _PLACE), []).append(row)
    for of_place in by_place.values():
        named = {row["statistic"]: row for row in of_place}
        low, high = next((pair for pair in LIMITS if set(pair) <= set(named)), ("", ""))
        lower, upper = named.get(low), named.get(high)
        before = [] if lower is None else of_place[: of_place.index(lower)]
        owner = next((row for row in reversed(before) if row["statistic"] not in SPREAD), None)
        for row in of_place:
            if row is owner:
                yield row, lower, upper
            elif owner is None or (row is not lower and row is not upper):
                yield row, None, None


def _column(row: Mapping[str, object]) -> str:
    group = "All subjects" if row["group"] is None else str(row["group"])
    return f"{group} to {row['comparison']}" if row["comparison"] is not None else group


def _label(place: tuple[object, ...]) -> str:
    """The label, with the level beside it where the label does not say it."""
    subgroup, variable, level, _statistic, label = place
    words = str(label) if level is None or str(level) in str(label) else f"{label} ({variable} {level})"
    return words if subgroup is None else f"{subgroup}: {words}"
