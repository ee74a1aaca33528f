"""Analyses that have no place of their own on the page: other groups, second methods, subgroups, other estimators."""

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
    """One table per analysis and endpoint that no other section shows: a line per number, a column per group.

    Subgroups of any analysis stand here as well, one table for each characteristic.
    """
    blocks = []
    unplaced = set(_unplaced(view))
    for paramcd, analysis in _all(view):
        rows = view.ard.filter(pl.col("analysis") == analysis, pl.col("paramcd") == paramcd)
        for subgroup_variable, part in rows.group_by("subgroup_variable", maintain_order=True):
            if part.height and (subgroup_variable[0] is not None or (paramcd, analysis) in unplaced):
                table = _table(paramcd, analysis, part)
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
    lines: dict[tuple[object, ...], dict[str, Mapping[str, object]]] = {}
    for row in rows.iter_rows(named=True):
        place = (row["subgroup"], row["variable"], row["level"], row["statistic"], row["label"])
        lines.setdefault(place, {})[_column(row)] = row
    body = [
        Row(heading(_label(place)), [estimate_cell(numbers.get(column)) for column in columns])
        for place, numbers in lines.items()
    ]
    methods: Sequence[str] = rows["method"].drop_nulls().unique(maintain_order=True).to_list()
    subgroup_variable = rows["subgroup_variable"][0]
    caption = f"{paramcd}: {analysis.replace('_', ' ')}" + (f", by {subgroup_variable}" if subgroup_variable else "")
    return Table(caption, ["", *columns], body, methods)


def _column(row: Mapping[str, object]) -> str:
    group = "All subjects" if row["group"] is None else str(row["group"])
    return f"{group} to {row['comparison']}" if row["comparison"] is not None else group


def _label(place: tuple[object, ...]) -> str:
    """The label, with the level beside it where the label does not say it."""
    subgroup, variable, level, _statistic, label = place
    words = str(label) if level is None or str(level) in str(label) else f"{label} ({variable} {level})"
    return words if subgroup is None else f"{subgroup}: {words}"
