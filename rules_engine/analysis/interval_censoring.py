"""Event-free time known to lie between two days only: the nonparametric maximum likelihood estimate (Turnbull 1976).

The estimate places its mass on innermost intervals: a left end that is followed at once by a right end. Where inside one
the curve falls, the data do not say. Found by the self-consistency (EM) steps of Turnbull, accelerated as by Varadhan
and Roland 2008, until the conditions of a maximum (Gentleman and Geyer 1994) hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from rules_engine.analysis.options import Numbers
from rules_engine.analysis.risk_sets import Index, distinct_times, sums_at
from rules_engine.numerics import np

#: How far the conditions of a maximum may be missed, as a share of a subject's contribution.
_CONVERGED = 1e-10
_MOST_ROUNDS = 20_000
_NO_MASS = 1e-9
#: How far the curve may stand from a level and still lie on it: the precision of the estimate.
_ON_THE_LEVEL = 1e-8


@dataclass(frozen=True)
class IntervalCurve:
    """The event-free share falls by `mass` somewhere in (`lower`, `upper`], and is flat elsewhere; `upper` may be infinite.

    Times are whole days: an interval of one day is the event on the day `upper`.
    """

    lower: Numbers
    upper: Numbers
    mass: Numbers
    converged: bool

    @property
    def begins(self) -> Numbers:
        """The day after which an interval's mass may have begun to go: of a known day, that day."""
        return np.where(self.upper - self.lower <= 1, self.upper, self.lower)

    def between(self, day: float) -> tuple[float, float]:
        """The least and the greatest event-free share on a day that the estimate allows."""
        gone = self.upper <= day
        perhaps = gone | (self.begins < day)
        return max(1.0 - float(self.mass[perhaps].sum()), 0.0), max(1.0 - float(self.mass[gone].sum()), 0.0)

    def share_on(self, day: float) -> float:
        """The event-free share on a day, falling evenly within the innermost intervals."""
        inside = (self.begins < day) & (day < self.upper) & np.isfinite(self.upper)
        part = (day - self.lower[inside]) / (self.upper[inside] - self.lower[inside])
        return self.between(day)[1] - float((self.mass[inside] * part).sum())

    def quantile(self, probability: float) -> tuple[float, float, float]:
        """The day by which this share has had the event: evenly within its interval, and the interval; NaN if not reached.

        Where the curve runs flat at exactly the wanted level, the middle of the flat stretch.
        """
        gone = np.cumsum(self.mass)
        place = int(np.searchsorted(gone, probability - _ON_THE_LEVEL))
        nothing = float("nan")
        if place >= gone.size or not np.isfinite(self.upper[place]):
            return nothing, nothing, nothing
        low, high = float(self.begins[place]), float(self.upper[place])
        if abs(gone[place] - probability) <= _ON_THE_LEVEL:
            following = float(self.begins[place + 1]) if place + 1 < gone.size else high
            return (high + following) / 2, low, max(high, following)
        before = float(gone[place] - self.mass[place])
        return low + (high - low) * (probability - before) / float(self.mass[place]), low, high


def interval_curve(left: Numbers, right: Numbers) -> IntervalCurve:
    """The estimate for subjects whose event lies in (left, right], right being infinite where none was seen."""
    lefts, left_place = distinct_times(left)
    rights, right_place = distinct_times(np.where(np.isfinite(right), right, -1.0))
    cells, count = np.unique(left_place * max(rights.size, 1) + right_place, return_counts=True)
    cell_left = lefts[cells // max(rights.size, 1)]
    cell_right = rights[cells % max(rights.size, 1)]
    cell_right = np.where(cell_right < 0, np.inf, cell_right)
    lower, upper = _innermost(cell_left, cell_right)
    first = np.searchsorted(lower, cell_left, side="left")
    last = np.searchsorted(upper, cell_right, side="right") - 1
    share = count / count.sum() if count.size else count.astype(float)
    mass, converged = _maximise(first, last, share, lower.size)
    kept = mass > _NO_MASS
    return IntervalCurve(lower[kept], upper[kept], mass[kept] / max(mass[kept].sum(), _NO_MASS), converged)


def _innermost(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Intervals from a left end to the right end that follows it at once; intervals are open on the left."""
    starts, ends = np.unique(left), np.unique(right)
    following = (
        ends[np.minimum(np.searchsorted(ends, starts, side="right"), max(ends.size - 1, 0))] if ends.size else ends
    )
    next_start = np.append(starts[1:], np.inf)
    chosen = following <= next_start
    return starts[chosen], following[chosen]


def _maximise(first: Index, last: Index, share: Numbers, size: int) -> tuple[Numbers, bool]:
    mass = np.full(size, 1.0 / max(size, 1))
    if size <= 1:
        return mass, True

    def gradient(at: Numbers) -> Numbers:
        """For each interval, the sum of share / probability over the subjects whose interval holds it."""
        total = np.concatenate([[0.0], np.cumsum(at)])
        ratio = share / np.maximum(total[last + 1] - total[first], 1e-300)
        change = sums_at(first, size + 1, ratio) - sums_at(last + 1, size + 1, ratio)
        found: Numbers = np.cumsum(change)[:-1]
        return found

    def likelihood(at: Numbers) -> float:
        total = np.concatenate([[0.0], np.cumsum(at)])
        return float((share * np.log(np.maximum(total[last + 1] - total[first], 1e-300))).sum())

    for _round in range(_MOST_ROUNDS):
        slope = gradient(mass)
        if slope.max() <= 1 + _CONVERGED:
            return mass, True
        once = mass * slope
        twice = once * gradient(once)
        step, curve = once - mass, (twice - once) - (once - mass)
        length = -np.sqrt((step**2).sum() / max(float((curve**2).sum()), 1e-300))
        trial = mass - 2 * length * step + length**2 * curve
        trial = np.maximum(trial, 0.0)
        trial = trial / trial.sum()
        mass = trial if length < -1 and likelihood(trial) >= likelihood(twice) else twice
        mass = mass * gradient(mass)  # a plain step after the leap keeps the estimate consistent
        mass = mass / mass.sum()
    return mass, bool(gradient(mass).max() <= 1 + 1e-6)
