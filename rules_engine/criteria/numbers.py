"""Exact numbers: lengths in whole hundredths of a millimetre, percentages compared by cross-multiplication.

A binary fraction never takes part, so that exactly -30 %, +20 % and +5.0 mm fall on the right side (Eisenhauer 2009 §4.3.1,
"at least").
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any

import polars as pl

from rules_engine.contracts import UNITS_PER_MM

#: Parts of one percent that a ruleset may state; sums of 500 mm lesions times this stay far inside 64 bits.
_PERCENT_PARTS = 10**6
_WHOLE = 100 * _PERCENT_PARTS


def hundredths(mm: Any) -> int:
    """A length of a ruleset in whole hundredths of a millimetre, by way of its decimal text.

    A finer length goes to the next hundredth above: lengths are whole hundredths, so that "at least" and "below" keep their
    meaning.
    """
    return int((Decimal(str(mm)) * UNITS_PER_MM).to_integral_value(ROUND_CEILING))


def _parts(percent: Any) -> int:
    return int(Decimal(str(percent)) * _PERCENT_PARTS)


def has_fallen_by(value: pl.Expr, reference: pl.Expr, percent: Any) -> pl.Expr:
    """True where `value` is at least `percent` below `reference`; null where either is unknown."""
    return value * _WHOLE <= reference * (_WHOLE - _parts(percent))


def has_risen_by(value: pl.Expr, reference: pl.Expr, percent: Any, at_least_mm: Any) -> pl.Expr:
    """True where `value` is at least `percent` and `at_least_mm` above `reference`; null where either is unknown.

    Above a reference of 0 any value has risen by every percentage; a value of 0 has not.
    """
    return (
        (value * _WHOLE >= reference * (_WHOLE + _parts(percent)))
        & (value - reference >= hundredths(at_least_mm))
        & (value > reference)
    )


def most_that_has_fallen_by(reference: int, percent: Any) -> int:
    """The largest length for which `has_fallen_by` holds, in hundredths of a millimetre."""
    return reference * (_WHOLE - _parts(percent)) // _WHOLE


def least_that_has_risen_by(reference: int, percent: Any, at_least_mm: Any) -> int:
    """The smallest length for which `has_risen_by` holds, in hundredths of a millimetre."""
    relative = -(-reference * (_WHOLE + _parts(percent)) // _WHOLE)
    return max(relative, reference + hundredths(at_least_mm), reference + 1)
