"""How alike two groups are at baseline: each characteristic before and after weighting, with the standardised difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.pages import Cell, Row, Table, heading
from rules_engine.report.tables import estimate_cell

#: Statistics of one level before and after weighting, and those of the whole groups that are told in one line each.
_BEFORE, _AFTER = ("share", "mean"), ("share_weighted", "mean_weighted")
_DIFFERENCES = ("smd", "smd_weighted")


def compares_two(rows: pl.DataFrame) -> bool:
    """Whether the analysis compares one group with one reference."""
    return rows.filter(pl.col("comparison").is_not_null())["group"].n_unique() == 1


def balance_table(paramcd: str, analysis: str, rows: pl.DataFrame) -> Table:
    """A line per level, groups and difference side by side; what belongs to whole groups stands above."""
    groups = [name for name in rows.filter(pl.col("comparison").is_null())["group"].unique(maintain_order=True) if name]
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows.iter_rows(named=True):
        who = row["group"] if row["comparison"] is None else None
        found[row["variable"], row["level"], row["statistic"], who] = row
    weighted = any(statistic in _AFTER for _variable, _level, statistic, _who in found)
    lines = _of_groups(found, groups, weighted=weighted)
    headed = None
    for variable, level, label in _levels(rows):
        name, _colon, _rest = label.partition(": ")
        if level is not None and variable != headed:
            lines.append(Row(heading(name)))
        headed = variable
        cells = []
        for statistics, difference in ((_BEFORE, "smd"), (_AFTER, "smd_weighted"))[: 2 if weighted else 1]:
            cells += [_cell(found, variable, level, statistics, group) for group in groups]
            cells.append(_cell(found, variable, level, (difference,), None))
        lines.append(Row(heading(level if level is not None else name, indent=int(level is not None)), cells))
        if (variable, level, "std_dev", groups[0]) in found:
            spread = [_cell(found, variable, level, ("std_dev",), group) for group in groups]
            rest = [Cell("")] * (len(cells) - len(spread))
            lines.append(Row(heading("standard deviation", indent=1), [*spread, *rest]))
    parts = ["Before weighting", "After weighting"][: 2 if weighted else 1]
    columns = ["", *[*groups, "Std. difference"] * len(parts)]
    bands = [("", 1), *((part, len(groups) + 1) for part in parts)]
    caption = f"{paramcd}: {analysis.replace('_', ' ')}"
    return Table(caption, columns, lines, rows["method"].drop_nulls().unique(maintain_order=True).to_list(), bands)


def _levels(rows: pl.DataFrame) -> list[tuple[Any, Any, str]]:
    """Variable, level and label of every characteristic, in order."""
    told = rows.filter(pl.col("statistic").is_in(_BEFORE)).select("variable", "level", "label")
    return list(dict.fromkeys(told.unique(["variable", "level"], keep="first", maintain_order=True).iter_rows()))


def _cell(found: Mapping[Any, Mapping[str, Any]], variable: Any, level: Any, names: tuple[str, ...], who: Any) -> Cell:
    row = next((found[key] for name in names if (key := (variable, level, name, who)) in found), None)
    return Cell("") if row is None else estimate_cell(row)


def _of_groups(found: Mapping[Any, Mapping[str, Any]], groups: list[str], *, weighted: bool) -> list[Row]:
    """What is neither a share nor a mean nor a difference: numbers of subjects, weights, scores, the largest difference."""
    rows = []
    told = (*_BEFORE, *_AFTER, *_DIFFERENCES, "std_dev")
    others = {key[:3]: row["label"] for key, row in found.items() if key[2] not in told}
    for (variable, level, statistic), label in others.items():
        cells = [_cell(found, variable, level, (statistic,), group) for group in groups]
        cells.append(_cell(found, variable, level, (statistic,), None))
        rows.append(Row(heading(label), [*cells, *[Cell("")] * ((len(groups) + 1) * int(weighted))]))
    return rows
