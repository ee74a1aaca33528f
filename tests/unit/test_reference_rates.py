"""Rates, their differences and their tests against R and against published intervals.

Values of R stand in tests/data/survival/reference.csv; reference.R beside it made them (R 4.2.2):

    binom.test(x, n)$conf.int                          Clopper-Pearson
    prop.test(x, n, correct = FALSE)$conf.int          Wilson
    mantelhaen.test(UCBAdmissions, correct = FALSE)    Cochran-Mantel-Haenszel
    mn(x1, n1, x2, n2)                                 Miettinen and Nurminen, straight from the definition: the
                                                       restricted rates by numerical search, the limits by uniroot
"""

from __future__ import annotations

import math

import polars as pl
import pytest
from rules_engine.analysis.proportions import (
    Rate,
    breslow_day,
    clopper_pearson,
    cochran_mantel_haenszel,
    miettinen_nurminen,
    newcombe,
    wilson,
)
from scipy.optimize import brentq
from scipy.stats import chi2

from rules_engine_plugins import estimators
from tests.reference import reference


@pytest.mark.parametrize("conf_level", [0.9, 0.95])
@pytest.mark.parametrize(("responders", "n"), [(0, 10), (1, 29), (15, 148), (81, 263), (10, 10), (37, 40)])
def test_limits_of_a_rate(responders: int, n: int, conf_level: float) -> None:
    case = f"rate {responders} {n} {conf_level:g}"
    for name, limits in (("exact", clopper_pearson), ("wilson", wilson)):
        expected = (reference(case, f"{name} lower"), reference(case, f"{name} upper"))
        assert limits(Rate(responders, n), conf_level) == pytest.approx(expected, rel=1e-8, abs=1e-15)


@pytest.mark.parametrize(
    ("one", "two"),
    [((56, 70), (48, 80)), ((9, 10), (3, 10)), ((5, 56), (0, 29)), ((10, 10), (0, 20)), ((7, 9), (2, 5))],
)
def test_score_limits_of_a_difference(one: tuple[int, int], two: tuple[int, int]) -> None:
    case = f"mn {one[0]}/{one[1]} {two[0]}/{two[1]}"
    expected = [reference(case, name) for name in ("difference", "lower", "upper", "p_value")]
    assert miettinen_nurminen([(Rate(*one), Rate(*two))], 0.95) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_stratified_differences_and_the_mantel_haenszel_test() -> None:
    # Admissions at Berkeley (Bickel et al. 1975): men against women over six departments.
    def rate(sex: str, department: int) -> Rate:
        admitted, n = (reference("berkeley", f"{sex} {department} {what}") or 0 for what in ("admitted", "n"))
        return Rate(int(admitted), int(n))

    pairs = [(rate("Male", department), rate("Female", department)) for department in range(1, 7)]
    expected = [reference("mn berkeley", name) for name in ("difference", "lower", "upper", "p_value")]
    assert miettinen_nurminen(pairs, 0.95) == pytest.approx(expected, rel=1e-6)
    assert cochran_mantel_haenszel(pairs) == pytest.approx(reference("cmh berkeley", "p_value"), rel=1e-8)


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


def test_breslow_and_day_agree_with_the_published_example() -> None:
    # SAS/STAT, PROC FREQ, example "Cochran-Mantel-Haenszel Statistics": migraine, better after the active drug or placebo, by sex.
    pairs = [(Rate(16, 27), Rate(5, 25)), (Rate(12, 28), Rate(7, 26))]
    common = (16 * 20 / 52 + 12 * 19 / 54) / (5 * 11 / 52 + 7 * 16 / 54)
    plain = distances = variances = 0.0
    for one, two in pairs:
        responders = one.responders + two.responders

        def off(x: float, one: Rate = one, two: Rate = two, responders: int = responders) -> float:
            return x * (two.n - responders + x) - common * (one.n - x) * (responders - x)

        expected = brentq(off, 0, min(one.n, responders), xtol=1e-13)
        cells = (expected, responders - expected, one.n - expected, two.n - responders + expected)
        variance = 1 / sum(1 / cell for cell in cells)
        plain += (one.responders - expected) ** 2 / variance
        distances, variances = distances + one.responders - expected, variances + variance
    assert round(plain, 4) == 1.4929  # as published, without Tarone's correction
    assert breslow_day(pairs) == (pytest.approx(plain - distances**2 / variances, rel=1e-10), 1)


def test_breslow_and_day_are_the_same_whichever_group_and_answer_comes_first() -> None:
    pairs = [(Rate(16, 27), Rate(5, 25)), (Rate(12, 28), Rate(7, 26)), (Rate(3, 40), Rate(9, 33))]
    chi_square, freedom = breslow_day(pairs)
    swapped = [(two, one) for one, two in pairs]
    others = [(Rate(one.n - one.responders, one.n), Rate(two.n - two.responders, two.n)) for one, two in pairs]
    for again in (swapped, others, pairs[::-1]):
        assert breslow_day(again) == (pytest.approx(chi_square, rel=1e-10), freedom)


def test_breslow_and_day_find_nothing_where_the_odds_ratios_are_equal() -> None:
    # Odds 4 against 1 in both strata.
    assert breslow_day([(Rate(80, 100), Rate(50, 100)), (Rate(8, 10), Rate(5, 10))]) == (
        pytest.approx(0.0, abs=1e-12),
        1,
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [(Rate(3, 10), Rate(2, 10))],
        [(Rate(3, 10), Rate(2, 10)), (Rate(0, 0), Rate(2, 10))],
        [(Rate(3, 10), Rate(2, 10)), (Rate(0, 5), Rate(0, 10))],
        [(Rate(0, 10), Rate(2, 10)), (Rate(0, 5), Rate(1, 10))],
    ],
)
def test_breslow_and_day_say_nothing_without_two_odds_ratios(pairs: list[tuple[Rate, Rate]]) -> None:
    assert math.isnan(breslow_day(pairs)[0])


def test_rates_in_subgroups_come_with_the_test_of_interaction() -> None:
    counts = [("active", "F", 16, 27), ("placebo", "F", 5, 25), ("active", "M", 12, 28), ("placebo", "M", 7, 26)]
    rows = pl.DataFrame(
        [
            {"arm": arm, "sex": sex, "responder": number < better}
            for arm, sex, better, n in counts
            for number in range(n)
        ]
    )
    estimator = next(one for one in estimators.rules_engine_estimators() if one.id == "proportion_difference")
    assert estimator.interaction is not None
    found = estimator.interaction(rows, "arm", "sex", {"reference_group": "placebo"})
    chi_square, freedom = breslow_day([(Rate(16, 27), Rate(5, 25)), (Rate(12, 28), Rate(7, 26))])
    told = {row["statistic"]: row for row in found.to_dicts()}
    assert told["chi_square"]["value"] == pytest.approx(chi_square)
    assert told["degrees_of_freedom"]["value"] == freedom
    assert told["p_value"]["value"] == pytest.approx(chi2.sf(chi_square, freedom))
    assert {row["n"] for row in told.values()} == {106}
    one_level = estimator.interaction(rows.filter(pl.col("sex") == "F"), "arm", "sex", {"reference_group": "placebo"})
    assert one_level["value"].null_count() == one_level.height == 3
    assert set(one_level["note"]) == {"fewer than two levels tell of an odds ratio"}
