"""The hazard ratio of two groups by the Cox model (Cox 1972), ties by Efron (1977)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rules_engine.analysis.options import Flags, Numbers, normal_quantile
from rules_engine.analysis.risk_sets import at_risk_at


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
