"""Curves to draw: corners of a step function, its limits, censoring marks and numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.analysis.competing import incidence_table
from rules_engine.analysis.limits import limits_on_scale
from rules_engine.analysis.options import Numbers
from rules_engine.analysis.survival import survival_limits
from rules_engine.analysis.times import Times, filter_ever_at_risk
from rules_engine.numerics import np

#: Distances between ticks in months, the first that gives at most `MOST_TICKS` is used.
TICK_STEPS, MOST_TICKS = (1, 2, 3, 6, 12, 24, 48, 120, 240), 10
#: How far, in steps, the last observed month may be short of a tick that is still drawn: a month is days over days per month.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Curve:
    """A step function, constant from each `time` (days) to the next; ends at the last observed time.

    `lower` and `upper` are NaN where undefined. `censoring_times` and `censoring_heights` place a tick for each
    distinct day on which subjects were censored. `at_risk` counts subjects at risk at each of `risk_days`.
    """

    times: Numbers
    estimate: Numbers
    lower: Numbers
    upper: Numbers
    censoring_times: Numbers
    censoring_heights: Numbers
    risk_days: Numbers
    at_risk: Numbers


def survival_curve(
    rows: pl.DataFrame, *, risk_days: Sequence[float], conf_level: float, conf_type: str, reverse: bool = False
) -> Curve:
    """The Kaplan–Meier curve of endpoint rows (one per subject: `days`, `event`, perhaps `entry_days`)."""
    times = Times.of(filter_ever_at_risk(rows), reverse=reverse)
    table = times.table()
    lower, upper = survival_limits(table.survival, table.std_error, conf_level, conf_type)
    marked = table.censored > 0
    return Curve(
        times=_from_zero(table.times, 0.0),
        estimate=_from_zero(table.survival, 1.0),
        lower=_from_zero(lower, 1.0),
        upper=_from_zero(upper, 1.0),
        censoring_times=table.times[marked],
        censoring_heights=table.survival[marked],
        risk_days=np.asarray(risk_days, dtype=float),
        at_risk=times.at_risk_on(risk_days),
    )


def incidence_curve(
    rows: pl.DataFrame, *, cause: int, risk_days: Sequence[float], conf_level: float, conf_type: str
) -> Curve:
    """The cumulative incidence of a cause (1 the event, 2 the competing one) of endpoint rows with `event_type`."""
    times = Times.of(filter_ever_at_risk(rows))
    table = incidence_table(times.days, times.event_type, cause, times.entry)
    lower, upper = limits_on_scale(table.incidence, np.sqrt(table.variance), conf_level, conf_type)
    censored = times.days[times.event_type == 0]
    marks = np.unique(censored)
    heights = table.incidence[np.searchsorted(table.times, marks)] if marks.size else marks
    return Curve(
        times=_from_zero(table.times, 0.0),
        estimate=_from_zero(table.incidence, 0.0),
        lower=_from_zero(lower, np.nan),
        upper=_from_zero(upper, np.nan),
        censoring_times=marks,
        censoring_heights=heights,
        risk_days=np.asarray(risk_days, dtype=float),
        at_risk=times.at_risk_on(risk_days),
    )


def risk_months(last_month: float) -> list[float]:
    """The ticks of the time axis up to the last observed month."""
    furthest = max(last_month, 1.0)
    step = next((one for one in TICK_STEPS if furthest / one <= MOST_TICKS), TICK_STEPS[-1])
    return [float(number * step) for number in range(math.ceil(furthest / step + ROUNDING))]


def _from_zero(column: Numbers, start: float) -> Numbers:
    return np.concatenate([[start], column])
