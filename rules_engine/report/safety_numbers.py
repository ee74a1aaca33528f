"""Numbers of the safety tables, found in the analysis results by line, group and statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.pages import Cell
from rules_engine.report.counts import counted_cell
from rules_engine.report.tables import count
from rules_engine.report.view import ARM, ReportView


@dataclass(frozen=True)
class SafetyNumbers:
    """One variable of one analysis, such as `overview` of `adverse_events`.

    `lines` are its levels in the order of the results, with their words; `groups` are the columns of the tables: the arms,
    and the total (None) last.
    """

    lines: Mapping[str, str]
    groups: Sequence[str | None]
    numbers: Mapping[tuple[str, str | None, str], Mapping[str, object]]

    @classmethod
    def of(cls, view: ReportView, analysis: str, variable: str) -> SafetyNumbers:
        """Look the variable up."""
        rows = view.rows_of(analysis).filter(pl.col("variable") == variable)
        in_total = rows.filter(pl.col("group").is_null()).select("level", "label").unique(maintain_order=True)
        arms = list(view.arms) if ARM in view.subjects.columns else []
        return cls(
            lines={level: label or level for level, label in in_total.iter_rows()},
            groups=[*arms, None],
            numbers={(row["level"], row["group"], row["statistic"]): row for row in rows.iter_rows(named=True)},
        )

    @property
    def headings(self) -> list[str]:
        """What the groups are called."""
        return ["Total" if group is None else group for group in self.groups]

    def value(self, line: str, group: str | None, statistic: str) -> float | None:
        """A number; None where there is none."""
        row = self.numbers.get((line, group, statistic))
        value = None if row is None else row["value"]
        assert value is None or isinstance(value, float)  # noqa: S101  (ARD_SCHEMA)
        return value

    def has(self, line: str, statistic: str) -> bool:
        """The results have this statistic of the line in total."""
        return (line, None, statistic) in self.numbers

    def whole(self, line: str, group: str | None, statistic: str) -> Cell:
        """A count."""
        return count(self.value(line, group, statistic))

    def share(self, line: str, group: str | None, statistic: str = "subjects") -> Cell:
        """`12 (34.3%)`, the percentage as the results give it; the reason as a hint where there is no number."""
        percent = "percent" if statistic == "subjects" else f"percent_{statistic}"
        return counted_cell(self.numbers.get((line, group, statistic)), self.numbers.get((line, group, percent)))
