"""Survival and follow-up of an endpoint as rows of analysis results.

Every function takes the derived rows of one endpoint (one row per subject: `days`, `event`, `event_type`,
`entry_days`) with the group and stratum columns, the name of the group column (None = all subjects together) and
complete options, and returns rows of `ard.ESTIMATE_SCHEMA`. Days become months by `days_per_month`. Nothing that cannot
be estimated is left out: the value is null and the note says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, ONE_DECIMAL, PERCENT, THREE_DECIMALS, Estimates
from rules_engine.analysis.groups import group_rows
from rules_engine.analysis.options import days_of, effective_size, level_text
from rules_engine.analysis.survival import SurvivalTable, quantile_with_limits, survival_limits
from rules_engine.analysis.times import NO_SUBJECTS, Times, filter_ever_at_risk, why_not_at
from rules_engine.numerics import np

NOT_REACHED = "not reached"
#: Probability, name of the statistic, and its label.
QUARTILES = ((0.25, "q1", "25th percentile"), (0.5, "median", "Median"), (0.75, "q3", "75th percentile"))


def estimate_survival(
    rows: pl.DataFrame, group: str | None, options: Mapping[str, Any], *, reverse: bool = False
) -> pl.DataFrame:
    """Kaplan–Meier per group: numbers, quartiles with limits, survival at landmarks; `reverse` estimates follow-up."""
    name = "Reverse Kaplan-Meier" if reverse else "Kaplan-Meier"
    variance = "weighted, infinitesimal jackknife" if "weight" in rows.columns else "Greenwood"
    estimates = Estimates(f"{name}, {variance}, {options['conf_type']}, {options['conf_level']:g}", group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_to(estimates)
    everyone = Times.of(grouping.rows, reverse=reverse)
    for number, label in enumerate(grouping.names):
        times = everyone.where(grouping.group_index == number)
        _add_numbers(estimates, label, times, reverse=reverse)
        table = times.table()
        _add_quartiles(estimates, label, table, options)
        _add_landmarks(estimates, label, times, table, options)
        if reverse:
            _add_follow_up_range(estimates, label, times, options)
    return estimates.frame()


def _add_numbers(estimates: Estimates, label: str | None, times: Times, *, reverse: bool) -> None:
    """Subjects, events and censorings; of a reversed analysis, those of the endpoint itself."""
    n, counted = times.days.size, int(times.event.sum())
    events = n - counted if reverse else counted
    estimates.add("n", "Subjects", n, COUNT, group=label)
    estimates.add("events", "Events", events, COUNT, group=label)
    estimates.add("censored", "Censored", n - events, COUNT, group=label)
    if times.weight is not None:
        happened = float(times.weight[times.event].sum())
        estimates.add("n_weighted", "Sum of weights", float(times.weight.sum()), ONE_DECIMAL, group=label)
        estimates.add("events_weighted", "Sum of weights of the events", happened, ONE_DECIMAL, group=label)
        estimates.add("n_effective", "Effective sample size", effective_size(times.weight), ONE_DECIMAL, group=label)


def _add_quartiles(estimates: Estimates, label: str | None, table: SurvivalTable, options: Mapping[str, Any]) -> None:
    missing = NOT_REACHED if table.times.size else NO_SUBJECTS
    for probability, statistic, words in QUARTILES:
        found = quantile_with_limits(table, probability, options["conf_level"], options["conf_type"])
        names = (statistic, "lower", "upper")
        labels = (f"{words} (months)", f"{words}: lower limit", f"{words}: upper limit")
        for value, one_name, one_label in zip(found, names, labels, strict=True):
            known = not np.isnan(value)
            estimates.add(
                one_name,
                one_label,
                value / options["days_per_month"] if known else None,
                ONE_DECIMAL,
                group=label,
                variable="probability",
                level=level_text(probability),
                note=None if known else missing,
            )


def _add_landmarks(
    estimates: Estimates, label: str | None, times: Times, table: SurvivalTable, options: Mapping[str, Any]
) -> None:
    lower, upper = survival_limits(table.survival, table.std_error, options["conf_level"], options["conf_type"])
    for months in options["landmarks_months"]:
        day = days_of(months, options["days_per_month"])
        reason = why_not_at(day, table.last_time)
        at_risk = float(times.at_risk_on([day])[0])
        values = (
            ("survival", f"Event-free at {months:g} months", table.value_at(day, table.survival, 1.0), PERCENT),
            ("std_error", "standard error", table.value_at(day, table.std_error, 0.0), THREE_DECIMALS),
            ("lower", "lower limit", table.value_at(day, lower, 1.0), PERCENT),
            ("upper", "upper limit", table.value_at(day, upper, 1.0), PERCENT),
            ("at_risk", f"At risk at {months:g} months", at_risk, COUNT),
        )
        for statistic, words, value, number_format in values:
            known = reason is None or statistic == "at_risk"
            estimates.add(
                statistic,
                words,
                value if known else None,
                number_format,
                group=label,
                variable="time",
                level=level_text(months),
                note=reason if not known else ("undefined where the estimate is 0" if np.isnan(value) else None),
            )


def _add_follow_up_range(estimates: Estimates, label: str | None, times: Times, options: Mapping[str, Any]) -> None:
    """Shortest and longest follow-up among those without the endpoint's event."""
    followed = times.days[times.event] / options["days_per_month"]
    reason = None if followed.size else "no subject without an event"
    for statistic, words, value in (
        ("minimum", "Shortest follow-up without event (months)", followed.min() if followed.size else None),
        ("maximum", "Longest follow-up without event (months)", followed.max() if followed.size else None),
    ):
        estimates.add(statistic, words, value, ONE_DECIMAL, group=label, note=reason)
