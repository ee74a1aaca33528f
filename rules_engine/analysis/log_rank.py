"""The log-rank test, plain and stratified (Mantel 1966; Peto and Peto 1972)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.analysis.options import Flags, Numbers
from rules_engine.analysis.risk_sets import at_risk_at
from rules_engine.numerics import np, scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LogRank:
    """A log-rank test: events observed and expected per group, and the test itself (NaN where it cannot be made)."""

    observed: Numbers
    expected: Numbers
    chi_square: float
    degrees_of_freedom: int
    p_value: float


def log_rank(
    days: Numbers,
    event: Flags,
    group: NDArray[np.int64],
    groups: int,
    stratum: NDArray[np.int64],
    entry: Numbers | None = None,
) -> LogRank:
    """Compare `groups` groups; observed minus expected and the hypergeometric variance are summed over strata."""
    observed, expected = np.zeros(groups), np.zeros(groups)
    variance = np.zeros((groups, groups))
    for level in np.unique(stratum):
        inside = stratum == level
        one = _stratum_terms(
            days[inside], event[inside], group[inside], groups, None if entry is None else entry[inside]
        )
        observed, expected, variance = observed + one[0], expected + one[1], variance + one[2]
    # A group that was never at risk beside another one carries no information.
    informative = np.flatnonzero(np.diag(variance) > 0)
    freedom = max(len(informative) - 1, 0)
    if not freedom:
        return LogRank(observed, expected, float("nan"), 0, float("nan"))
    kept = informative[:-1]
    difference = (observed - expected)[kept]
    chi_square = float(difference @ np.linalg.pinv(variance[np.ix_(kept, kept)], hermitian=True) @ difference)
    return LogRank(observed, expected, chi_square, freedom, float(scipy.special.chdtrc(freedom, chi_square)))


def _stratum_terms(
    days: Numbers, event: Flags, group: NDArray[np.int64], groups: int, entry: Numbers | None
) -> tuple[Numbers, Numbers, Numbers]:
    """Observed and expected events and the variance matrix of one stratum."""
    times, row = np.unique(days[event], return_inverse=True)
    deaths = np.zeros((groups, times.size))
    np.add.at(deaths, (group[event], row), 1.0)
    members = [group == number for number in range(groups)]
    at_risk = np.array(
        [at_risk_at(times, days[member], None if entry is None else entry[member]) for member in members]
    ).reshape(groups, times.size)
    died, n = deaths.sum(axis=0), at_risk.sum(axis=0)
    share = at_risk / n
    expected = (share * died).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(n > 1, died * (n - died) / (n - 1), 0.0)
    variance = np.diag((share * factor).sum(axis=1)) - (share * factor) @ share.T
    # Rounding must not make information out of a group that was alone at every event.
    variance[np.abs(variance) < np.finfo(float).eps * max(died.sum(), 1.0)] = 0.0
    return deaths.sum(axis=1), expected, variance
