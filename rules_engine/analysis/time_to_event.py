"""Estimates of time-to-event endpoints as rows of analysis results.

Every function takes the derived rows of one endpoint (one row per subject: `days`, `event`, `event_type`,
`entry_days`) with the group and stratum columns, the name of the group column (None = all subjects together) and
complete options, and returns rows of `ard.ESTIMATE_SCHEMA`. Days become months by `days_per_month`. Nothing estimable
is left out: the value is null and the note says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from rules_engine.analysis.ard import (
    COUNT,
    ONE_DECIMAL,
    P_VALUE,
    PERCENT,
    THREE_DECIMALS,
    TWO_DECIMALS,
    Estimates,
)
from rules_engine.analysis.comparison import hazard_ratio, log_rank
from rules_engine.analysis.competing import COMPETING, OF_INTEREST, IncidenceTable, incidence_limits, incidence_table
from rules_engine.analysis.groups import ONE_GROUP, Grouping, group_rows, reference_number
from rules_engine.analysis.options import Flags, Numbers, days_of, level_text, normal_quantile
from rules_engine.analysis.survival import (
    SurvivalTable,
    is_event,
    quantile_with_limits,
    restricted_mean,
    survival_limits,
    survival_table,
)

NO_SUBJECTS = "no subjects"
NOT_REACHED = "not reached"
BEYOND = "later than the last observed time"

#: An entry before every time, also before an event on day 0.
BEFORE_DAY_ZERO = -1

#: Probability, name of the statistic, and its label.
QUARTILES = ((0.25, "q1", "25th percentile"), (0.5, "median", "Median"), (0.75, "q3", "75th percentile"))


@dataclass(frozen=True)
class Times:
    """Times of subjects in days, whether each ended in an event, and days of delayed entry (None = none)."""

    days: Numbers
    event: Flags
    event_type: Numbers
    entry: Numbers | None

    @classmethod
    def of(cls, rows: pl.DataFrame, *, reverse: bool = False) -> Times:
        """The times in endpoint rows; `reverse` makes censoring the event (follow-up).

        Under delayed entry a subject without an entry day is at risk from the start.
        """
        delayed = _has_delayed_entry(rows)
        kind = "event_type" if "event_type" in rows.columns else "event"
        return cls(
            days=rows["days"].cast(pl.Float64).to_numpy(),
            event=is_event(rows["event"].to_numpy(), reverse=reverse),
            event_type=rows[kind].cast(pl.Float64).to_numpy(),
            entry=rows["entry_days"].fill_null(BEFORE_DAY_ZERO).cast(pl.Float64).to_numpy() if delayed else None,
        )

    def table(self) -> SurvivalTable:
        """The Kaplan–Meier table of these subjects."""
        return survival_table(self.days, self.event, self.entry)


def filter_ever_at_risk(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that end on or before their delayed entry: such a subject is never at risk."""
    if not _has_delayed_entry(rows):
        return rows
    return rows.filter(pl.col("entry_days").fill_null(BEFORE_DAY_ZERO) < pl.col("days"))


def _has_delayed_entry(rows: pl.DataFrame) -> bool:
    return "entry_days" in rows.columns and rows["entry_days"].null_count() < rows.height


def estimate_survival(
    rows: pl.DataFrame, group: str | None, options: Mapping[str, Any], *, reverse: bool = False
) -> pl.DataFrame:
    """Kaplan–Meier per group: numbers, quartiles with limits, survival at landmarks; `reverse` estimates follow-up."""
    name = "Reverse Kaplan-Meier" if reverse else "Kaplan-Meier"
    estimates = Estimates(f"{name}, Greenwood, {options['conf_type']}, {options['conf_level']:g}", group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_exclusions(estimates)
    for label, part in grouping.parts():
        times = Times.of(part, reverse=reverse)
        _add_numbers(estimates, label, times, reverse=reverse)
        table = times.table()
        _add_quartiles(estimates, label, table, options)
        _add_landmarks(estimates, label, table, options)
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


def _add_landmarks(estimates: Estimates, label: str | None, table: SurvivalTable, options: Mapping[str, Any]) -> None:
    lower, upper = survival_limits(table.survival, table.std_error, options["conf_level"], options["conf_type"])
    for months in options["landmarks_months"]:
        day = days_of(months, options["days_per_month"])
        reason = _why_not_at(day, table.last_time)
        at_risk = _still_at_risk(table, day)
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


def _why_not_at(day: float, last_time: float) -> str | None:
    if np.isnan(last_time):
        return NO_SUBJECTS
    return BEYOND if day > last_time else None


def _still_at_risk(table: SurvivalTable, day: float) -> float:
    """Subjects at risk at the first recorded time not before `day`; none after the last one."""
    row = int(np.searchsorted(table.times, day, side="left"))
    return float(table.at_risk[row]) if row < table.times.size else 0.0


def _add_follow_up_range(estimates: Estimates, label: str | None, times: Times, options: Mapping[str, Any]) -> None:
    """Shortest and longest follow-up among those without the endpoint's event."""
    followed = times.days[times.event] / options["days_per_month"]
    reason = None if followed.size else "no subject without an event"
    for statistic, words, value in (
        ("minimum", "Shortest follow-up without event (months)", followed.min() if followed.size else None),
        ("maximum", "Longest follow-up without event (months)", followed.max() if followed.size else None),
    ):
        estimates.add(statistic, words, value, ONE_DECIMAL, group=label, note=reason)


def estimate_log_rank(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Log-rank test over all groups; stratified where the analysis names strata."""
    strata = options["strata"]
    method = "Log-rank, two-sided" + (f", stratified by {', '.join(strata)}" if strata else "")
    estimates = Estimates(method, group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_exclusions(estimates)
    times = Times.of(grouping.rows)
    test = log_rank(
        times.days, times.event, grouping.group_index, len(grouping.names), grouping.stratum_index, times.entry
    )
    for number, label in enumerate(grouping.names):
        estimates.add("observed", "Events observed", float(test.observed[number]), COUNT, group=label)
        estimates.add("expected", "Events expected", float(test.expected[number]), ONE_DECIMAL, group=label)
    reason = None if test.degrees_of_freedom else _why_no_comparison(grouping, times)
    first, second = _both_names(grouping, options)
    for statistic, words, value, number_format in (
        ("chi_square", "Log-rank chi-square", test.chi_square, THREE_DECIMALS),
        ("degrees_of_freedom", "Degrees of freedom", float(test.degrees_of_freedom), COUNT),
        ("p_value", "Log-rank p value", test.p_value, P_VALUE),
    ):
        estimates.add(
            statistic, words, value, number_format, group=first, comparison=second,
            note=reason if np.isnan(value) else None,
        )  # fmt: skip
    return estimates.frame()


def _both_names(grouping: Grouping, options: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Of two groups the one compared and the reference; of more, neither: the test is of all of them."""
    if len(grouping.names) != 2:
        return None, None
    reference = reference_number(grouping, options)
    return grouping.names[1 - reference], grouping.names[reference]


def _why_no_comparison(grouping: Grouping, times: Times) -> str:
    with_subjects = np.unique(grouping.group_index).size
    if with_subjects < 2:
        return "fewer than two groups have subjects"
    return "no events" if not times.event.any() else "at no event time were two groups at risk"


def estimate_hazard_ratio(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Hazard ratio of each group to the reference group, each from the subjects of the two groups alone."""
    strata = options["strata"]
    method = f"Cox, {options['ties']} ties, Wald limits, {options['conf_level']:g}"
    estimates = Estimates(method + (f", stratified by {', '.join(strata)}" if strata else ""), group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_exclusions(estimates)
    if len(grouping.names) < 2:
        name = grouping.names[0] if grouping.names else None
        estimates.add("hazard_ratio", "Hazard ratio", None, TWO_DECIMALS, group=name, note=ONE_GROUP)
        return estimates.frame()
    times = Times.of(grouping.rows)
    reference = reference_number(grouping, options)
    for number, label in enumerate(grouping.names):
        if number == reference:
            continue
        pair = (grouping.group_index == number) | (grouping.group_index == reference)
        found = hazard_ratio(
            times.days[pair],
            times.event[pair],
            grouping.group_index[pair] == number,
            grouping.stratum_index[pair],
            options["conf_level"],
            None if times.entry is None else times.entry[pair],
        )
        for statistic, words, value, number_format in (
            ("hazard_ratio", "Hazard ratio", found.ratio, TWO_DECIMALS),
            ("lower", "Hazard ratio: lower limit", found.lower, TWO_DECIMALS),
            ("upper", "Hazard ratio: upper limit", found.upper, TWO_DECIMALS),
            ("coefficient", "Log hazard ratio", found.coefficient, THREE_DECIMALS),
            ("std_error", "Log hazard ratio: standard error", found.std_error, THREE_DECIMALS),
            ("p_value", "Wald p value", found.p_value, P_VALUE),
        ):
            estimates.add(
                statistic, words, value, number_format,
                group=label, comparison=grouping.names[reference], note=found.note,
            )  # fmt: skip
    return estimates.frame()


def estimate_restricted_mean(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Restricted mean survival time per group up to each stated time, and its difference from the reference group."""
    estimates = Estimates(
        f"Restricted mean survival time, Greenwood-type standard error, {options['conf_level']:g}", group
    )
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_exclusions(estimates)
    tables = [Times.of(part).table() for _label, part in grouping.parts()]
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
        p_value = float(2 * special.ndtr(-abs(difference) / error)) if error > 0 else float("nan")
        no_spread = None if reason or error > 0 else "no variation"
        estimates.add(
            "p_value", f"{words}: p value", p_value, P_VALUE, group=label, comparison=other,
            variable="time", level=level_text(months), note=reason or no_spread,
        )  # fmt: skip


def estimate_incidence(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Cumulative incidence per group at landmarks: of the event (`time`), of the competing (`time_competing`)."""
    estimates = Estimates(f"Aalen-Johansen, {options['conf_type']}, {options['conf_level']:g}", group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_exclusions(estimates)
    for label, part in grouping.parts():
        times = Times.of(part)
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
    reason = _why_not_at(day, table.last_time)
    row = int(np.searchsorted(table.times, day, side="right")) - 1
    value, variance = (float(table.incidence[row]), float(table.variance[row])) if row >= 0 else (0.0, 0.0)
    lower, upper = incidence_limits(value, variance, options["conf_level"], options["conf_type"])
    for statistic, text, number, number_format in (
        ("incidence", f"{words} at {months:g} months", value, PERCENT),
        ("std_error", f"{words}: standard error", float(np.sqrt(variance)), THREE_DECIMALS),
        ("lower", f"{words}: lower limit", lower, PERCENT),
        ("upper", f"{words}: upper limit", upper, PERCENT),
    ):
        undefined = "undefined where the estimate is 0 or 1" if np.isnan(number) else None
        estimates.add(
            statistic, text, None if reason else number, number_format,
            group=label, variable=variable, level=level_text(months), note=reason or undefined,
        )  # fmt: skip
