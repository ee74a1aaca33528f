"""Analyses that have no place of their own on the page: other groups, second methods, estimators of other plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rules_engine.pages import Folded, Row, Section, Table, heading
from rules_engine.report.tables import estimate_cell
from rules_engine.report.view import ReportView

#: Estimators whose first analysis by arm of an endpoint stands in another section, and those of which every one does.
PLACED_ONCE = ("kaplan_meier", "reverse_kaplan_meier", "cox", "rmst", "cumulative_incidence")
PLACED_ALWAYS = ("log_rank", "proportion", "proportion_difference", "frequencies")


def further_section(view: ReportView) -> Section:
    """One table per analysis and endpoint that no other section shows: a line per number, a column per group."""
    blocks = []
    for paramcd, analysis in _unplaced(view):
        rows = view.ard.filter(pl.col("analysis") == analysis, pl.col("paramcd") == paramcd)
        if rows.height:
            table = _table(paramcd, analysis, rows)
            blocks.append(Folded(table.caption, [table]))
    return Section("further", "Further analyses", blocks)


def _unplaced(view: ReportView) -> list[tuple[str, str]]:
    """Endpoint and analysis, in the order of the ruleset."""
    analyses: Mapping[str, Mapping[str, object]] = view.ruleset.document.get("analyses") or {}
    found = []
    for name, analysis in analyses.items():
        estimator = str(analysis.get("estimator"))
        for paramcd in view.analysis_of(name).get("endpoints", ()):
            first = estimator in PLACED_ONCE and view.analysis_for(estimator, paramcd) == name
            if not first and not (estimator in PLACED_ALWAYS and view.is_by_arm(name)):
                found.append((paramcd, name))
    return found


def _table(paramcd: str, analysis: str, rows: pl.DataFrame) -> Table:
    columns = list(dict.fromkeys(_column(row) for row in rows.iter_rows(named=True)))
    lines: dict[tuple[object, ...], dict[str, Mapping[str, object]]] = {}
    for row in rows.iter_rows(named=True):
        place = (row["variable"], row["level"], row["statistic"], row["label"])
        lines.setdefault(place, {})[_column(row)] = row
    body = [
        Row(heading(_label(place)), [estimate_cell(numbers.get(column)) for column in columns])
        for place, numbers in lines.items()
    ]
    methods: Sequence[str] = rows["method"].drop_nulls().unique(maintain_order=True).to_list()
    return Table(f"{paramcd}: {analysis.replace('_', ' ')}", ["", *columns], body, methods)


def _column(row: Mapping[str, object]) -> str:
    group = "All subjects" if row["group"] is None else str(row["group"])
    return f"{group} to {row['comparison']}" if row["comparison"] is not None else group


def _label(place: tuple[object, ...]) -> str:
    """The label, with the level beside it where the label does not say it."""
    variable, level, _statistic, label = place
    return str(label) if level is None or str(level) in str(label) else f"{label} ({variable} {level})"
