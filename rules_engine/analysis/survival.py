"""Kaplan–Meier: the survival table, its limits, its quantiles and the area under it. Times are in days.

References: Kaplan and Meier 1958; Greenwood 1926 (variance); Kalbfleisch and Prentice 2002 §1.4 (log-log limits);
Brookmeyer and Crowley 1982 (limits of a quantile). Quantiles follow the convention of R's `survival` package: where
the curve runs flat at exactly the wanted level, the middle of the flat stretch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rules_engine.analysis.options import Flags, Numbers, normal_quantile

#: How far a curve may stand from a level and still lie on it: rounding of floating-point products, nothing clinical.
ON_THE_LEVEL = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True)
class SurvivalTable:
    """One row per distinct time at which a subject leaves the risk set, in ascending order.

    `at_risk` counts who entered before the time and did not leave before it; `variance_sum` is Greenwood's sum
    of d / (n (n - d)), infinite once everyone at risk has had the event.
    """

    times: Numbers
    at_risk: Numbers
    events: Numbers
    censored: Numbers
    survival: Numbers
    variance_sum: Numbers

    @property
    def last_time(self) -> float:
        """The longest observed time; NaN without subjects."""
        return float(self.times[-1]) if self.times.size else float("nan")

    @property
    def std_error(self) -> Numbers:
        """Greenwood's standard error of the survival; NaN where the survival is 0."""
        with np.errstate(invalid="ignore"):
            return np.where(self.survival > 0, self.survival * np.sqrt(self.variance_sum), np.nan)

    def value_at(self, day: float, column: Numbers, before: float) -> float:
        """The value of a column on `day`: that of the last row not after it, or `before` when there is none."""
        row = int(np.searchsorted(self.times, day, side="right")) - 1
        return float(column[row]) if row >= 0 else before


def survival_table(days: ArrayLike, event: ArrayLike, entry: ArrayLike | None = None) -> SurvivalTable:
    """The Kaplan–Meier table of subjects with a time, an event flag and, under delayed entry, the day of entry.

    A subject is at risk on a day t when entry < t <= days. On a day with events and censorings, events come first.
    """
    leaving: Numbers = np.asarray(days, dtype=np.float64)
    happened = np.asarray(event, dtype=bool)
    times, row = np.unique(leaving, return_inverse=True)
    total = np.bincount(row, minlength=times.size).astype(float)
    events = np.bincount(row, weights=happened, minlength=times.size).astype(float)
    at_risk = at_risk_at(times, leaving, None if entry is None else np.asarray(entry, dtype=float))
    with np.errstate(divide="ignore"):
        variance_steps = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
    return SurvivalTable(
        times=times,
        at_risk=at_risk,
        events=events,
        censored=total - events,
        survival=np.cumprod((at_risk - events) / at_risk),
        variance_sum=np.cumsum(variance_steps),
    )


def at_risk_at(times: Numbers, leaving: Numbers, entry: Numbers | None) -> Numbers:
    """How many subjects are at risk at each of `times`: entered before it and not yet gone."""
    not_gone = leaving.size - np.searchsorted(np.sort(leaving), times, side="left")
    if entry is None:
        return not_gone.astype(float)
    not_entered = leaving.size - np.searchsorted(np.sort(entry), times, side="left")
    return (not_gone - not_entered).astype(float)


def survival_limits(
    survival: Numbers, std_error: Numbers, conf_level: float, conf_type: str
) -> tuple[Numbers, Numbers]:
    """Pointwise limits of a survival curve: (lower, upper). At S = 1 both are 1; at S = 0 they are undefined (NaN)."""
    z = normal_quantile(conf_level)
    safe = np.where((survival > 0) & (survival < 1), survival, 0.5)
    error = np.where((survival > 0) & (survival < 1), std_error, 0.0)
    if conf_type == "log-log":
        width = z * error / (safe * np.abs(np.log(safe)))
        lower, upper = safe ** np.exp(width), safe ** np.exp(-width)
    elif conf_type == "log":
        width = z * error / safe
        lower, upper = safe * np.exp(-width), np.minimum(safe * np.exp(width), 1.0)
    elif conf_type == "plain":
        lower, upper = np.maximum(safe - z * error, 0.0), np.minimum(safe + z * error, 1.0)
    else:
        raise ValueError(f"unknown kind of confidence limits: {conf_type!r}")
    return _at_the_ends(survival, lower), _at_the_ends(survival, upper)


def _at_the_ends(survival: Numbers, limit: Numbers) -> Numbers:
    return np.where(survival >= 1, 1.0, np.where(survival <= 0, np.nan, limit))


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
    """
    inside = table.times < tau
    corners = np.concatenate([[0.0], table.times[inside], [tau]])
    heights = np.concatenate([[1.0], table.survival[inside]])
    areas = heights * np.diff(corners)
    area_after = np.cumsum(areas[::-1])[::-1][1:]
    at_risk, events = table.at_risk[inside], table.events[inside]
    # Where all at risk have the event the area after it is 0, and so is the term.
    weighs = (events > 0) & (at_risk > events)
    terms = area_after[weighs] ** 2 * events[weighs] / (at_risk[weighs] * (at_risk[weighs] - events[weighs]))
    return float(areas.sum()), float(np.sqrt(terms.sum()))


def is_event(rows_event: ArrayLike, *, reverse: bool) -> Flags:
    """The event flags; reversed for follow-up, where being censored is the event."""
    flags = np.asarray(rows_event, dtype=bool)
    return ~flags if reverse else flags
