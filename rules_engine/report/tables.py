"""Cells of the report's tables: how numbers are written, and estimates found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.pages import Cell

#: Written where a median is not reached, and where a number is missing for another reason.
NOT_REACHED, NO_NUMBER = "NR", "–"


def count(number: int | float | None) -> Cell:
    """A cell with a whole number."""
    return Cell(NO_NUMBER if number is None else f"{int(number):,}")


def written(value: float | None, number_format: str | None) -> str:
    """A number as its format says; small p values as `<0.0001`."""
    if value is None:
        return NO_NUMBER
    form = number_format or "g"
    if form == "d":
        return f"{value:,.0f}"
    if form == ".4f" and value < 0.0001:
        return "<0.0001"
    shown = format(value, form)
    # A small negative number that is written as zero has no sign.
    is_zero = not shown.strip("-0.%")
    return shown.removeprefix("-") if is_zero else shown.replace("-", "−", 1) if value < 0 else shown


def nth(number: int) -> str:
    """`second`, `third`, `4th` … `21st`: which of the subjects are drawn where there are too many."""
    if number in (2, 3):
        return {2: "second", 3: "third"}[number]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


@dataclass(frozen=True)
class Estimates:
    """The analysis results, found by analysis, endpoint, group and level."""

    rows: Mapping[tuple[str | None, ...], Mapping[str, object]]

    @classmethod
    def of(cls, ard: pl.DataFrame) -> Estimates:
        """Index the results over all subjects by everything that names a number; subgroups have tables of their own."""
        keys = ("analysis", "paramcd", "group", "comparison", "variable", "level", "statistic")
        of_all = ard.filter(pl.col("subgroup_variable").is_null())
        return cls({tuple(row[key] for key in keys): row for row in of_all.iter_rows(named=True)})

    def number(
        self, analysis: str, paramcd: str, group: str | None, statistic: str,
        comparison: str | None = None, variable: str | None = None, level: str | None = None,
    ) -> Mapping[str, object] | None:  # fmt: skip
        """The row of one number, or None where the analysis does not have it."""
        return self.rows.get((analysis, paramcd, group, comparison, variable, level, statistic))

    def cell(
        self, analysis: str, paramcd: str, group: str | None, statistic: str,
        comparison: str | None = None, variable: str | None = None, level: str | None = None,
    ) -> Cell:  # fmt: skip
        """One number as a cell; where there is none, its reason as the hint."""
        return estimate_cell(self.number(analysis, paramcd, group, statistic, comparison, variable, level))

    def with_limits(
        self, analysis: str, paramcd: str, group: str | None, statistic: str,
        comparison: str | None = None, variable: str | None = None, level: str | None = None,
    ) -> Cell:  # fmt: skip
        """An estimate with its limits: `8.9 (7.0 to 11.4)`."""
        place = (comparison, variable, level)
        estimate = self.number(analysis, paramcd, group, statistic, *place)
        if estimate is None:
            return Cell(NO_NUMBER)
        lower = self.number(analysis, paramcd, group, "lower", *place)
        upper = self.number(analysis, paramcd, group, "upper", *place)
        return limits_cell(estimate, lower, upper)

    def levels(self, analysis: str, paramcd: str, variable: str) -> Sequence[str]:
        """The levels of a variable that an analysis reports, in its order."""
        found = {key[5]: None for key in self.rows if key[0] == analysis and key[1] == paramcd and key[4] == variable}
        return [level for level in found if level is not None]

    def groups(self, analysis: str, paramcd: str) -> Sequence[str | None]:
        """The groups of an analysis, in its order, without those that only name a comparison."""
        found = {
            key[2]: None
            for key in self.rows
            if key[0] == analysis and key[1] == paramcd and key[6] in ("n", "observed")
        }
        return list(found)

    def comparisons(self, analysis: str, paramcd: str) -> Sequence[tuple[str | None, str | None]]:
        """The pairs (group, reference) that an analysis compares, in its order."""
        found = {
            (key[2], key[3]): None
            for key in self.rows
            if key[0] == analysis and key[1] == paramcd and key[6] in ("hazard_ratio", "p_value", "difference")
        }
        return list(found)


def limits_cell(
    estimate: Mapping[str, object], lower: Mapping[str, object] | None, upper: Mapping[str, object] | None
) -> Cell:
    """An estimate with its limits, of rows of the analysis results; alone where neither it nor a limit has a value."""
    hint = str(estimate["note"] or "")
    if lower is None or upper is None or (estimate["value"] is None and lower["value"] is None):
        return Cell(number_text(estimate), hint=hint)
    return Cell(f"{number_text(estimate)} ({number_text(lower)} to {number_text(upper)})", hint=hint)


def estimate_cell(row: Mapping[str, object] | None) -> Cell:
    """A row of the analysis results as a cell; where it has no value, its reason as the hint."""
    return Cell(NO_NUMBER) if row is None else Cell(number_text(row), hint=str(row["note"] or ""))


def number_text(row: Mapping[str, object] | None) -> str:
    """A row of the analysis results as its format says; where it has no value, a sign of it."""
    value = None if row is None else row["value"]
    if row is None or value is None:
        return NOT_REACHED if row is not None and row["note"] == "not reached" else NO_NUMBER
    assert isinstance(value, float)  # noqa: S101  (ARD_SCHEMA)
    form = row["format"]
    return written(value, form if isinstance(form, str) else None)


def with_totals(arms: Sequence[str]) -> Sequence[str]:
    """Column headings of the arms and, where there are several, their total."""
    return [*arms, "Total"] if len(arms) > 1 else list(arms) or ["All"]
