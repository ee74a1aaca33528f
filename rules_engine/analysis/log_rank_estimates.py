"""The log-rank test as rows of analysis results.

Input and output are those of `survival_estimates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, ONE_DECIMAL, P_VALUE, THREE_DECIMALS, Estimates
from rules_engine.analysis.groups import Grouping, group_rows, reference_number
from rules_engine.analysis.log_rank import log_rank
from rules_engine.analysis.times import Times, filter_ever_at_risk
from rules_engine.numerics import np


def estimate_log_rank(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Log-rank test over all groups; stratified where the analysis names strata."""
    strata = options["strata"]
    method = "Log-rank, two-sided" + (f", stratified by {', '.join(strata)}" if strata else "")
    estimates = Estimates(method, group)
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    grouping.report_to(estimates)
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
