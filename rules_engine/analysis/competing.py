"""Cumulative incidence with a competing event (Aalen and Johansen 1978). Times are in days; ties are exact.

Variance: the Greenwood-type delta formula (Marubini and Valsecchi 1995 §10.2), which becomes Greenwood's own where
nothing competes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.analysis.options import Numbers
from rules_engine.analysis.risk_sets import at_risk_at
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: Values of `event_type`.
CENSORED, OF_INTEREST, COMPETING = 0, 1, 2


@dataclass(frozen=True)
class IncidenceTable:
    """One row per distinct time, ascending: the incidence of one cause and its variance."""

    times: Numbers
    at_risk: Numbers
    incidence: Numbers
    variance: Numbers

    @property
    def last_time(self) -> float:
        """The longest observed time; NaN without subjects."""
        return float(self.times[-1]) if self.times.size else float("nan")


def incidence_table(
    days: ArrayLike, event_type: ArrayLike, cause: int, entry: ArrayLike | None = None
) -> IncidenceTable:
    """The Aalen–Johansen estimate for `cause` among subjects with a time and an event type (0 censored, 1, 2)."""
    leaving: Numbers = np.asarray(days, dtype=np.float64)
    kind = np.asarray(event_type)
    times, row = np.unique(leaving, return_inverse=True)
    any_event = np.bincount(row, weights=kind != CENSORED, minlength=times.size).astype(float)
    of_cause = np.bincount(row, weights=kind == cause, minlength=times.size).astype(float)
    at_risk = at_risk_at(times, leaving, None if entry is None else np.asarray(entry, dtype=float))
    survival = np.cumprod((at_risk - any_event) / at_risk)
    survival_before = np.concatenate([[1.0], survival[:-1]]) if times.size else survival
    incidence = np.cumsum(survival_before * of_cause / at_risk)
    return IncidenceTable(
        times, at_risk, incidence, _variance(incidence, survival_before, any_event, of_cause, at_risk)
    )


def _variance(
    incidence: Numbers, survival_before: Numbers, any_event: Numbers, of_cause: Numbers, at_risk: Numbers
) -> Numbers:
    """Variance at every time, with the squares of (I(t) - I(s)) multiplied out so that cumulative sums suffice."""
    left = at_risk - any_event
    # Once all at risk have had an event the incidence stays as it is, so that the term is 0.
    hazard_term = np.divide(any_event, at_risk * left, out=np.zeros_like(at_risk), where=left > 0)
    own_term = survival_before**2 * (at_risk - of_cause) * of_cause / at_risk**3
    cross_term = survival_before * of_cause / at_risk**2
    summed = np.cumsum
    squares = (
        incidence**2 * summed(hazard_term)
        - 2 * incidence * summed(incidence * hazard_term)
        + summed(incidence**2 * hazard_term)
    )
    crossed = incidence * summed(cross_term) - summed(incidence * cross_term)
    variance: Numbers = np.maximum(squares + summed(own_term) - 2 * crossed, 0.0)
    return variance
