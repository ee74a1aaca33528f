"""What must hold of estimates for any data; agreement with slow definitions and with lifelines."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rules_engine.analysis.competing import incidence_table
from rules_engine.analysis.cox import CoxFit, Subjects, fit_cox
from rules_engine.analysis.log_rank import log_rank
from rules_engine.analysis.proportions import Rate, clopper_pearson, miettinen_nurminen
from rules_engine.analysis.survival import quantile_of, restricted_mean, survival_limits, survival_table

from rules_engine_plugins.estimators import REVERSE_KAPLAN_MEIER

SUBJECT = st.tuples(st.integers(1, 12), st.integers(0, 2), st.booleans(), st.integers(0, 1))
SUBJECTS = st.lists(SUBJECT, min_size=1, max_size=30)
EXAMPLES = settings(max_examples=150, deadline=None)


def columns(subjects: list[tuple[int, int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    days, kind, exposed, stratum = (np.array(column) for column in zip(*subjects, strict=True))
    return days.astype(float), kind, exposed.astype(bool), stratum.astype(np.int64)


@EXAMPLES
@given(SUBJECTS)
def test_survival_falls_from_one_within_its_limits(subjects: list[tuple[int, int, bool, int]]) -> None:
    days, kind, _exposed, _stratum = columns(subjects)
    table = survival_table(days, kind == 1)
    assert ((table.survival >= 0) & (table.survival <= 1)).all()
    assert (np.diff(table.survival) <= 0).all()
    for conf_type in ("log-log", "log", "plain"):
        lower, upper = survival_limits(table.survival, table.std_error, 0.95, conf_type)
        known = ~np.isnan(lower)
        assert (lower[known] <= table.survival[known] + 1e-12).all()
        assert (upper[known] >= table.survival[known] - 1e-12).all()
        assert ((lower[known] >= 0) & (upper[known] <= 1)).all()


@EXAMPLES
@given(SUBJECTS)
def test_survival_is_the_product_over_event_times(subjects: list[tuple[int, int, bool, int]]) -> None:
    days, kind, _exposed, _stratum = columns(subjects)
    table = survival_table(days, kind == 1)
    for time, found in zip(table.times, table.survival, strict=True):
        product = 1.0
        for one in sorted(set(days[kind == 1])):
            if one <= time:
                product *= 1 - ((days == one) & (kind == 1)).sum() / (days >= one).sum()
        assert found == pytest.approx(product, abs=1e-12)


@EXAMPLES
@given(SUBJECTS, st.integers(1, 3))
def test_censorings_before_the_first_event_change_no_survival(
    subjects: list[tuple[int, int, bool, int]], more: int
) -> None:
    days, kind, _exposed, _stratum = columns(subjects)
    later = days + 1
    alone = survival_table(later, kind == 1)
    joined = survival_table(np.append(later, [1.0] * more), np.append(kind == 1, [False] * more))
    assert [joined.value_at(day, joined.survival, 1.0) for day in later] == [
        alone.value_at(day, alone.survival, 1.0) for day in later
    ]


@EXAMPLES
@given(SUBJECTS, st.sampled_from([0.5, 2.0, 4.0]))
def test_stretching_time_stretches_quantiles_and_restricted_means(
    subjects: list[tuple[int, int, bool, int]], factor: float
) -> None:
    days, kind, exposed, stratum = columns(subjects)
    table, stretched = survival_table(days, kind == 1), survival_table(days * factor, kind == 1)
    for probability in (0.25, 0.5, 0.75):
        one = quantile_of(table.times, table.survival, probability, table.last_time)
        other = quantile_of(stretched.times, stretched.survival, probability, stretched.last_time)
        assert other == pytest.approx(one * factor, nan_ok=True)
    mean, error = restricted_mean(table, 6.0)
    assert restricted_mean(stretched, 6.0 * factor) == pytest.approx((mean * factor, error * factor))
    group = exposed.astype(np.int64)
    test = log_rank(days, kind == 1, group, 2, stratum)
    assert log_rank(days * factor, kind == 1, group, 2, stratum).chi_square == pytest.approx(
        test.chi_square, nan_ok=True
    )


@EXAMPLES
@given(SUBJECTS)
def test_log_rank_is_blind_to_labels_and_to_a_single_stratum(subjects: list[tuple[int, int, bool, int]]) -> None:
    days, kind, exposed, stratum = columns(subjects)
    group = exposed.astype(np.int64)
    one = log_rank(days, kind == 1, group, 2, stratum)
    assert log_rank(days, kind == 1, 1 - group, 2, stratum).chi_square == pytest.approx(one.chi_square, nan_ok=True)
    assert one.observed.sum() == pytest.approx(one.expected.sum())
    plain = log_rank(days, kind == 1, group, 2, np.zeros_like(stratum))
    assert log_rank(days, kind == 1, group, 2, np.full_like(stratum, 7)).chi_square == pytest.approx(
        plain.chi_square, nan_ok=True
    )


@EXAMPLES
@given(SUBJECTS)
def test_two_group_log_rank_is_the_matrix_form_with_an_empty_third_group(
    subjects: list[tuple[int, int, bool, int]],
) -> None:
    days, kind, exposed, stratum = columns(subjects)
    two = log_rank(days, kind == 1, exposed.astype(np.int64), 2, stratum)
    three = log_rank(days, kind == 1, exposed.astype(np.int64), 3, stratum)
    assert three.chi_square == pytest.approx(two.chi_square, nan_ok=True)
    assert three.degrees_of_freedom == two.degrees_of_freedom


def efron_by_hand(
    days: np.ndarray, event: np.ndarray, exposed: np.ndarray, stratum: np.ndarray, entry: np.ndarray
) -> float:
    """Coefficient that maximises Efron's partial likelihood, by bisection on its slope."""

    def slope(beta: float) -> float:
        total = 0.0
        for level in set(stratum):
            inside = stratum == level
            for time in sorted(set(days[inside & event])):
                at_risk, dying = inside & (entry < time) & (days >= time), inside & (days == time) & event
                d = int(dying.sum())
                weight = np.exp(beta * exposed)
                for step in range(d):
                    share = step / d
                    below = weight[at_risk].sum() - share * weight[dying].sum()
                    above = (weight * exposed)[at_risk].sum() - share * (weight * exposed)[dying].sum()
                    total -= above / below
                total += exposed[dying].sum()
        return total

    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def fitted(
    days: np.ndarray, event: np.ndarray, exposed: np.ndarray, stratum: np.ndarray, entry: np.ndarray | None = None
) -> CoxFit:
    return fit_cox(Subjects.of(days, event, exposed.astype(float)[:, None], stratum, entry))


@settings(max_examples=20, deadline=None)
@given(st.lists(SUBJECT, min_size=6, max_size=24))
def test_hazard_ratio_agrees_with_efron_by_hand_and_inverts_with_the_labels(
    subjects: list[tuple[int, int, bool, int]],
) -> None:
    days, kind, exposed, stratum = columns(subjects)
    found = fitted(days, kind == 1, exposed, stratum)
    assume(not found.faults[0])
    by_hand = efron_by_hand(days, kind == 1, exposed.astype(float), stratum, np.zeros_like(days))
    assert found.coefficients[0] == pytest.approx(by_hand, rel=1e-7, abs=1e-9)
    swapped = fitted(days, kind == 1, ~exposed, stratum)
    assert swapped.coefficients[0] == pytest.approx(-found.coefficients[0], rel=1e-9, abs=1e-12)
    assert swapped.std_errors == pytest.approx(found.std_errors, rel=1e-9)
    stretched = fitted(days * 4.0, kind == 1, exposed, stratum)
    assert stretched.coefficients[0] == pytest.approx(found.coefficients[0], rel=1e-9, abs=1e-12)
    one_stratum = fitted(days, kind == 1, exposed, np.full_like(stratum, 7))
    unstratified = fitted(days, kind == 1, exposed, np.zeros_like(stratum))
    assert one_stratum.faults == unstratified.faults
    assert one_stratum.coefficients == pytest.approx(unstratified.coefficients, rel=1e-9, abs=1e-12, nan_ok=True)


@EXAMPLES
@given(SUBJECTS)
def test_without_censoring_survival_is_empirical_and_the_restricted_mean_a_mean(
    subjects: list[tuple[int, int, bool, int]],
) -> None:
    days, _kind, _exposed, _stratum = columns(subjects)
    table = survival_table(days, np.ones(days.size, dtype=bool))
    assert table.survival == pytest.approx([(days > time).mean() for time in table.times], abs=1e-12)
    for tau in (1.0, 4.5, 12.0):
        assert restricted_mean(table, tau)[0] == pytest.approx(np.minimum(days, tau).mean())


@EXAMPLES
@given(SUBJECTS)
def test_follow_up_is_not_reached_where_nobody_is_censored(subjects: list[tuple[int, int, bool, int]]) -> None:
    days, _kind, _exposed, _stratum = columns(subjects)
    rows = pl.DataFrame({"days": days.astype(int), "event_type": 1, "event": True, "entry_days": None})
    found = REVERSE_KAPLAN_MEIER.estimate(
        rows.with_columns(pl.col("entry_days", "event_type").cast(pl.Int64)), None, {"days_per_month": 1}
    )
    median = found.filter(pl.col("statistic") == "median")
    assert median["value"].to_list() == [None]


@EXAMPLES
@given(SUBJECTS)
def test_incidences_and_event_free_survival_sum_to_one(subjects: list[tuple[int, int, bool, int]]) -> None:
    days, kind, _exposed, _stratum = columns(subjects)
    event, competing = (incidence_table(days, kind, cause) for cause in (1, 2))
    free = survival_table(days, kind > 0)
    assert event.incidence + competing.incidence + free.survival == pytest.approx(np.ones(event.times.size))
    assert (np.diff(event.incidence) >= 0).all()
    alone = survival_table(days, kind == 1)
    assert (event.incidence <= 1 - alone.survival + 1e-12).all()


@EXAMPLES
@given(SUBJECTS)
def test_restricted_mean_grows_with_its_horizon_and_stays_below_it(
    subjects: list[tuple[int, int, bool, int]],
) -> None:
    days, kind, _exposed, _stratum = columns(subjects)
    table = survival_table(days, kind == 1)
    means = [restricted_mean(table, tau)[0] for tau in np.linspace(0.5, table.last_time, 7)]
    assert (np.diff(means) >= -1e-12).all()
    assert all(mean <= tau + 1e-12 for mean, tau in zip(means, np.linspace(0.5, table.last_time, 7), strict=True))


@EXAMPLES
@given(st.integers(1, 60), st.data())
def test_exact_limits_mirror_and_cover(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    lower, upper = clopper_pearson(Rate(x, n), 0.95)
    mirrored = clopper_pearson(Rate(n - x, n), 0.95)
    assert lower == pytest.approx(1 - mirrored[1], abs=1e-12)
    assert lower <= x / n <= upper
    assert (lower == 0) == (x == 0)
    assert (upper == 1) == (x == n)


@EXAMPLES
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_score_limits_change_sign_with_the_labels(n1: int, n2: int, data: st.DataObject) -> None:
    one, two = Rate(data.draw(st.integers(0, n1)), n1), Rate(data.draw(st.integers(0, n2)), n2)
    estimate, lower, upper, p_value = miettinen_nurminen([(one, two)], 0.95)
    swapped = miettinen_nurminen([(two, one)], 0.95)
    assert (-swapped[0], -swapped[2], -swapped[1]) == pytest.approx((estimate, lower, upper), abs=1e-9)
    assert swapped[3] == pytest.approx(p_value)
    assert lower <= estimate <= upper
    assert (p_value < 0.05) == (lower > 0 or upper < 0)


def test_lifelines_agrees_where_it_is_exact() -> None:
    from lifelines import KaplanMeierFitter
    from lifelines.datasets import load_gbsg2, load_waltons
    from lifelines.statistics import multivariate_logrank_test

    for subjects, time, event, group in (
        (load_waltons(), "T", "E", "group"),
        (load_gbsg2(), "time", "cens", "tgrade"),
    ):
        fitted = KaplanMeierFitter().fit(subjects[time], subjects[event])
        table = survival_table(subjects[time], subjects[event])
        assert table.survival == pytest.approx(fitted.survival_function_at_times(table.times).to_numpy(), rel=1e-9)
        labels = pl.Series(subjects[group].astype(str)).rank("dense").to_numpy().astype(np.int64) - 1
        days, happened = subjects[time].to_numpy(float), subjects[event].to_numpy(bool)
        found = log_rank(days, happened, labels, int(labels.max()) + 1, np.zeros_like(labels))
        second = multivariate_logrank_test(subjects[time], subjects[group], subjects[event])
        assert found.chi_square == pytest.approx(second.test_statistic, rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.lists(SUBJECT, min_size=6, max_size=24), st.data())
def test_delayed_entry_agrees_with_efron_and_the_log_rank_by_hand(
    subjects: list[tuple[int, int, bool, int]], data: st.DataObject
) -> None:
    days, kind, exposed, stratum = columns(subjects)
    entry = np.array([data.draw(st.integers(0, int(day) - 1)) for day in days], dtype=float)
    event = kind == 1
    difference = variance = 0.0
    for level in set(stratum):
        for time in set(days[event & (stratum == level)]):
            at_risk = (stratum == level) & (entry < time) & (days >= time)
            dying = at_risk & (days == time) & event
            n, d, n1 = at_risk.sum(), dying.sum(), (at_risk & exposed).sum()
            difference += (dying & exposed).sum() - d * n1 / n
            variance += d * n1 * (n - n1) * (n - d) / (n * n * (n - 1)) if n > 1 else 0.0
    test = log_rank(days, event, exposed.astype(np.int64), 2, stratum, entry)
    by_hand = difference**2 / variance if variance > 1e-12 else float("nan")
    assert test.chi_square == pytest.approx(by_hand, nan_ok=True)
    found = fitted(days, event, exposed, stratum, entry)
    if not found.faults[0]:
        expected = efron_by_hand(days, event, exposed.astype(float), stratum, entry)
        assert found.coefficients[0] == pytest.approx(expected, rel=1e-7, abs=1e-9)
