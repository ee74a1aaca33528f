"""Counts and summaries of the study, found in the analysis results: cells side by side, one per arm, then the total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.pages import Cell
from rules_engine.report.tables import NO_NUMBER, count, number_text
from rules_engine.report.view import ReportView

#: A line of a table: its variable and its level.
Place = tuple[str | None, str | None]


@dataclass(frozen=True)
class Counts:
    """One of the engine's own analyses, such as `flow`, of one endpoint or of none.

    `groups` are the columns of the tables; `lines` the words of each place, in the order of the results.
    """

    groups: Sequence[str | None]
    lines: Mapping[Place, str]
    numbers: Mapping[tuple[str | None, str | None, str | None, str], Mapping[str, Any]]

    @classmethod
    def of(cls, view: ReportView, analysis: str, paramcd: str | None = None) -> Counts:
        """Look the analysis up; empty where the results do not have it."""
        rows = view.rows_of(analysis).filter(pl.col("paramcd").eq_missing(pl.lit(paramcd, pl.String)))
        lines = rows.select("variable", "level", "label").unique(
            ["variable", "level"], keep="first", maintain_order=True
        )
        return cls(
            groups=view.columns,
            lines={(variable, level): label for variable, level, label in lines.iter_rows()},
            numbers={
                (row["variable"], row["level"], row["group"], row["statistic"]): row for row in rows.iter_rows(named=True)
            },
        )  # fmt: skip

    def levels(self, variable: str | None) -> dict[str | None, str]:
        """The levels of a variable with their words."""
        return {level: words for (of, level), words in self.lines.items() if of == variable}

    def row(
        self, variable: str | None, level: str | None, group: str | None, statistic: str
    ) -> Mapping[str, Any] | None:
        """A number as its row of the results; None where they do not have it."""
        return self.numbers.get((variable, level, group, statistic))

    def value(self, variable: str | None, level: str | None, group: str | None, statistic: str) -> int:
        """A count; 0 where the results do not have it."""
        row = self.row(variable, level, group, statistic)
        return 0 if row is None or row["value"] is None else int(row["value"])

    def whole(
        self, variable: str | None = None, level: str | None = None, statistic: str = "n",
        groups: Iterable[str | None] | None = None,
    ) -> list[Cell]:  # fmt: skip
        """A count in every column."""
        return [count(self.value(variable, level, group, statistic)) for group in self._chosen(groups)]

    def shares(
        self, variable: str | None = None, level: str | None = None, statistics: tuple[str, str] = ("count", "share"),
        groups: Iterable[str | None] | None = None,
    ) -> list[Cell]:  # fmt: skip
        """A count with its share in every column: `12 (34.3%)`."""
        return [
            counted_cell(*(self.row(variable, level, group, name) for name in statistics))
            for group in self._chosen(groups)
        ]

    def written(self, variable: str, statistics: Sequence[str], form: Callable[..., str]) -> list[Cell]:
        """Several statistics of a variable as one text in every column; a dash where the first has no value."""
        cells = []
        for group in self.groups:
            rows = [self.row(variable, None, group, name) for name in statistics]
            known = rows[0] is not None and rows[0]["value"] is not None
            cells.append(Cell(form(*map(number_text, rows)) if known else NO_NUMBER))
        return cells

    def anybody(self, variable: str | None, level: str | None = None, statistic: str = "count") -> bool:
        """Whether the count is above 0 in any column."""
        return any(self.value(variable, level, group, statistic) for group in self.groups)

    def _chosen(self, groups: Iterable[str | None] | None) -> Iterable[str | None]:
        return self.groups if groups is None else groups


def counted_cell(number: Mapping[str, Any] | None, share: Mapping[str, Any] | None) -> Cell:
    """A count and its share, both rows of the results: `12 (34.3%)`; no share beside a zero or where there is none."""
    if number is None or number["value"] is None:
        return Cell(NO_NUMBER, hint=str(number["note"] or "") if number is not None else "")
    text = number_text(number)
    if not number["value"] or share is None or share["value"] is None:
        return Cell(text)
    shown = number_text(share)
    return Cell(f"{text} ({shown}{'' if shown.endswith('%') else '%'})")
