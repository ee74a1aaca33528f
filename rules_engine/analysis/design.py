"""From covariates in the rows of an analysis to the columns of a model: numbers as they are, levels against the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.analysis.options import Flags, Numbers, inner_product
from rules_engine.errors import StudyError, closest
from rules_engine.numerics import np

#: Part of a column's variance that the columns before it may leave unexplained and still say all that it says.
_SAME = 1e-10
CONSTANT = "it has one value only"
COLLINEAR = "it follows from the covariates before it"


@dataclass(frozen=True)
class Column:
    """One column of a model: its covariate and, for a category, the level that it flags (None for a number).

    `fault` says why the data cannot determine a coefficient for it; empty where they can.
    """

    covariate: str
    level: str | None
    reference: str | None = None
    fault: str = ""


@dataclass(frozen=True)
class Design:
    """Columns of a model for rows that have a value of every covariate, `matrix` being one row per subject.

    `matrix` has the columns without a fault alone, in the order of `columns`.
    """

    matrix: Numbers
    columns: tuple[Column, ...]

    @property
    def estimable(self) -> tuple[Column, ...]:
        """The columns of the matrix."""
        return tuple(column for column in self.columns if not column.fault)


def has_all(rows: pl.DataFrame, covariates: Sequence[str]) -> Flags:
    """The rows in which no covariate is missing. Raises `StudyError` where one of them does not exist."""
    for name in covariates:
        if name not in rows.columns:
            raise StudyError.at(
                "analysis",
                f"it uses the covariate {name!r}, which the subjects do not have",
                "add the column to the table subjects, or correct the name in the ruleset",
                meant=closest(name, rows.columns),
            )
    if not covariates:
        return np.ones(rows.height, dtype=bool)
    flags: Flags = (
        rows.select(pl.all_horizontal(pl.col(name).is_not_null() for name in covariates)).to_series().to_numpy()
    )
    return flags


def design_matrix(rows: pl.DataFrame, covariates: Sequence[str], before: Numbers | None = None) -> Design:
    """The columns of `covariates` for rows without missing values; `before` are columns that the model has already.

    A column that is constant, or that follows from those before it, has a fault and is not in the matrix.
    """
    named: list[Column] = []
    values: list[Numbers] = []
    for name in covariates:
        for column, value in _columns_of(rows[name]):
            named.append(column)
            values.append(value)
    earlier = [] if before is None else list(before.T)
    faults = _faults([*earlier, *values])[len(earlier) :]
    columns = tuple(
        Column(column.covariate, column.level, column.reference, fault)
        for column, fault in zip(named, faults, strict=True)
    )
    kept = [value for value, fault in zip(values, faults, strict=True) if not fault]
    return Design(np.column_stack(kept) if kept else np.zeros((rows.height, 0)), columns)


def _columns_of(column: pl.Series) -> list[tuple[Column, Numbers]]:
    if column.dtype.is_numeric():
        return [(Column(column.name, None), column.cast(pl.Float64).to_numpy())]
    if not isinstance(column.dtype, pl.Enum):
        text = column.cast(pl.String)
        column = text.cast(pl.Enum(text.unique().sort()))
    assert isinstance(column.dtype, pl.Enum)  # noqa: S101  (just made one)
    levels = column.dtype.categories.to_list()
    codes = column.to_physical().to_numpy()
    present = np.bincount(codes.astype(np.int64), minlength=len(levels)) > 0
    # The first level that anybody has: comparing with a level that is empty would determine nothing.
    first = int(np.argmax(present)) if present.any() else -1
    reference = levels[first] if first >= 0 else None
    found = [
        (Column(column.name, level, reference), (codes == code).astype(np.float64))
        for code, level in enumerate(levels)
        if code != first
    ]
    # A covariate with one level has nothing to compare, which is to be said: a flag that is the same for everybody.
    return found or [(Column(column.name, reference), np.ones(column.len()))]


def _faults(columns: Sequence[Numbers]) -> list[str]:
    """Why each column adds nothing to a model with an intercept and the columns before it; empty where it does."""
    faults: list[str] = []
    basis: list[Numbers] = []
    for column in columns:
        centred = column - column.mean() if column.size else column
        total = inner_product(centred, centred)
        scale = float(np.abs(column).max()) if column.size else 0.0
        if total <= _SAME * max(scale * scale, np.finfo(float).tiny) * max(column.size, 1):
            faults.append(CONSTANT)
            continue
        rest = centred / np.sqrt(total)
        for _twice in range(2):  # once more takes out what rounding left in
            for one in basis:
                rest = rest - inner_product(one, rest) * one
        left = inner_product(rest, rest)
        if left <= _SAME:
            faults.append(COLLINEAR)
            continue
        basis.append(rest / np.sqrt(left))
        faults.append("")
    return faults
