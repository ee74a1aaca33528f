"""Groups and strata of an analysis, in a stated order; subjects without one are never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules_engine.analysis.ard import COUNT, Estimates
from rules_engine.errors import StudyError, closest

#: Why nothing is compared where the analysis has no second group.
ONE_GROUP = "there is only one group"
#: The level under which subjects without a stratum value are analysed, where the analysis says `own_level`.
MISSING_LEVEL = "(missing)"


@dataclass(frozen=True)
class Grouping:
    """The rows of an analysis with a group and a stratum number each.

    `names` are the groups in order; `group_index` and `stratum_index` number each row of `rows`, which holds no row
    without a group.
    """

    rows: pl.DataFrame
    names: tuple[str | None, ...]
    group_index: NDArray[np.int64]
    stratum_index: NDArray[np.int64]
    without_group: int
    without_stratum: int

    def parts(self) -> Iterator[tuple[str | None, pl.DataFrame]]:
        """Each group's name and rows; a group without subjects has no rows."""
        for number, name in enumerate(self.names):
            yield name, self.rows.filter(pl.Series(self.group_index == number))

    def report_exclusions(self, estimates: Estimates) -> None:
        """Say how many subjects the analysis had to leave out."""
        if self.without_group:
            estimates.add(
                "n_without_group", "Subjects left out: no group", self.without_group, COUNT,
                note="the group variable is missing",
            )  # fmt: skip
        if self.without_stratum:
            estimates.add(
                "n_without_stratum", "Subjects left out: no stratum value", self.without_stratum, COUNT,
                note="a stratum variable is missing and the analysis excludes such subjects",
            )  # fmt: skip


def group_rows(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> Grouping:
    """Sort the rows of an analysis into groups and strata.

    Groups stand in the order of `group_order`, further ones after them in alphabetical order; a group that is named
    there and has no subject stays, empty. Raises `StudyError` where a group or stratum column does not exist.
    """
    strata: Sequence[str] = options.get("strata") or ()
    _require_columns(rows, [name for name in (group, *strata) if name is not None])
    kept = rows
    without_group = without_stratum = 0
    if group is not None:
        kept = rows.filter(pl.col(group).is_not_null())
        without_group = rows.height - kept.height
    if strata and options.get("missing_stratum") == "exclude":
        complete = kept.drop_nulls(list(strata))
        without_stratum = kept.height - complete.height
        kept = complete
    names = _group_names(kept, group, options.get("group_order") or ())
    return Grouping(
        rows=kept,
        names=names,
        group_index=_numbers(kept, group, names),
        stratum_index=_stratum_numbers(kept, strata),
        without_group=without_group,
        without_stratum=without_stratum,
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
    found = set(rows[group].cast(pl.String).unique().to_list())
    return (*order, *sorted(found - set(order)))


def _numbers(rows: pl.DataFrame, group: str | None, names: Sequence[str | None]) -> NDArray[np.int64]:
    if group is None or not rows.height:
        return np.zeros(rows.height, dtype=np.int64)
    numbers = {name: number for number, name in enumerate(names)}
    return rows[group].cast(pl.String).replace_strict(numbers, return_dtype=pl.Int64).to_numpy()


def _stratum_numbers(rows: pl.DataFrame, strata: Sequence[str]) -> NDArray[np.int64]:
    if not strata or not rows.height:
        return np.zeros(rows.height, dtype=np.int64)
    levels = rows.select(
        pl.struct(pl.col(name).cast(pl.String).fill_null(MISSING_LEVEL) for name in strata).rank("dense") - 1
    )
    return levels.to_series().cast(pl.Int64).to_numpy()
