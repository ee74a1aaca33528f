"""Rows of the analysis results data for numbers that stand side by side: one per arm, then the total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rules_engine.analysis.ard import COUNT, PERCENT
from rules_engine.analysis.times import NO_SUBJECTS
from rules_engine.vocabulary import ARD_SCHEMA

#: The column of the subjects that the numbers are told by.
ARM: Final = "arm"
#: Method of numbers that are counted.
COUNTED: Final = "count of subjects"
#: The level of records that do not state what they are told apart by.
NOT_STATED: Final = "(not stated)"


def arms_of(stated: Iterable[object], found: pl.Series | None) -> list[str]:
    """The arms that a ruleset names, in its order, then further ones in the data, alphabetically."""
    named = [str(arm) for arm in stated]
    others = set() if found is None else set(found.drop_nulls().cast(pl.String).unique())
    return [*named, *sorted(others - set(named))]


def by_arm(rows: pl.DataFrame, arms: Sequence[str], number: str = "count") -> list[int]:
    """The sum of a column in each arm, then in total; rows without an arm are in the total alone."""
    per_arm = dict(rows.group_by(ARM).agg(pl.col(number).sum()).iter_rows())
    return [*(int(per_arm.get(arm, 0)) for arm in arms), sum(map(int, per_arm.values()))]


@dataclass
class Rows:
    """Collects the rows of one analysis; `arms` are the groups, and every sequence of numbers ends with the total."""

    analysis: str
    arms: Sequence[str]
    method: str = COUNTED
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, statistic: str, label: str, values: Sequence[float | None], number_format: str | Sequence[str],
        sizes: Sequence[int], *, note: str = NO_SUBJECTS, paramcd: str | None = None, variable: str | None = None,
        level: str | None = None,
    ) -> None:  # fmt: skip
        """Add one statistic of every arm and in total; `sizes` are the subjects that each rests on.

        `note` is the reason where there is no value.
        """
        formats = [number_format] * len(values) if isinstance(number_format, str) else number_format
        for arm, value, form, size in zip([*self.arms, None], values, formats, sizes, strict=True):
            self.rows.append(
                {
                    "analysis": self.analysis, "paramcd": paramcd, "group_variable": None if arm is None else ARM, "group": arm,
                    "variable": variable, "level": level, "statistic": statistic, "label": label,
                    "value": None if value is None else float(value), "note": note if value is None else None, "n": size,
                    "format": form, "method": self.method,
                }
            )  # fmt: skip

    def add_counts(
        self, label: str, numbers: Sequence[int], sizes: Sequence[int], *, paramcd: str | None = None,
        variable: str | None = None, level: str | None = None, statistics: tuple[str, str] = ("count", "share"),
    ) -> None:  # fmt: skip
        """Add how many of the subjects of each arm, and in total, and their share; no share of nobody."""
        shares = [number / size if size else None for number, size in zip(numbers, sizes, strict=True)]
        count, share = statistics
        self.add(count, label, numbers, COUNT, sizes, paramcd=paramcd, variable=variable, level=level)
        self.add(share, label, shares, PERCENT, sizes, paramcd=paramcd, variable=variable, level=level)

    def frame(self) -> pl.DataFrame:
        """The rows in the columns of `ARD_SCHEMA`, in the order in which they were added."""
        return pl.DataFrame(self.rows, schema=ARD_SCHEMA)
