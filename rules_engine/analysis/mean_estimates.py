"""Restricted mean survival time as rows of analysis results.

Input and output are those of `survival_estimates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.analysis.ard import P_VALUE, TWO_DECIMALS, Estimates
from rules_engine.analysis.groups import Grouping, group_rows, reference_number
from rules_engine.analysis.options import days_of, level_text, normal_quantile
from rules_engine.analysis.survival import restricted_mean
from rules_engine.analysis.times import NO_SUBJECTS, Times, filter_ever_at_risk
from rules_engine.numerics import np, scipy


def estimate_restricted_mean(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Restricted mean survival time per group up to each stated time, and its difference from the reference group."""
    variance = "weighted, infinitesimal jackknife" if "weight" in rows.columns else "Greenwood-type standard error"
    estimates = Estimates(f"Restricted mean survival time, {variance}, {options['conf_level']:g}", group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_to(estimates)
    everyone = Times.of(grouping.rows)
    tables = [everyone.where(grouping.group_index == number).table() for number in range(len(grouping.names))]
    longest = [table.last_time for table in tables if table.times.size]
    z, month = normal_quantile(options["conf_level"]), options["days_per_month"]
    for months in options["tau_months"]:
        tau = days_of(months, month)
        too_late = bool(longest) and tau > min(longest)
        means: list[tuple[float, float]] = []
        for label, table in zip(grouping.names, tables, strict=True):
            reason = NO_SUBJECTS if not table.times.size else None
            reason = reason or ("later than the last observed time of a group" if too_late else None)
            mean, error = (np.nan, np.nan) if reason else restricted_mean(table, tau)
            means.append((mean, error))
            _add_mean(estimates, "restricted_mean", "Restricted mean", mean, error, z, month, months, reason, label)
        if len(grouping.names) > 1:
            _add_mean_differences(estimates, grouping, means, months, options)
    return estimates.frame()


def _add_mean(
    estimates: Estimates,
    statistic: str,
    words: str,
    mean: float,
    error: float,
    z: float,
    days_per_month: float,
    months: float,
    reason: str | None,
    group: str | None,
    comparison: str | None = None,
) -> None:
    """A mean in months with its standard error and limits."""
    for name, label, value in (
        (statistic, f"{words} to {months:g} months (months)", mean),
        ("std_error", f"{words}: standard error", error),
        ("lower", f"{words}: lower limit", mean - z * error),
        ("upper", f"{words}: upper limit", mean + z * error),
    ):
        estimates.add(
            name, label, value / days_per_month, TWO_DECIMALS,
            group=group, comparison=comparison, variable="time", level=level_text(months), note=reason,
        )  # fmt: skip


def _add_mean_differences(
    estimates: Estimates,
    grouping: Grouping,
    means: list[tuple[float, float]],
    months: float,
    options: Mapping[str, Any],
) -> None:
    reference = reference_number(grouping, options)
    z, month = normal_quantile(options["conf_level"]), options["days_per_month"]
    for number, label in enumerate(grouping.names):
        if number == reference:
            continue
        difference = means[number][0] - means[reference][0]
        error = float(np.hypot(means[number][1], means[reference][1]))
        reason = "not estimable in one of the groups" if np.isnan(difference) else None
        other = grouping.names[reference]
        words = "Difference of restricted means"
        _add_mean(estimates, "difference", words, difference, error, z, month, months, reason, label, other)
        p_value = float(2 * scipy.special.ndtr(-abs(difference) / error)) if error > 0 else float("nan")
        no_spread = None if reason or error > 0 else "no variation"
        _add_ratio(estimates, (label, other), means[number], means[reference], months, z, reason)
        estimates.add(
            "p_value", f"{words}: p value", p_value, P_VALUE, group=label, comparison=other,
            variable="time", level=level_text(months), note=reason or no_spread,
        )  # fmt: skip


def _add_ratio(
    estimates: Estimates,
    groups: tuple[str | None, str | None],
    one: tuple[float, float],
    two: tuple[float, float],
    months: float,
    z: float,
    reason: str | None,
) -> None:
    """The ratio of two restricted means; limits and test on the scale of its logarithm."""
    known = not reason and one[0] > 0 and two[0] > 0
    log_ratio = float(np.log(one[0] / two[0])) if known else np.nan
    error = float(np.hypot(one[1] / one[0], two[1] / two[0])) if known else np.nan
    p_value = float(2 * scipy.special.ndtr(-abs(log_ratio) / error)) if known and error > 0 else np.nan
    words = "Ratio of restricted means"
    for name, label, value, number_format in (
        ("ratio", f"{words} to {months:g} months", np.exp(log_ratio), TWO_DECIMALS),
        ("lower", f"{words}: lower limit", np.exp(log_ratio - z * error), TWO_DECIMALS),
        ("upper", f"{words}: upper limit", np.exp(log_ratio + z * error), TWO_DECIMALS),
        ("p_value", f"{words}: p value", p_value, P_VALUE),
    ):
        note = None if not np.isnan(value) else reason or ("a mean is 0" if not known else "no variation")
        estimates.add(
            name, label, value, number_format, group=groups[0], comparison=groups[1], variable="ratio",
            level=level_text(months), note=note,
        )  # fmt: skip
