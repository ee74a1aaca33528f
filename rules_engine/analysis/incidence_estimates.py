"""Cumulative incidence as rows of analysis results.

Input and output are those of `survival_estimates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, PERCENT, THREE_DECIMALS, Estimates
from rules_engine.analysis.competing import COMPETING, OF_INTEREST, IncidenceTable, incidence_table
from rules_engine.analysis.groups import group_rows
from rules_engine.analysis.limits import limits_on_scale
from rules_engine.analysis.options import days_of, level_text
from rules_engine.analysis.times import Times, filter_ever_at_risk, why_not_at
from rules_engine.numerics import np


def estimate_incidence(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Cumulative incidence per group at landmarks: of the event (`time`), of the competing (`time_competing`)."""
    estimates = Estimates(f"Aalen-Johansen, {options['conf_type']}, {options['conf_level']:g}", group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_to(estimates)
    everyone = Times.of(grouping.rows)
    for number, label in enumerate(grouping.names):
        times = everyone.where(grouping.group_index == number)
        estimates.add("n", "Subjects", times.days.size, COUNT, group=label)
        estimates.add("events", "Events", int((times.event_type == OF_INTEREST).sum()), COUNT, group=label)
        estimates.add("competing", "Competing events", int((times.event_type == COMPETING).sum()), COUNT, group=label)
        for cause, variable, words in (
            (OF_INTEREST, "time", "Cumulative incidence"),
            (COMPETING, "time_competing", "Cumulative incidence of the competing event"),
        ):
            table = incidence_table(times.days, times.event_type, cause, times.entry)
            for months in options["landmarks_months"]:
                _add_incidence(estimates, label, table, months, variable, words, options)
    return estimates.frame()


def _add_incidence(
    estimates: Estimates,
    label: str | None,
    table: IncidenceTable,
    months: float,
    variable: str,
    words: str,
    options: Mapping[str, Any],
) -> None:
    day = days_of(months, options["days_per_month"])
    reason = why_not_at(day, table.last_time)
    row = int(np.searchsorted(table.times, day, side="right")) - 1
    value, variance = (float(table.incidence[row]), float(table.variance[row])) if row >= 0 else (0.0, 0.0)
    error = np.sqrt(variance)
    limits = limits_on_scale(np.array(value), np.array(error), options["conf_level"], options["conf_type"])
    lower, upper = (float(limit) for limit in limits)
    for statistic, text, number, number_format in (
        ("incidence", f"{words} at {months:g} months", value, PERCENT),
        ("std_error", f"{words}: standard error", float(error), THREE_DECIMALS),
        ("lower", f"{words}: lower limit", lower, PERCENT),
        ("upper", f"{words}: upper limit", upper, PERCENT),
    ):
        undefined = "undefined where the estimate is 0 or 1" if np.isnan(number) else None
        estimates.add(
            statistic, text, None if reason else number, number_format,
            group=label, variable=variable, level=level_text(months), note=reason or undefined,
        )  # fmt: skip
