"""Kaplan–Meier: the survival table, its limits, its quantiles and the area under it. Times are in days.

References: Kaplan and Meier 1958; Greenwood 1926 (variance); Kalbfleisch and Prentice 2002 §1.4 (log-log limits);
Brookmeyer and Crowley 1982 (limits of a quantile). Quantiles follow the convention of R's `survival` package: where
the curve runs flat at exactly the wanted level, the middle of the flat stretch.

With weights the curve is that of Xie and Liu 2005, and its variance the infinitesimal jackknife (Jaeckel 1972): the
sum over subjects of (weight x derivative of the estimate by that weight)². With weights of one that is Greenwood's.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.analysis.limits import limits_on_scale
from rules_engine.analysis.options import Flags, Numbers
from rules_engine.analysis.risk_sets import Index, at_risk_at, distinct_times, sums_at
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: How far a curve may stand from a level and still lie on it: rounding of floating-point products, nothing clinical.
ON_THE_LEVEL = math.sqrt(sys.float_info.epsilon)


@dataclass(frozen=True)
class Weighted:
    """Weighted subjects beside their table: the rows at which each is first (0 without delayed entry) and last at risk."""

    weight: Numbers
    event: Flags
    first: Index
    last: Index


@dataclass(frozen=True)
class SurvivalTable:
    """One row per distinct time at which a subject leaves the risk set, in ascending order.

    `at_risk` counts who entered before the time and did not leave before it. `variance_sum` is the variance of the
    survival over its square: Greenwood's sum of d / (n (n - d)), infinite once everyone at risk has had the event.
    With weights, `at_risk`, `events` and `censored` are sums of weights.
    """

    times: Numbers
    at_risk: Numbers
    events: Numbers
    censored: Numbers
    survival: Numbers
    variance_sum: Numbers
    weighted: Weighted | None = None

    @property
    def last_time(self) -> float:
        """The longest observed time; NaN without subjects."""
        return float(self.times[-1]) if self.times.size else float("nan")

    @property
    def std_error(self) -> Numbers:
        """Standard error of the survival; NaN where the survival is 0."""
        with np.errstate(invalid="ignore"):
            return np.where(self.survival > 0, self.survival * np.sqrt(self.variance_sum), np.nan)

    @property
    def is_last_event(self) -> Flags:
        """Rows at which everyone who is at risk has the event."""
        return np.asarray((self.events > 0) & (self.events == self.at_risk), dtype=bool)

    def value_at(self, day: float, column: Numbers, before: float) -> float:
        """The value of a column on `day`: that of the last row not after it, or `before` when there is none."""
        row = int(np.searchsorted(self.times, day, side="right")) - 1
        return float(column[row]) if row >= 0 else before


def survival_table(
    days: ArrayLike, event: ArrayLike, entry: ArrayLike | None = None, weight: ArrayLike | None = None
) -> SurvivalTable:
    """The Kaplan–Meier table of subjects with a time, an event flag and, under delayed entry, the day of entry.

    A subject is at risk on a day t when entry < t <= days. On a day with events and censorings, events come first.
    """
    leaving: Numbers = np.asarray(days, dtype=np.float64)
    happened = np.asarray(event, dtype=bool)
    entered = None if entry is None else np.asarray(entry, dtype=np.float64)
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    times, place = distinct_times(leaving)
    ones: Numbers = happened.astype(float)
    events = sums_at(place, times.size, ones if weights is None else ones * weights)
    censored = sums_at(place, times.size, 1 - ones if weights is None else (1 - ones) * weights)
    at_risk = at_risk_at(times, leaving, entered, weights)
    if weights is not None:
        # Sums of weights in two orders may differ in the last digit where they are the same weights.
        everyone = sums_at(place, times.size, ones) == at_risk_at(times, leaving, entered)
        at_risk = np.where(everyone, events, np.maximum(at_risk, events))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
        survival = np.cumprod(np.where(events > 0, (at_risk - events) / at_risk, 1.0)).astype(np.float64)
    table = SurvivalTable(times, at_risk, events, censored, survival, np.cumsum(steps))
    if weights is None:
        return table
    first = np.zeros(place.size, dtype=np.int64) if entered is None else np.searchsorted(times, entered, side="right")
    weighted = Weighted(weights, happened, first, place)
    return SurvivalTable(times, at_risk, events, censored, survival, _jackknife_variance(table, weighted), weighted)


def _jackknife_variance(table: SurvivalTable, subjects: Weighted) -> Numbers:
    """Variance of the weighted survival over its square, at every time.

    A subject who left by t moves the logarithm of the curve by hazard(left) - hazard(entered) - [event] / (n - d), one
    still at risk by hazard(t) - hazard(entered), where hazard sums d / (n (n - d)).
    """
    finite = np.where(np.isfinite(table.variance_sum), table.variance_sum, 0.0)
    hazard_before = np.concatenate([[0.0], finite])
    entered = hazard_before[np.minimum(subjects.first, finite.size)]
    moved = finite[subjects.last] - entered - _per_survivor(table)[subjects.last] * subjects.event
    squared: Numbers = subjects.weight**2
    gone = np.cumsum(sums_at(subjects.last, finite.size, squared * moved**2))

    def still_there(values: Numbers) -> Numbers:
        came = sums_at(np.minimum(subjects.first, finite.size), finite.size + 1, values)[:-1]
        found: Numbers = np.cumsum(came) - np.cumsum(sums_at(subjects.last, finite.size, values))
        return found

    staying = (
        finite**2 * still_there(squared)
        - 2 * finite * still_there(squared * entered)
        + still_there(squared * entered**2)
    )
    return np.where(np.isfinite(table.variance_sum), np.maximum(gone + staying, 0.0), np.inf)


def _per_survivor(table: SurvivalTable) -> Numbers:
    """1 / (n - d) at each time, and 0 where nobody survives it."""
    left = table.at_risk - table.events
    return np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)


def survival_limits(
    survival: Numbers, std_error: Numbers, conf_level: float, conf_type: str
) -> tuple[Numbers, Numbers]:
    """Pointwise limits of a survival curve: (lower, upper). At S = 1 both are 1; at S = 0 they are undefined (NaN)."""
    lower, upper = limits_on_scale(survival, std_error, conf_level, conf_type)
    return np.where(survival >= 1, 1.0, lower), np.where(survival >= 1, 1.0, upper)


def quantile_of(times: Numbers, curve: Numbers, probability: float, last_time: float) -> float:
    """The day on which a falling curve reaches 1 - probability; NaN when it does not.

    Where the curve lies exactly on the level, the middle of that stretch: up to the next fall or, at the end of the
    curve, up to the last observed time. A point at which the curve is undefined (NaN) is not reached.
    """
    level = 1.0 - probability
    known = ~np.isnan(curve)
    reached = times[known & (curve <= level + ON_THE_LEVEL)]
    if not reached.size:
        return float("nan")
    passed = times[known & (curve < level - ON_THE_LEVEL)]
    if passed.size:
        return float((reached[0] + passed[0]) / 2)
    return float((reached[0] + last_time) / 2) if known[-1] else float("nan")


def quantile_with_limits(
    table: SurvivalTable, probability: float, conf_level: float, conf_type: str
) -> tuple[float, float, float]:
    """A quantile of the survival time in days with its limits: (estimate, lower, upper); NaN is not reached."""
    lower, upper = survival_limits(table.survival, table.std_error, conf_level, conf_type)
    curves = (table.survival, lower, upper)
    estimate, earliest, latest = (quantile_of(table.times, curve, probability, table.last_time) for curve in curves)
    return estimate, earliest, latest


def restricted_mean(table: SurvivalTable, tau: float) -> tuple[float, float]:
    """Mean event-free time up to `tau` and its standard error, both in days.

    The area under the curve up to tau; variance: sum over event times of (area from the time to tau)² d / (n (n - d)).
    With weights, the infinitesimal jackknife.
    """
    inside = table.times < tau
    corners = np.concatenate([[0.0], table.times[inside], [tau]])
    heights = np.concatenate([[1.0], table.survival[inside]])
    areas = heights * np.diff(corners)
    area_after = np.zeros_like(table.times)
    area_after[inside] = np.cumsum(areas[::-1])[::-1][1:]
    # Where all at risk have the event the area after it is 0, and so is the term.
    left = table.at_risk - table.events
    hazard = np.divide(
        table.events, table.at_risk * left, out=np.zeros_like(left), where=(table.events > 0) & (left > 0)
    )
    if table.weighted is None:
        return float(areas.sum()), float(np.sqrt((area_after**2 * hazard).sum()))
    subjects = table.weighted
    moved = np.concatenate([[0.0], np.cumsum(area_after * hazard)])
    share = (
        moved[subjects.last + 1]
        - moved[np.minimum(subjects.first, subjects.last + 1)]
        - (area_after * _per_survivor(table))[subjects.last] * subjects.event
    )
    return float(areas.sum()), float(np.sqrt(((subjects.weight * share) ** 2).sum()))


def is_event(rows_event: ArrayLike, *, reverse: bool) -> Flags:
    """The event flags; reversed for follow-up, where being censored is the event."""
    flags = np.asarray(rows_event, dtype=bool)
    return ~flags if reverse else flags
