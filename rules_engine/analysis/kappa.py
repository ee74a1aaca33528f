"""Cohen's kappa of two readings of the same things, with its standard error (Cohen 1960, 1968; Fleiss, Cohen and Everitt 1969)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.analysis.options import Numbers, normal_quantile
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How much a disagreement counts as agreement, by the distance of two categories as a share of the largest distance.
WEIGHTS = ("none", "linear", "quadratic")


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement of two readings: observed and expected by chance (weighted), kappa and its standard error; NaN where undefined.

    `reason` says why kappa is undefined; empty where it is not.
    """

    n: int
    observed: float
    expected: float
    value: float
    std_error: float
    reason: str = ""

    def limits(self, conf_level: float) -> tuple[float, float]:
        """Limits of kappa, symmetric on its own scale and within -1 and 1."""
        distance = normal_quantile(conf_level) * self.std_error
        return max(-1.0, self.value - distance), min(1.0, self.value + distance)


def kappa(counts: NDArray[np.int64], weights: str = "none") -> Kappa:
    """Kappa of a square table of counts: rows are the first reading's categories, columns the second's in the same order.

    The standard error is the one for limits (not the one under no agreement): Fleiss, Cohen and Everitt 1969, formula 13. Kappa is
    undefined where nothing was read by both, and where chance alone makes the readings agree (both use one and the same category).
    """
    n = int(counts.sum())
    if n == 0:
        return Kappa(0, np.nan, np.nan, np.nan, np.nan, "nothing was read by both")
    shares: Numbers = counts / n
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    weight = agreement_weights(len(counts), weights)
    observed = float((weight * shares).sum())
    expected = float(first @ weight @ second)
    if np.isclose(expected, 1.0, rtol=0, atol=1e-12):
        return Kappa(n, observed, expected, np.nan, np.nan, "both readings always say the same one thing")
    value = (observed - expected) / (1 - expected)
    by_first, by_second = weight @ second, first @ weight
    spread = weight * (1 - expected) - (by_first[:, None] + by_second[None, :]) * (1 - observed)
    centre = observed * expected - 2 * expected + observed
    variance = ((shares * spread**2).sum() - centre**2) / (n * (1 - expected) ** 4)
    return Kappa(n, observed, expected, float(value), float(np.sqrt(max(variance, 0.0))))


def agreement_weights(size: int, kind: str) -> Numbers:
    """How much each pair of categories agrees: 1 on the diagonal, less away from it (`none`: 0 everywhere else)."""
    places = np.arange(size)
    distance = np.abs(places[:, None] - places[None, :]) / max(size - 1, 1)
    weights: Numbers = np.eye(size)
    if kind == "linear":
        weights = 1.0 - distance
    elif kind == "quadratic":
        weights = 1.0 - distance**2
    return weights
