"""Rates of responders and their differences: exact and score limits.

References: Clopper and Pearson 1934; Wilson 1927; Miettinen and Nurminen 1985; Newcombe 1998 (method 10);
Cochran 1954 and Mantel and Haenszel 1959.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import acos, copysign, cos, isnan, nan, pi, sqrt
from statistics import NormalDist

from rules_engine.analysis.options import normal_quantile
from rules_engine.numerics import scipy


@dataclass(frozen=True)
class Rate:
    """`responders` of `n` subjects."""

    responders: int
    n: int

    @property
    def value(self) -> float:
        """The observed rate; NaN without subjects."""
        return self.responders / self.n if self.n else nan


def clopper_pearson(rate: Rate, conf_level: float) -> tuple[float, float]:
    """Exact binomial limits; (NaN, NaN) without subjects."""
    if not rate.n:
        return nan, nan
    tail = (1 - conf_level) / 2
    x, n = rate.responders, rate.n
    lower = 0.0 if x == 0 else float(scipy.special.betaincinv(x, n - x + 1, tail))
    # By symmetry, so that lower(x, n) = 1 - upper(n - x, n) holds to the last digit.
    upper = 1.0 if x == n else 1.0 - float(scipy.special.betaincinv(n - x, x + 1, tail))
    return lower, upper


def wilson(rate: Rate, conf_level: float) -> tuple[float, float]:
    """Score limits of one rate, without continuity correction; (NaN, NaN) without subjects."""
    if not rate.n:
        return nan, nan
    z2 = normal_quantile(conf_level) ** 2
    p, n = rate.value, rate.n
    centre = p + z2 / (2 * n)
    half = sqrt(z2) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    lower = 0.0 if rate.responders == 0 else (centre - half) / (1 + z2 / n)
    upper = 1.0 if rate.responders == n else (centre + half) / (1 + z2 / n)
    return lower, upper


def newcombe(rate: Rate, reference: Rate, conf_level: float) -> tuple[float, float]:
    """Limits of the difference rate - reference from the two Wilson intervals (square-and-add)."""
    if not (rate.n and reference.n):
        return nan, nan
    (l1, u1), (l2, u2) = wilson(rate, conf_level), wilson(reference, conf_level)
    p1, p2 = rate.value, reference.value
    difference = p1 - p2
    return difference - sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), difference + sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)


def miettinen_nurminen(pairs: Sequence[tuple[Rate, Rate]], conf_level: float) -> tuple[float, float, float, float]:
    """The difference of two rates by the score method: (estimate, lower, upper, p value of no difference).

    One pair (rate, reference) per stratum; several strata are weighed by Cochran and Mantel-Haenszel, n1 n2 / (n1 +
    n2). The variance is that of the rates restricted to the difference under test, times N / (N - 1). Strata in which
    a side has no subjects say nothing of the difference; with none left all four are NaN.
    """
    informative = [(one, two) for one, two in pairs if one.n and two.n]
    if not informative:
        return nan, nan, nan, nan
    weights = [one.n * two.n / (one.n + two.n) for one, two in informative]
    total = sum(weights)
    differences = [one.value - two.value for one, two in informative]
    estimate = sum(w * d for w, d in zip(weights, differences, strict=True)) / total

    def score(delta: float) -> float:
        variance = sum(
            (w / total) ** 2 * _restricted_variance(one, two, delta)
            for w, (one, two) in zip(weights, informative, strict=True)
        )
        distance = estimate - delta
        if variance <= 0:
            return 0.0 if distance == 0 else copysign(float("inf"), distance)
        return distance / sqrt(variance)

    z = normal_quantile(conf_level)
    p_value = 2 * NormalDist().cdf(-abs(score(0.0)))
    return estimate, _root(score, z, -1.0, estimate), _root(score, -z, estimate, 1.0), p_value


def _root(score: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where the falling score takes the wanted value; the end of the range when it does not inside it."""
    # Imported where it is used: most runs solve nothing.
    from scipy.optimize import brentq

    def distance(delta: float) -> float:
        return float(max(min(score(delta), 1e6), -1e6)) - wanted

    at_low, at_high = distance(low), distance(high)
    if at_low <= 0:
        return low
    if at_high >= 0:
        return high
    return float(brentq(distance, low, high, xtol=1e-13, rtol=1e-13, maxiter=500))


def _restricted_variance(one: Rate, two: Rate, delta: float) -> float:
    """Variance of the difference when the rates are restricted to differ by `delta` (closed form of the cubic)."""
    p1, p2 = _restricted_rates(one, two, delta)
    n = one.n + two.n
    if n <= 1:
        return nan
    return (p1 * (1 - p1) / one.n + p2 * (1 - p2) / two.n) * n / (n - 1)


def _restricted_rates(one: Rate, two: Rate, delta: float) -> tuple[float, float]:
    """The most likely pair of rates that differ by exactly `delta` (Miettinen and Nurminen 1985, appendix)."""
    n1, n2, x1, x2 = one.n, two.n, one.responders, two.responders
    n, x = n1 + n2, x1 + x2
    l3 = n
    l2 = (n1 + 2 * n2) * delta - n - x
    l1 = (n2 * delta - n - 2 * x2) * delta + x
    l0 = x2 * delta * (1 - delta)
    q = l2**3 / (3 * l3) ** 3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
    square = l2**2 / (3 * l3) ** 2 - l1 / (3 * l3)
    p = copysign(sqrt(max(square, 0.0)), q)
    if p == 0:
        p2 = -l2 / (3 * l3)
    else:
        ratio = max(-1.0, min(1.0, q / p**3))
        p2 = 2 * p * cos((pi + acos(ratio)) / 3) - l2 / (3 * l3)
    p2 = max(0.0, -delta, min(1.0, 1.0 - delta, p2))
    return max(0.0, min(1.0, p2 + delta)), p2


def breslow_day(pairs: Sequence[tuple[Rate, Rate]]) -> tuple[float, int]:
    """Is the odds ratio the same in all strata? Chi-square with Tarone's correction, and its degrees of freedom.

    One pair (rate, reference) per stratum (Breslow and Day 1980, section 4.4; Tarone 1985). The expected number of responders
    is the one at which a stratum has the common odds ratio of Mantel and Haenszel. Strata without a subject on a side, or
    in which everybody or nobody responds, say nothing of it. NaN where fewer than two are left, or where there is no common
    odds ratio above 0.
    """
    tables = [
        (one, two) for one, two in pairs if one.n and two.n and 0 < one.responders + two.responders < one.n + two.n
    ]
    for_it = sum(one.responders * (two.n - two.responders) / (one.n + two.n) for one, two in tables)
    against = sum(two.responders * (one.n - one.responders) / (one.n + two.n) for one, two in tables)
    if len(tables) < 2 or not for_it or not against:
        return nan, max(len(tables) - 1, 0)
    ratio = for_it / against
    statistic = distance = total = 0.0
    for one, two in tables:
        responders = one.responders + two.responders
        expected = _responders_at(ratio, one.n, two.n, responders)
        cells = (expected, responders - expected, one.n - expected, two.n - responders + expected)
        variance = 1 / sum(1 / cell for cell in cells)
        statistic += (one.responders - expected) ** 2 / variance
        distance += one.responders - expected
        total += variance
    return statistic - distance**2 / total, len(tables) - 1


def _responders_at(ratio: float, n1: int, n2: int, responders: int) -> float:
    """Responders of the first group at which the odds ratio is `ratio`, all margins as they are: the root of a quadratic."""
    if ratio == 1:
        return n1 * responders / (n1 + n2)
    a, b, c = 1 - ratio, n2 - responders + ratio * (n1 + responders), -ratio * n1 * responders
    # Of the two roots the one between the bounds; in the form in which nothing cancels.
    root = sqrt(b * b - 4 * a * c)
    return -2 * c / (b + root) if b >= 0 else (root - b) / (2 * a)


def cochran_mantel_haenszel(pairs: Sequence[tuple[Rate, Rate]]) -> float:
    """P value of no association over strata, two-sided, no continuity correction; NaN where there is none."""
    observed = expected = variance = 0.0
    for one, two in pairs:
        n, x = one.n + two.n, one.responders + two.responders
        if n < 2:  # a stratum of one subject has no variance
            continue
        observed += one.responders
        expected += one.n * x / n
        variance += one.n * two.n * x * (n - x) / (n * n * (n - 1))
    if variance <= 0 or isnan(variance):
        return nan
    return float(scipy.special.chdtrc(1, (observed - expected) ** 2 / variance))
