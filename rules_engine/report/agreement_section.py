"""How far readers, assessors or criteria say the same: one line per pair and part, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.pages import Block, Folded, Row, Section, Table, heading, words
from rules_engine.report.tables import count, limits_cell, number_text
from rules_engine.report.view import ReportView


def agreement_section(view: ReportView) -> Section:
    """Every comparison of the section `agreement` of the ruleset."""
    blocks: list[Block] = []
    for name, stated in (view.ruleset.document.get("agreement") or {}).items():
        rows = view.ard.filter(pl.col("analysis") == name)
        if rows.height:
            blocks += [_summary(str(stated.get("label") or name.replace("_", " ")), rows), *_confusions(rows)]
    return Section("agreement", "Agreement", blocks)


def _parts(rows: pl.DataFrame) -> list[tuple[tuple[str, str, str], pl.DataFrame]]:
    """The rows of each pair and part that is compared."""
    grouped = rows.group_by(["group", "comparison", "variable"], maintain_order=True)
    return [((str(first), str(second), str(part)), its_rows) for (first, second, part), its_rows in grouped]


def _summary(caption: str, rows: pl.DataFrame) -> Table:
    lines = []
    for (first, second, component), part in _parts(rows):
        found: Mapping[str, Mapping[str, Any]] = {row["statistic"]: row for row in part.iter_rows(named=True)}
        limits = limits_cell(found["kappa"], found["lower"], found["upper"]).text
        is_known = found["kappa"]["value"] is not None
        lines.append(
            Row(
                heading(f"{first}, {second}: {component.replace('_', ' ')}"),
                [
                    count(int(found["pairs"]["value"])),
                    words("" if found["agreement"]["value"] is None else number_text(found["agreement"])),
                    words(limits if is_known else f"not defined: {found['kappa']['note']}"),
                    count(int(found["only_first"]["value"])),
                    count(int(found["only_second"]["value"])),
                ],
            )
        )
    columns = ["Compared", "Read by both", "Agreement", "Kappa (limits)", "First alone", "Second alone"]
    return Table(caption, columns, lines, rows["method"].drop_nulls().unique(maintain_order=True).to_list())


def _confusions(rows: pl.DataFrame) -> list[Block]:
    blocks: list[Block] = []
    for (first, second, component), part in _parts(rows):
        counted = part.filter(pl.col("statistic") == "count")
        numbers: dict[tuple[str, str], int] = {}
        for level, value in counted.select("level", "value").iter_rows():
            first_code, second_code = str(level).split(" / ")
            numbers[first_code, second_code] = int(value)
        codes = list(dict.fromkeys(first_code for first_code, _second_code in numbers))
        body = [Row(heading(code), [count(numbers[code, other]) for other in codes]) for code in codes]
        caption = f"{component.replace('_', ' ')}: {first} (lines) and {second} (columns)"
        if body:
            blocks.append(Folded(caption, [Table(caption, ["", *codes], body)]))
    return blocks
