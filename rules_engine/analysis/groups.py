"""Groups and strata of an analysis, in a stated order; subjects without one are never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from rules_engine.analysis.ard import COUNT, Estimates
from rules_engine.analysis.covariates import MISSING_LEVEL
from rules_engine.analysis.options import Numbers
from rules_engine.analysis.risk_sets import distinct_times
from rules_engine.errors import StudyError, closest
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Why nothing is compared where the analysis has no second group.
ONE_GROUP = "there is only one group"


@dataclass(frozen=True)
class Grouping:
    """The rows of an analysis with a group and a stratum number each.

    `names` are the groups in order; `group_index` and `stratum_index` number each row of `rows`, which holds no row
    without a group. `weight` is each row's weight where the analysis has weights; `left_out` counts subjects without
    one by the reason.
    """

    rows: pl.DataFrame
    names: tuple[str | None, ...]
    group_index: NDArray[np.int64]
    stratum_index: NDArray[np.int64]
    without_group: int
    without_stratum: int
    weight: Numbers | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def parts(self) -> Iterator[tuple[str | None, pl.DataFrame]]:
        """Each group's name and rows; a group without subjects has no rows."""
        for number, name in enumerate(self.names):
            yield name, self.rows.filter(pl.Series(self.group_index == number))

    def report_to(self, estimates: Estimates) -> None:
        """Tell the estimates how many subjects each group has, and how many had to be left out."""
        counts = np.bincount(self.group_index, minlength=len(self.names))
        estimates.sizes = {name: int(count) for name, count in zip(self.names, counts, strict=True)}
        if self.without_group:
            estimates.add(
                "n_without_group", "Subjects left out: no group", self.without_group, COUNT,
                note="the group variable is missing", n=self.without_group,
            )  # fmt: skip
        if self.without_stratum:
            estimates.add(
                "n_without_stratum", "Subjects left out: no stratum value", self.without_stratum, COUNT,
                note="a stratum variable is missing and the analysis excludes such subjects", n=self.without_stratum,
            )  # fmt: skip
        for reason, number in self.left_out.items():
            estimates.add(
                "n_without_weight", "Subjects left out: no weight", number, COUNT,
                variable="reason", level=reason, note=reason, n=number,
            )  # fmt: skip


def group_rows(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> Grouping:
    """Sort the rows of an analysis into groups and strata.

    Groups stand in the order of `group_order`, further ones after them in the order of the column's levels (Enum) or
    alphabetically; a group that is named there or is a level and has no subject stays, empty. Raises `StudyError`
    where a group or stratum column does not exist.
    """
    strata: Sequence[str] = options.get("strata") or ()
    _require_columns(rows, [name for name in (group, *strata) if name is not None])
    kept = rows
    without_group = without_stratum = 0
    if group is not None and rows[group].null_count():
        kept = rows.filter(pl.col(group).is_not_null())
        without_group = rows.height - kept.height
    if strata and options.get("missing_stratum") == "exclude":
        complete = kept.drop_nulls(list(strata))
        without_stratum = kept.height - complete.height
        kept = complete
    left_out: dict[str, int] = {}
    if "weight" in kept.columns and kept["weight"].null_count():
        without = kept.filter(pl.col("weight").is_null())["weight_note"].fill_null("no weight")
        left_out = dict(without.value_counts().sort("weight_note").iter_rows())
        kept = kept.filter(pl.col("weight").is_not_null())
    names = _group_names(kept, group, options.get("group_order") or ())
    return Grouping(
        rows=kept,
        names=names,
        group_index=_numbers(kept, group, names),
        stratum_index=_stratum_numbers(kept, strata),
        without_group=without_group,
        without_stratum=without_stratum,
        weight=kept["weight"].to_numpy() if "weight" in kept.columns else None,
        left_out=left_out,
    )


def reference_number(grouping: Grouping, options: Mapping[str, Any]) -> int:
    """The number of the group that the others are compared with: the one stated, else the last."""
    stated = options.get("reference_group")
    if stated is None:
        return len(grouping.names) - 1
    if stated not in grouping.names:
        known = [name for name in grouping.names if name is not None]
        raise StudyError.at(
            "analysis",
            f"the reference group {stated!r} does not occur (groups: {', '.join(known) or 'none'})",
            "correct reference_group (or study.reference_arm) in the ruleset",
            meant=closest(str(stated), known),
        )
    return grouping.names.index(stated)


def _require_columns(rows: pl.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in rows.columns:
            raise StudyError.at(
                "analysis",
                f"it groups or stratifies by {name!r}, which the subjects do not have",
                "add the column to the table subjects, or correct the name in the ruleset",
                meant=closest(name, rows.columns),
            )


def _group_names(rows: pl.DataFrame, group: str | None, order: Sequence[str]) -> tuple[str | None, ...]:
    if group is None:
        return (None,)
    column = rows[group]
    if isinstance(column.dtype, pl.Enum):
        return (*order, *(level for level in column.dtype.categories if level not in order))
    found = set(column.cast(pl.String).unique().to_list())
    return (*order, *sorted(found - set(order)))


def _numbers(rows: pl.DataFrame, group: str | None, names: Sequence[str | None]) -> NDArray[np.int64]:
    if group is None or not rows.height:
        return np.zeros(rows.height, dtype=np.int64)
    numbers = {name: number for number, name in enumerate(names)}
    codes, levels = _codes(rows[group])
    return np.array([numbers[level] for level in levels], dtype=np.int64)[codes]


def _stratum_numbers(rows: pl.DataFrame, strata: Sequence[str]) -> NDArray[np.int64]:
    key = np.zeros(rows.height, dtype=np.int64)
    if not strata or not rows.height:
        return key
    for name in strata:
        column = rows[name]
        codes, levels = _codes(column.cast(pl.String).fill_null(MISSING_LEVEL) if column.null_count() else column)
        key = key * len(levels) + codes
        # Combinations that occur, numbered from 0, so that the next factor cannot overflow.
        key = distinct_times(key.astype(float))[1]
    return key


def _codes(column: pl.Series) -> tuple[NDArray[np.int64], list[str]]:
    """Each row's level as a number, and the levels, in their own order (Enum) or alphabetically."""
    if isinstance(column.dtype, pl.Enum):
        return column.to_physical().cast(pl.Int64).to_numpy(), column.dtype.categories.to_list()
    text = column.cast(pl.String)
    levels = text.unique().sort()
    codes = text.cast(pl.Enum(levels)).to_physical().cast(pl.Int64)
    return codes.to_numpy(), levels.to_list()
