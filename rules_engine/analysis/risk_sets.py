"""Distinct times, and who is at risk at each: the sums over subjects that every estimate of times begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rules_engine.analysis.options import Numbers
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index: TypeAlias = "NDArray[np.int64]"

#: Whole numbers are counted rather than sorted as long as their range is not much longer than their number.
_SPARE_RANGE = 100_000


def distinct_times(times: Numbers) -> tuple[Numbers, Index]:
    """The distinct times in ascending order, and for each entry of `times` its place among them."""
    if not times.size:
        return times, np.zeros(0, dtype=np.int64)
    earliest, latest = float(times.min()), float(times.max())
    whole = times.astype(np.int64)
    if latest - earliest > times.size + _SPARE_RANGE or not (whole == times).all():
        by_sorting, place = np.unique(times, return_inverse=True)
        return by_sorting, place.astype(np.int64)
    shifted = whole - int(earliest)
    present = np.bincount(shifted) > 0
    distinct = np.flatnonzero(present) + earliest
    return distinct.astype(np.float64), (np.cumsum(present) - 1)[shifted].astype(np.int64)


def sums_at(place: Index, size: int, values: Numbers | None = None) -> Numbers:
    """Sum of `values` (without them: the number of entries) at each of `size` places."""
    return np.bincount(place, weights=values, minlength=size).astype(float)


def at_risk_at(times: Numbers, leaving: Numbers, entry: Numbers | None, weight: Numbers | None = None) -> Numbers:
    """How many subjects (or how much weight) are at risk at each of the ascending `times`: entered before it, not gone."""
    # Places of the first and the last of `times` at which a subject is at risk.
    last = np.searchsorted(times, leaving, side="right") - 1
    at_risk = _at_or_after(last, times.size, weight)
    if entry is None:
        return at_risk
    first = np.searchsorted(times, entry, side="right")
    # Who is gone before entering never counts.
    return at_risk - _at_or_after(np.minimum(first - 1, last), times.size, weight)


def _at_or_after(place: Index, size: int, weight: Numbers | None) -> Numbers:
    """Sums over the subjects whose place is k or later, for each k below `size`; a place of -1 counts nowhere."""
    found: Numbers = sums_at(place + 1, size + 1, weight)[::-1].cumsum()[::-1][1:]
    return found
