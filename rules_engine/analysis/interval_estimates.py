"""Event-free time from intervals between assessments, as rows of analysis results.

Input and output are those of `survival_estimates`; the rows further need `date`, `interval_left` and `interval_right`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, ONE_DECIMAL, PERCENT, Estimates
from rules_engine.analysis.groups import group_rows
from rules_engine.analysis.interval_censoring import IntervalCurve, interval_curve
from rules_engine.analysis.options import Numbers, days_of, level_text
from rules_engine.analysis.survival_estimates import NOT_REACHED, QUARTILES
from rules_engine.analysis.times import BEYOND, NO_SUBJECTS
from rules_engine.numerics import np

NO_INTERVALS = "the endpoint gives no intervals"
NOT_CONVERGED = "the estimate did not converge"
DELAYED_ENTRY = "not defined under delayed entry"


def estimate_from_intervals(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Quartiles and event-free shares per group from (last day without, first day with the event]; Turnbull's estimate."""
    estimates = Estimates("Turnbull, even fall within innermost intervals", group)
    grouping = group_rows(rows, group, options)
    grouping.report_to(estimates)
    for label, part in grouping.parts():
        left, right, without = _intervals(part)
        estimates.add("n", "Subjects", left.size, COUNT, group=label)
        exact = int((right == left + 1).sum())
        estimates.add("events", "Events", int(np.isfinite(right).sum()), COUNT, group=label)
        estimates.add("exact", "Events of which the day is known", exact, COUNT, group=label)
        if without:
            estimates.add("n_without_interval", "Subjects left out: no interval", without, COUNT, group=label,
                          note=NO_INTERVALS, n=without)  # fmt: skip
        curve = interval_curve(left, right)
        reason = None if part.height else NO_SUBJECTS
        reason = reason or (NO_INTERVALS if not left.size else None) or (None if curve.converged else NOT_CONVERGED)
        if part["entry_days"].null_count() < part.height:
            reason = reason or DELAYED_ENTRY
        _add_quartiles(estimates, label, curve, reason, options)
        _add_landmarks(estimates, label, curve, _last_known(left, right), reason, options)
    return estimates.frame()


def _intervals(rows: pl.DataFrame) -> tuple[Numbers, Numbers, int]:
    """Days (left, right] of each subject with an interval, and the number without; an event on a known day d is (d - 1, d]."""
    if not {"interval_left", "interval_right", "date"} <= set(rows.columns):
        return np.zeros(0), np.zeros(0), rows.height
    known = rows.filter(pl.col("interval_left").is_not_null())
    # Days count as the endpoint counts them: from the record's own day back or on to the ends.
    left = (pl.col("days") - (pl.col("date") - pl.col("interval_left")).dt.total_days()).cast(pl.Float64)
    right = (pl.col("days") - (pl.col("date") - pl.col("interval_right")).dt.total_days()).cast(pl.Float64)
    exact = pl.col("interval_left") == pl.col("interval_right")
    found = known.select(left=pl.when(exact).then(left - 1).otherwise(left), right=right.fill_null(np.inf))
    return found["left"].to_numpy(), found["right"].to_numpy(), rows.height - known.height


def _last_known(left: Numbers, right: Numbers) -> float:
    """The last day of which the data say anything."""
    ends = np.concatenate([left, right[np.isfinite(right)]])
    return float(ends.max()) if ends.size else float("nan")


def _add_quartiles(
    estimates: Estimates, label: str | None, curve: IntervalCurve, reason: str | None, options: Mapping[str, Any]
) -> None:
    for probability, statistic, words in QUARTILES:
        found = (np.nan, np.nan, np.nan) if reason else curve.quantile(probability)
        for name, one_label, value in zip(
            (statistic, "earliest", "latest"),
            (f"{words} (months)", f"{words}: earliest that the data allow", f"{words}: latest that the data allow"),
            found,
            strict=True,
        ):
            known = not np.isnan(value)
            estimates.add(
                name, one_label, value / options["days_per_month"] if known else None, ONE_DECIMAL, group=label,
                variable="probability", level=level_text(probability), note=None if known else reason or NOT_REACHED,
            )  # fmt: skip


def _add_landmarks(
    estimates: Estimates,
    label: str | None,
    curve: IntervalCurve,
    last_known: float,
    reason: str | None,
    options: Mapping[str, Any],
) -> None:
    for months in options["landmarks_months"]:
        day = days_of(months, options["days_per_month"])
        why = reason or (BEYOND if day > last_known else None)
        least, most = (np.nan, np.nan) if why else curve.between(day)
        for name, words, value in (
            ("survival", f"Event-free at {months:g} months", np.nan if why else curve.share_on(day)),
            ("least", f"Event-free at {months:g} months: least that the data allow", least),
            ("most", f"Event-free at {months:g} months: most that the data allow", most),
        ):
            estimates.add(name, words, value, PERCENT, group=label, variable="time", level=level_text(months), note=why)
