"""Rates, their differences and their tests against R and against published intervals.

Values of R stand in tests/data/survival/reference.csv; reference.R beside it made them (R 4.2.2):

    binom.test(x, n)$conf.int                          Clopper-Pearson
    prop.test(x, n, correct = FALSE)$conf.int          Wilson
    mantelhaen.test(UCBAdmissions, correct = FALSE)    Cochran-Mantel-Haenszel
    mn(x1, n1, x2, n2)                                 Miettinen and Nurminen, straight from the definition: the
                                                       restricted rates by numerical search, the limits by uniroot
"""

from __future__ import annotations

import pytest
from rules_engine.analysis.proportions import (
    Rate,
    clopper_pearson,
    cochran_mantel_haenszel,
    miettinen_nurminen,
    newcombe,
    wilson,
)

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
