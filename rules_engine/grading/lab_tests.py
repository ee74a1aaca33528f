"""The laboratory tests of a study: each pair of analyte and unit that occurs, and on which scale it is graded.

There are few of them however many results there are; results carry the number of their test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from rules_engine.grading.lab_columns import (
    DIRECTIONS,
    NO_TERM,
    NOT_ENCODED,
    NOT_LAB_GRADABLE,
    REASONS,
    UNIT_UNKNOWN,
    UNIT_UNSUITABLE,
)
from rules_engine.grading.rules import Direction, GradingRules, Scale


@dataclass(frozen=True)
class LabTests:
    """The tests of a table of results, one row of `table` each, and the number of its test for each result.

    Columns of `table`: `analyte`, `unit` as reported; `key` of the analyte (total calcium: that of corrected calcium),
    `reported_key`, `scale_unit`; per direction `scale_…` (number of the scale), `factor_…` to its unit, or `reason_…`
    (number of the reason) why there is none; `mildest_…` is where grade 1 ends at a number, in the unit of the test.
    """

    table: pl.DataFrame
    number: pl.Series

    def of_results(self, column: str) -> pl.Series:
        """A column of the table, for every result."""
        return self.table[column].gather(self.number)


_SCHEMA: Final[dict[str, Any]] = {
    **dict.fromkeys(("analyte", "unit", "key", "reported_key", "scale_unit"), pl.String),
    "key_number": pl.UInt16,
    "never_zero": pl.Boolean,
    **{
        f"{name}_{direction}": kind
        for direction in DIRECTIONS
        for name, kind in (("scale", pl.UInt16), ("factor", pl.Float64), ("reason", pl.UInt8), ("mildest", pl.Float64))
    },
}


def find_tests(labs: pl.DataFrame, rules: GradingRules) -> LabTests:
    """The tests of results with `analyte` and `unit`."""
    pair = ["analyte", "unit"]
    distinct = labs.lazy().select(pair).unique().collect(engine="streaming").sort(pair)
    keys = sorted(
        {key for key, _direction in (*rules.scales, *rules.clinical_only, *rules.not_encoded)}
        | set(rules.analytes.values())
    )
    table = pl.DataFrame([_test(rules, keys, *row) for row in distinct.iter_rows()], schema=_SCHEMA)
    return LabTests(table, _numbers(labs, distinct))


def _numbers(labs: pl.DataFrame, distinct: pl.DataFrame) -> pl.Series:
    """The row of `distinct` in which the pair of each result stands; of pairs of numbers it is found faster than of texts."""
    analytes, units = (distinct[column].unique().drop_nulls() for column in ("analyte", "unit"))
    of_distinct, of_results = (
        rows["analyte"].cast(pl.Enum(analytes)).to_physical().cast(pl.Int64).fill_null(analytes.len())
        * (units.len() + 1)
        + rows["unit"].cast(pl.Enum(units)).to_physical().cast(pl.Int64).fill_null(units.len())
        for rows in (distinct, labs)
    )
    numbers = pl.int_range(distinct.height, dtype=pl.UInt32, eager=True)
    return of_results.replace_strict(of_distinct, numbers, return_dtype=pl.UInt32)


def numbered_scales(rules: GradingRules) -> list[Scale]:
    """All scales of a ruleset, in the order of their numbers."""
    return [scale for _key, scales in sorted(rules.scales.items()) for scale in scales]


def _test(rules: GradingRules, keys: list[str], analyte: str | None, unit: str | None) -> dict[str, Any]:
    reported = rules.analytes.get((analyte or "").strip().upper())
    calcium = rules.calcium
    key = calcium["corrected"] if calcium and reported == calcium["total"] else reported
    scale_unit = rules.unit_of(key, unit)
    row = {
        "analyte": analyte, "unit": unit, "key": key, "reported_key": reported, "scale_unit": scale_unit,
        "key_number": None if key is None else keys.index(key), "never_zero": key in rules.plausibility.never_zero,
    }  # fmt: skip
    scales = numbered_scales(rules)
    for direction in DIRECTIONS:
        scale, factor, reason = _scale(rules, key, scale_unit, direction)
        mildest = None if scale is None or key in rules.plausibility.range_exempt else scale.mildest_number
        row |= {
            f"mildest_{direction}": None if mildest is None or factor is None else mildest / factor,
            f"scale_{direction}": None if scale is None else scales.index(scale),
            f"factor_{direction}": factor,
            f"reason_{direction}": None if reason is None else REASONS.index(reason),
        }
    return row


def _why_no_scale(rules: GradingRules, key: str | None, direction: Direction) -> str:
    if (key, direction) in rules.clinical_only:
        return NOT_LAB_GRADABLE
    return NOT_ENCODED if (key, direction) in rules.not_encoded else NO_TERM


def _scale(
    rules: GradingRules, key: str | None, unit: str | None, direction: Direction
) -> tuple[Scale | None, float | None, str | None]:
    """The scale, the factor to its unit, the reason why there is none. A printed unit is graded as it stands; another one is
    converted.
    """
    candidates = rules.scales.get((key, direction)) if key is not None else None
    if key is None or not candidates:
        return None, None, _why_no_scale(rules, key, direction)
    if rules.plausibility.refuses(key, unit):
        return None, None, UNIT_UNSUITABLE
    for scale in candidates:
        if scale.unit is None or scale.unit == unit:
            return scale, 1.0, None
    factor = rules.factor(key, unit, candidates[0].unit or "") if unit is not None else None
    if factor is None:
        return None, None, UNIT_UNKNOWN
    return candidates[0], factor, None
