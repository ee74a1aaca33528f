"""Estimates against published numbers: R's `survival` on its classic data, papers on intervals for rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from rules_engine.analysis.proportions import Rate, clopper_pearson, miettinen_nurminen, newcombe, wilson

from rules_engine_plugins import estimators

# Acute myelogenous leukaemia (Miller 1997, p. 49), `survival::aml`: weeks, event.
MAINTAINED = [(9, 1), (13, 1), (13, 0), (18, 1), (23, 1), (28, 0), (31, 1), (34, 1), (45, 0), (48, 1), (161, 0)]
NOT_MAINTAINED = [
    (5, 1), (5, 1), (8, 1), (8, 1), (12, 1), (16, 0), (23, 1), (27, 1), (30, 1), (33, 1), (43, 1), (45, 1),
]  # fmt: skip
# Ovarian cancer (Edmonson 1979), `survival::ovarian`: days, event, per treatment, with residual disease (1 no, 2 yes).
OVARIAN = {
    "1": [
        (59, 1, 2), (115, 1, 2), (156, 1, 2), (431, 1, 2), (448, 0, 1), (477, 0, 2), (638, 1, 1), (803, 0, 1),
        (855, 0, 1), (1040, 0, 2), (1106, 0, 1), (268, 1, 2), (329, 1, 2),
    ],
    "2": [
        (421, 0, 2), (464, 1, 2), (475, 1, 2), (563, 1, 1), (744, 0, 1), (769, 0, 2), (770, 0, 2), (1129, 0, 1),
        (1206, 0, 2), (1227, 0, 1), (353, 1, 1), (365, 1, 2), (377, 0, 1),
    ],
}  # fmt: skip


def endpoint_rows(times: list[tuple[int, int]], **columns: Any) -> pl.DataFrame:
    """Rows of a time-to-event endpoint from (days, event) pairs."""
    return pl.DataFrame(
        {"days": [day for day, _ in times], "event": [bool(event) for _, event in times], **columns},
        schema_overrides={"days": pl.Int64, "event": pl.Boolean},
    ).with_columns(event_type=pl.col("event").cast(pl.Int64), entry_days=pl.lit(None, pl.Int64))


def value(estimates: pl.DataFrame, statistic: str, **where: str) -> float | None:
    """The one number of a statistic at a group, variable or level."""
    found = estimates.filter(pl.col("statistic") == statistic, *(pl.col(key) == text for key, text in where.items()))
    number: float | None = found["value"].item()
    return number


@pytest.fixture(scope="module")
def aml() -> pl.DataFrame:
    arm = ["maintained"] * len(MAINTAINED) + ["not"] * len(NOT_MAINTAINED)
    return endpoint_rows(MAINTAINED + NOT_MAINTAINED, arm=arm)


@pytest.fixture(scope="module")
def ovarian() -> pl.DataFrame:
    subjects = [(day, event, rx, residual) for rx, rows in OVARIAN.items() for day, event, residual in rows]
    return endpoint_rows(
        [(day, event) for day, event, _rx, _residual in subjects],
        rx=[rx for _day, _event, rx, _residual in subjects],
        residual=[residual for *_rest, residual in subjects],
    )


@pytest.fixture(scope="module")
def lung() -> pl.DataFrame:
    from lifelines.datasets import load_lung  # the North Central Cancer Treatment Group data (Loprinzi 1994)

    subjects = load_lung()
    times = list(zip(subjects["time"].astype(int), subjects["status"].astype(int), strict=True))
    return endpoint_rows(times, sex=[str(sex) for sex in subjects["sex"]])


IN_DAYS = {"conf_type": "log", "days_per_month": 1}


def test_survival_of_maintained_patients_step_by_step(aml: pl.DataFrame) -> None:
    # summary(survfit(Surv(time, status) ~ x, aml)), printed to three digits.
    times = [9, 13, 18, 23, 31, 34, 48]
    estimates = estimators.KAPLAN_MEIER.estimate(aml, "arm", {**IN_DAYS, "landmarks_months": times})
    survival = [0.909, 0.818, 0.716, 0.614, 0.491, 0.368, 0.184]
    errors = [0.0867, 0.1163, 0.1397, 0.1526, 0.1642, 0.1627, 0.1535]
    lower = [0.7541, 0.6192, 0.4884, 0.3769, 0.2549, 0.1549, 0.0359]
    for time, one, error, low in zip(times, survival, errors, lower, strict=True):
        where = {"group": "maintained", "variable": "time", "level": str(time)}
        assert value(estimates, "survival", **where) == pytest.approx(one, abs=5e-4)
        assert value(estimates, "std_error", **where) == pytest.approx(error, abs=5e-5)
        assert value(estimates, "lower", **where) == pytest.approx(low, abs=5e-5)


def test_medians_of_the_aml_data(aml: pl.DataFrame) -> None:
    # print(survfit(...)): 11 subjects, 7 events, median 31 (18, NA); 12, 11, 23 (8, NA).
    estimates = estimators.KAPLAN_MEIER.estimate(aml, "arm", IN_DAYS)
    for group, n, events, median, lower in (("maintained", 11, 7, 31, 18), ("not", 12, 11, 23, 8)):
        assert value(estimates, "n", group=group) == n
        assert value(estimates, "events", group=group) == events
        assert value(estimates, "median", group=group) == median
        assert value(estimates, "lower", group=group, level="0.5") == lower
        assert value(estimates, "upper", group=group, level="0.5") is None


def test_medians_of_the_ovarian_data(ovarian: pl.DataFrame) -> None:
    # print(survfit(Surv(futime, fustat) ~ rx, ovarian)): 638 (268, NA); NA (475, NA).
    estimates = estimators.KAPLAN_MEIER.estimate(ovarian, "rx", IN_DAYS)
    assert value(estimates, "median", group="1") == 638
    assert value(estimates, "lower", group="1", level="0.5") == 268
    assert value(estimates, "median", group="2") is None
    assert value(estimates, "lower", group="2", level="0.5") == 475


def test_medians_of_the_lung_data(lung: pl.DataFrame) -> None:
    # survfit(Surv(time, status) ~ 1, lung): 310 (285, 363); by sex 270 (212, 310) and 426 (348, 550).
    everyone = estimators.KAPLAN_MEIER.estimate(lung, None, {**IN_DAYS, "landmarks_months": [365]})
    assert [value(everyone, name, level="0.5") for name in ("median", "lower", "upper")] == [310, 285, 363]
    # summary(fit, times = 365): 0.409, standard error 0.0358, limits 0.345 and 0.486, 65 at risk.
    at_a_year = [value(everyone, name, level="365") for name in ("survival", "std_error", "lower", "upper", "at_risk")]
    assert at_a_year == pytest.approx([0.409, 0.0358, 0.345, 0.486, 65], abs=5e-4)
    by_sex = estimators.KAPLAN_MEIER.estimate(lung, "sex", IN_DAYS)
    found = [
        [value(by_sex, name, group=sex, level="0.5") for name in ("median", "lower", "upper")] for sex in ("1", "2")
    ]
    assert found == [[270, 212, 310], [426, 348, 550]]


def test_log_rank_on_the_classic_data(lung: pl.DataFrame, aml: pl.DataFrame, ovarian: pl.DataFrame) -> None:
    # survdiff: lung by sex 10.3 (expected 91.6, 73.4), p 0.00131; aml 3.4, p 0.0653; ovarian 1.1, p 0.303.
    by_sex = estimators.LOG_RANK.estimate(lung, "sex", {})
    assert value(by_sex, "expected", group="1") == pytest.approx(91.6, abs=0.05)
    assert value(by_sex, "chi_square") == pytest.approx(10.3, abs=0.05)
    assert value(by_sex, "p_value") == pytest.approx(0.00131, abs=5e-6)
    assert value(estimators.LOG_RANK.estimate(aml, "arm", {}), "p_value") == pytest.approx(0.0653, abs=5e-5)
    assert value(estimators.LOG_RANK.estimate(ovarian, "rx", {}), "p_value") == pytest.approx(0.303, abs=5e-4)


def test_stratified_log_rank_of_the_ovarian_data(ovarian: pl.DataFrame) -> None:
    # survdiff(Surv(futime, fustat) ~ rx + strata(resid.ds), ovarian), by the definition below.
    stratified = estimators.LOG_RANK.estimate(ovarian, "rx", {"strata": ["residual"]})
    assert value(stratified, "chi_square") == pytest.approx(_slow_stratified_log_rank(ovarian), rel=1e-12)


def _slow_stratified_log_rank(rows: pl.DataFrame) -> float:
    """Observed minus expected and hypergeometric variance, subject by subject."""
    difference = variance = 0.0
    for residual in (1, 2):
        subjects = [row for row in rows.iter_rows(named=True) if row["residual"] == residual]
        for time in sorted({row["days"] for row in subjects if row["event"]}):
            at_risk = [row for row in subjects if row["days"] >= time]
            dying = [row for row in at_risk if row["days"] == time and row["event"]]
            n, d, n1 = len(at_risk), len(dying), sum(row["rx"] == "1" for row in at_risk)
            difference += sum(row["rx"] == "1" for row in dying) - d * n1 / n
            variance += d * n1 * (n - n1) * (n - d) / (n * n * (n - 1)) if n > 1 else 0.0
    return difference**2 / variance


def test_cox_on_the_classic_data(lung: pl.DataFrame, aml: pl.DataFrame, ovarian: pl.DataFrame) -> None:
    # coxph: lung sex -0.5310 (0.1672); aml 0.9155 (0.5119); ovarian rx -0.5964 (0.5870).
    for rows, group, reference, coefficient, error in (
        (lung, "sex", "1", -0.5310, 0.1672),
        (aml, "arm", "maintained", 0.9155, 0.5119),
        (ovarian, "rx", "1", -0.5964, 0.5870),
    ):
        estimates = estimators.COX.estimate(rows, group, {"reference_group": reference})
        assert value(estimates, "coefficient") == pytest.approx(coefficient, abs=5e-5)
        assert value(estimates, "std_error") == pytest.approx(error, abs=5e-5)


def test_restricted_mean_without_censoring_is_the_mean_of_the_shortened_times() -> None:
    # And its standard error is the population standard deviation over the square root of n.
    times = [2, 4, 4, 7, 9, 12]
    rows = endpoint_rows([(time, 1) for time in times])
    estimates = estimators.RMST.estimate(rows, None, {"tau_months": [8], "days_per_month": 1})
    shortened = np.minimum(times, 8)
    assert value(estimates, "restricted_mean") == pytest.approx(shortened.mean(), rel=1e-14)
    assert value(estimates, "std_error") == pytest.approx(shortened.std() / np.sqrt(6), rel=1e-12)


# Newcombe 1998, Statistics in Medicine 17:873, Table II: methods 6 (Miettinen-Nurminen) and 10 (square-and-add Wilson).
@pytest.mark.parametrize(
    ("one", "two", "score", "square_and_add"),
    [
        ((56, 70), (48, 80), (0.0528, 0.3382), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1700, 0.8406), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0326, 0.1933), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1658, 0.2844), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2879, 0.2879), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.7156, 1.0000), (0.6791, 1.0000)),
        ((10, 10), (0, 10), (0.6636, 1.0000), (0.6075, 1.0000)),
    ],
)
def test_limits_of_a_difference_as_published(
    one: tuple[int, int], two: tuple[int, int], score: tuple[float, float], square_and_add: tuple[float, float]
) -> None:
    assert miettinen_nurminen([(Rate(*one), Rate(*two))], 0.95)[1:3] == pytest.approx(score, abs=6e-5)
    assert newcombe(Rate(*one), Rate(*two), 0.95) == pytest.approx(square_and_add, abs=6e-5)


# Newcombe 1998, Statistics in Medicine 17:857, Table I: methods 3 (Wilson) and 5 (Clopper-Pearson).
@pytest.mark.parametrize(
    ("responders", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_limits_of_a_rate_as_published(
    responders: int, n: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    assert wilson(Rate(responders, n), 0.95) == pytest.approx(score, abs=6e-5)
    assert clopper_pearson(Rate(responders, n), 0.95) == pytest.approx(exact, abs=6e-5)
