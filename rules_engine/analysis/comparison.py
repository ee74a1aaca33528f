"""Comparisons of survival between groups: the log-rank test and the Cox model.

References: Mantel 1966; Peto and Peto 1972; Cox 1972; Efron 1977 (ties).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rules_engine.analysis.options import Flags, Numbers, normal_quantile
from rules_engine.analysis.survival import at_risk_at


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
    return LogRank(observed, expected, chi_square, freedom, float(special.chdtrc(freedom, chi_square)))


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


@dataclass(frozen=True)
class HazardRatio:
    """A hazard ratio with Wald limits; all NaN, and `note` says why, where the data do not determine it."""

    ratio: float
    lower: float
    upper: float
    coefficient: float
    std_error: float
    p_value: float
    note: str | None = None


def hazard_ratio(
    days: Numbers,
    event: Flags,
    exposed: Flags,
    stratum: NDArray[np.int64],
    conf_level: float,
    entry: Numbers | None = None,
) -> HazardRatio:
    """Hazard of the exposed over that of the others: Cox model, Efron's ties, stratified, Wald limits."""
    reason = _why_not_finite(days, event, exposed, stratum, entry)
    if reason is None:
        fitted = _fit_cox(days, event, exposed, stratum, entry)
        if fitted is not None:
            coefficient, error = fitted
            width = normal_quantile(conf_level) * error
            return HazardRatio(
                ratio=float(np.exp(coefficient)),
                lower=float(np.exp(coefficient - width)),
                upper=float(np.exp(coefficient + width)),
                coefficient=coefficient,
                std_error=error,
                p_value=float(2 * special.ndtr(-abs(coefficient) / error)),
            )
        reason = "the model did not converge"
    nothing = float("nan")
    return HazardRatio(nothing, nothing, nothing, nothing, nothing, nothing, reason)


def _why_not_finite(
    days: Numbers, event: Flags, exposed: Flags, stratum: NDArray[np.int64], entry: Numbers | None
) -> str | None:
    """The reason why the likelihood has no finite maximum, or None.

    Only event times at which both sides are at risk inform the ratio; if all of their events are on one side, the ratio
    is 0 or infinite.
    """
    if not exposed.any() or exposed.all():
        return "one of the two groups has no subjects"
    if not event.any():
        return "no events"
    deaths = np.zeros(2)
    for level in np.unique(stratum):
        inside = stratum == level
        terms = _deaths_with_both_at_risk(
            days[inside], event[inside], exposed[inside], None if entry is None else entry[inside]
        )
        deaths += terms
    if not deaths.any():
        return "at no event time were both groups at risk"
    if deaths[0] == 0:
        return "the hazard ratio is infinite: no event in the reference group while both were at risk"
    if deaths[1] == 0:
        return "the hazard ratio is zero: no event in the group while both were at risk"
    return None


def _deaths_with_both_at_risk(days: Numbers, event: Flags, exposed: Flags, entry: Numbers | None) -> Numbers:
    """Events (reference, exposed) at the times when both sides are at risk."""
    times, row = np.unique(days[event], return_inverse=True)
    both = np.ones(times.size, dtype=bool)
    for side in (~exposed, exposed):
        both &= at_risk_at(times, days[side], None if entry is None else entry[side]) > 0
    counted = both[row]
    side_of_event = exposed[event]
    return np.array([(counted & ~side_of_event).sum(), (counted & side_of_event).sum()], dtype=float)


def _fit_cox(
    days: Numbers, event: Flags, exposed: Flags, stratum: NDArray[np.int64], entry: Numbers | None
) -> tuple[float, float] | None:
    """Coefficient and standard error of the one covariate, fitted by lifelines; None where it does not converge."""
    # Imported where it is used: it takes seconds, and most runs need no Cox model.
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    subjects = pd.DataFrame(
        {"days": days, "event": event.astype(int), "exposed": exposed.astype(float), "stratum": stratum}
    )
    if entry is not None:
        subjects["entry"] = entry
    model = CoxPHFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(
                subjects,
                duration_col="days",
                event_col="event",
                entry_col=None if entry is None else "entry",
                strata=["stratum"],
                formula="exposed",
                fit_options={"precision": 1e-12},
            )
        except (ConvergenceError, np.linalg.LinAlgError):
            return None
    coefficient = float(model.params_["exposed"])
    error = float(model.standard_errors_["exposed"])
    return (coefficient, error) if np.isfinite(coefficient) and np.isfinite(error) and error > 0 else None
