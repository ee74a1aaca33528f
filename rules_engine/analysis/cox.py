"""The proportional-hazards model (Cox 1972): ties by Efron 1977 or Breslow 1974, strata, delayed entry, weights.

The partial likelihood is maximised by Newton's method on sums over risk sets, so that a fit costs a few passes over
the subjects; subjects who agree in everything that the model looks at are put together first. With weights, tied
events share the mean of their weights and the variance is the sandwich of Lin and Wei 1989, as in R's `survival`.
Numbers are those of R's `coxph` to the eighth digit and better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from rules_engine.analysis.options import Flags, Numbers, cross_product, inner_product
from rules_engine.analysis.risk_sets import Index, distinct_times, sums_at
from rules_engine.numerics import np

TIES = ("efron", "breslow")
#: Relative change of the log-likelihood at which the fit has converged.
_CONVERGED = 1e-13
_MOST_STEPS = 100
#: A Newton step of this size after the likelihood has converged shows a coefficient that grows without limit.
_STILL_MOVING = 1e-3
#: Part of a column's information that those before it may leave and still say all that it says.
_SAME = 1e-9
#: Part of the sums that information is the difference of, below which it is their rounding.
_ROUNDING = 1e-12
#: A column with more distinct values than this is continuous: subjects will hardly agree in it.
_CONTINUOUS = 1_000
_FEW = 2_000


@dataclass(frozen=True)
class Subjects:
    """What the model looks at: one row per subject, or per `count` subjects who agree in all of it.

    `weight` is the sum of the weights of a row's subjects and `squares` that of their squares.
    """

    days: Numbers
    event: Flags
    matrix: Numbers
    stratum: Index
    entry: Numbers | None
    count: Numbers
    weight: Numbers
    squares: Numbers

    @classmethod
    def of(
        cls,
        days: Numbers,
        event: Flags,
        matrix: Numbers,
        stratum: Index,
        entry: Numbers | None = None,
        weight: Numbers | None = None,
    ) -> Subjects:
        """Subjects one by one, put together where they agree."""
        found = None if days.size < _FEW else _agreeing(days, event, matrix, stratum, entry)
        if found is None:
            ones = np.ones(days.size)
            weights = ones if weight is None else weight
            return cls(days, event, matrix, stratum, entry, ones, weights, weights**2)
        place, first = found
        count = sums_at(place, first.size)
        return cls(
            days[first],
            event[first],
            matrix[first],
            stratum[first],
            None if entry is None else entry[first],
            count,
            count if weight is None else sums_at(place, first.size, weight),
            count if weight is None else sums_at(place, first.size, weight**2),
        )

    def with_columns(self, kept: Sequence[int]) -> Subjects:
        """The same subjects with some of the columns."""
        return replace(self, matrix=self.matrix[:, list(kept)])


def _agreeing(
    days: Numbers, event: Flags, matrix: Numbers, stratum: Index, entry: Numbers | None
) -> tuple[Index, Index] | None:
    """For each subject the number of those who agree with it in everything, and of each number one subject.

    None where few would agree: subjects who differ in a measurement.
    """
    columns = [stratum, days, event, *matrix.T, *([] if entry is None else [entry])]
    if any(np.unique(column[:_FEW]).size > _CONTINUOUS for column in columns):
        return None
    key, span = np.zeros(days.size, dtype=np.int64), 1
    for column in columns:
        number, place = _numbered(column)
        span *= max(number, 1)
        if span > 2**62:
            return None
        key *= number
        key += place
    keys, place = distinct_times(key.astype(float)) if span < 2**53 else np.unique(key, return_inverse=True)
    if keys.size > days.size / 2:
        return None
    first = np.empty(keys.size, dtype=np.int64)
    first[place] = np.arange(place.size)
    return place, first


def _numbered(column: Any) -> tuple[int, Any]:
    """How many values a column may have, and the number of each entry's value. A flag is its own number."""
    flags = column if column.dtype == bool else column.astype(np.int8)
    if column.dtype == bool or ((flags == column).all() and flags.min(initial=0) >= 0 and flags.max(initial=0) <= 1):
        return 2, flags
    distinct, place = distinct_times(column.astype(float))
    return distinct.size, place


@dataclass(frozen=True)
class _Turns:
    """Events one after another, set by set: the set of each, and the share of the set's events that is gone by then."""

    place: Index
    gone: Numbers
    starts: Index

    def added(self, values: Numbers) -> Numbers:
        """Sum of `values` over the events of each set."""
        return np.add.reduceat(values, self.starts)


@dataclass(frozen=True)
class _Sets:
    """Risk sets: one for each time in a stratum at which an event happens, ordered by stratum and time.

    A row of the subjects is at risk in the sets `first` to `last`. `bounds` are where the strata begin and end.
    `died` counts a set's events and `died_weight` is the sum of their weights; `event_rows` are the rows with events.
    """

    time: Numbers
    bounds: tuple[tuple[int, int], ...]
    first: Index
    last: Index
    event_rows: Index
    died: Numbers
    died_weight: Numbers

    @cached_property
    def turns(self) -> _Turns:
        """The events of each set one after another."""
        number = self.died.astype(np.int64)
        starts = np.cumsum(number) - number
        place = np.repeat(np.arange(number.size), number)
        return _Turns(place, (np.arange(place.size) - starts[place]) / self.died[place], starts)

    @property
    def size(self) -> int:
        return int(self.time.size)


def _sets_of(rows: Subjects) -> _Sets:
    times, _place = distinct_times(rows.days[rows.event])
    span = max(times.size, 1)
    latest = np.searchsorted(times, rows.days, side="right") - 1
    earliest = np.zeros_like(latest) if rows.entry is None else np.searchsorted(times, rows.entry, side="right")
    event_rows = np.flatnonzero(rows.event & (earliest <= latest))
    keys = np.unique(rows.stratum[event_rows] * span + latest[event_rows])
    first = np.searchsorted(keys, rows.stratum * span + earliest, side="left")
    last = np.searchsorted(keys, rows.stratum * span + latest, side="right") - 1
    place = last[event_rows]
    starts = np.flatnonzero(np.diff(keys // span, prepend=-1)).tolist()
    return _Sets(
        time=times[keys % span] if times.size else times,
        bounds=tuple(pairwise([*starts, keys.size])) if starts else (),
        first=first,
        last=last,
        event_rows=event_rows,
        died=sums_at(place, keys.size, rows.count[event_rows]),
        died_weight=sums_at(place, keys.size, rows.weight[event_rows]),
    )


@dataclass(frozen=True)
class CoxFit:
    """A fitted model; arrays are by column of the matrix.

    `variance` is the inverse information, or with weights (or where asked for) the sandwich; `naive` is always the
    inverse information. `fault` says for each column why it has no coefficient (NaN then), empty where it has one.
    """

    coefficients: Numbers
    variance: Numbers
    naive: Numbers
    log_likelihood: float
    null_log_likelihood: float
    score_test: float
    events: float
    faults: tuple[str, ...]
    parts: _Parts | None = field(default=None, repr=False)

    @property
    def std_errors(self) -> Numbers:
        """Standard error of each coefficient."""
        with np.errstate(invalid="ignore"):
            errors: Numbers = np.sqrt(np.diag(self.variance))
        return errors


@dataclass(frozen=True)
class _Parts:
    """What the tests after a fit need: the subjects and risk sets, the columns with a coefficient, and the sums at it."""

    rows: Subjects
    sets: _Sets
    kept: tuple[int, ...]
    beta: Numbers
    sums: _Sums
    ties: str


NO_INFORMATION = "at no event time did the subjects at risk differ in it"
FOLLOWS = "at every event time it follows from the covariates before it"
INFINITE = "the hazard ratio is infinite: the likelihood grows with it without limit"
ZERO = "the hazard ratio is zero: the likelihood grows without limit as it falls"
NOT_CONVERGED = "the model did not converge"


def fit_cox(rows: Subjects, ties: str = "efron", *, robust: bool = False) -> CoxFit:
    """Fit the model. A column that the data say nothing of, or whose ratio would be 0 or infinite, has a fault."""
    columns = rows.matrix.shape[1]
    sets = _sets_of(rows)
    faults = [""] * columns
    empty = np.full(columns, np.nan)
    if not sets.size:
        nothing = np.full((columns, columns), np.nan)
        return CoxFit(empty, nothing, nothing, 0.0, 0.0, np.nan, 0.0, ("no events",) * columns)
    centred = replace(rows, matrix=rows.matrix - np.average(rows.matrix, axis=0, weights=rows.weight))
    start = _sums(centred, sets, np.zeros(columns), ties)
    moments = np.einsum("ij,i->j", centred.matrix**2, start.risk) * float(
        (sets.died_weight / start.at_risk[:, 0]).sum()
    )
    for column, fault in enumerate(_without_information(start.information, moments)):
        faults[column] = fault
    kept = [column for column in range(columns) if not faults[column]]
    chosen = centred.with_columns(kept)
    beta, sums, moving = _maximise(chosen, sets, ties, np.zeros(len(kept)), None)
    for place, column in enumerate(kept):
        if moving is None:
            faults[column] = NOT_CONVERGED
        elif moving[place]:
            faults[column] = INFINITE if beta[place] > 0 else ZERO
    naive = _inverse(sums.information)
    variance = naive
    if robust:
        shares = np.einsum("ij,jk->ik", _score_residuals(chosen, sets, beta, sums, ties), naive)
        variance = cross_product(shares, shares * chosen.squares[:, None])
    score = float(start.gradient[kept] @ _inverse(start.information[np.ix_(kept, kept)]) @ start.gradient[kept])
    fitted = np.array([beta[kept.index(c)] if not faults[c] else np.nan for c in range(columns)])
    return CoxFit(
        coefficients=fitted,
        variance=_placed(variance, kept, columns),
        naive=_placed(naive, kept, columns),
        log_likelihood=sums.log_likelihood,
        null_log_likelihood=start.log_likelihood,
        score_test=score if kept else np.nan,
        events=float(sets.died.sum()),
        faults=tuple(faults),
        parts=_Parts(chosen, sets, tuple(kept), beta, sums, ties),
    )


def _placed(matrix: Numbers, kept: Sequence[int], columns: int) -> Numbers:
    whole = np.full((columns, columns), np.nan)
    whole[np.ix_(kept, kept)] = matrix
    return whole


def _inverse(information: Numbers) -> Numbers:
    """The inverse of an information matrix, scaled first; of one that is singular in rounding, the pseudo-inverse."""
    if not information.size:
        return information
    scale = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    inverse: Numbers = np.linalg.pinv(information / np.outer(scale, scale), rcond=1e-13, hermitian=True)
    scaled_back: Numbers = inverse / np.outer(scale, scale)
    return scaled_back


def _without_information(information: Numbers, moments: Numbers) -> list[str]:
    """Why the data say nothing of each column: nothing at all, or nothing beyond the columns before it.

    `moments` bound what was subtracted from one another to get the information: less than their rounding is nothing.
    """
    faults: list[str] = []
    kept: list[int] = []
    for column in range(information.shape[0]):
        own = float(information[column, column])
        if own <= _ROUNDING * max(float(moments[column]), np.finfo(float).tiny):
            faults.append(NO_INFORMATION)
            continue
        with_kept = information[column, kept]
        left = own - float(with_kept @ _inverse(information[np.ix_(kept, kept)]) @ with_kept) if kept else own
        if left <= _SAME * own:
            faults.append(FOLLOWS)
            continue
        kept.append(column)
        faults.append("")
    return faults


# The likelihood -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sums:
    """Log-likelihood, its gradient and information at some coefficients, and what they are made of.

    `risk` is each row's risk (exp of the linear predictor, times weight). `at_risk` and `tied` are per set the sums of
    risk over those at risk and over those with the event: alone, and times each column. `powers` are per set sums
    over its k-th events of 1/n, a/n, 1/n², a/n² and a²/n², n being the risk that remains at the k-th event and
    a the share of the tied events that has gone by then.
    """

    log_likelihood: float
    gradient: Numbers
    information: Numbers
    by_set: Numbers
    risk: Numbers
    at_risk: Numbers
    tied: Numbers
    powers: Numbers


def _maximise(
    rows: Subjects, sets: _Sets, ties: str, beta: Numbers, offset: Numbers | None
) -> tuple[Numbers, _Sums, Flags | None]:
    """Coefficients of the greatest likelihood, the sums there, and which of them still move (None: no convergence)."""
    sums = _sums(rows, sets, beta, ties, offset)
    if not beta.size:
        return beta, sums, np.zeros(0, dtype=bool)
    for _step in range(_MOST_STEPS):
        step = _inverse(sums.information) @ sums.gradient
        trial, halved = _sums(rows, sets, beta + step, ties, offset), 0
        while not trial.log_likelihood >= sums.log_likelihood - abs(sums.log_likelihood) * 1e-12 and halved < 40:
            step, halved = step / 2, halved + 1
            trial = _sums(rows, sets, beta + step, ties, offset)
        beta, gained, sums = beta + step, trial.log_likelihood - sums.log_likelihood, trial
        if abs(gained) <= _CONVERGED * max(abs(sums.log_likelihood), 1.0):
            rest = np.abs(_inverse(sums.information) @ sums.gradient)
            spread = np.sqrt(np.average(rows.matrix**2, axis=0, weights=rows.weight))
            return beta, sums, rest * spread > _STILL_MOVING
    return beta, sums, None


def _sums(rows: Subjects, sets: _Sets, beta: Numbers, ties: str, offset: Numbers | None = None) -> _Sums:
    p = rows.matrix.shape[1]
    predictor = np.einsum("ij,j->i", rows.matrix, beta) + (0.0 if offset is None else offset)
    highest = float(predictor.max(initial=0.0))
    risk = rows.weight * np.exp(predictor - highest)
    at_risk, tied = np.empty((sets.size, 1 + p)), np.empty((sets.size, 1 + p))
    place = sets.last[sets.event_rows]
    observed = np.empty((sets.size, p))
    own = rows.weight[sets.event_rows]
    for number in range(1 + p):
        values = risk if number == 0 else risk * rows.matrix[:, number - 1]
        at_risk[:, number] = _over_sets(values, sets, delayed=rows.entry is not None)
        tied[:, number] = sums_at(place, sets.size, values[sets.event_rows])
        if number:
            observed[:, number - 1] = sums_at(place, sets.size, own * rows.matrix[sets.event_rows, number - 1])
    share = sets.died_weight / sets.died
    powers, logs = _powers(at_risk[:, 0], tied[:, 0], sets.died, ties, sets.turns)
    s1, d1 = at_risk[:, 1:], tied[:, 1:]
    gradient_by_set = observed - share[:, None] * (s1 * powers[:, [0]] - d1 * powers[:, [1]])
    likelihood = inner_product(own, predictor[sets.event_rows]) - float((share * logs).sum())
    sums = _Sums(
        log_likelihood=likelihood - highest * float(sets.died_weight.sum()),
        gradient=gradient_by_set.sum(axis=0),
        information=np.zeros((p, p)),
        by_set=gradient_by_set,
        risk=risk,
        at_risk=at_risk,
        tied=tied,
        powers=powers,
    )
    return replace(sums, information=_information(rows, sets, sums, np.ones(sets.size)))


def _information(rows: Subjects, sets: _Sets, sums: _Sums, scale: Numbers) -> Numbers:
    """The information of all sets, that of each times its `scale`.

    Sums of products of two columns over those at risk are not needed set by set: each row counts in every set at which
    it is at risk, so that its share of all of them is a difference of cumulated factors.
    """
    share = scale * sets.died_weight / sets.died
    one, gone, ones, mixed, gones = (share * sums.powers[:, number] for number in range(5))
    summed = np.concatenate([[0.0], np.cumsum(one)])
    inside = sets.last >= sets.first
    exposed = np.where(inside, summed[sets.last + 1] - summed[np.minimum(sets.first, sets.size)], 0.0)
    exposed[sets.event_rows] -= gone[sets.last[sets.event_rows]]
    second = cross_product(rows.matrix, rows.matrix * (sums.risk * exposed)[:, None])
    s1, d1 = sums.at_risk[:, 1:], sums.tied[:, 1:]
    crossed = cross_product(s1, d1 * mixed[:, None])
    outer = cross_product(s1, s1 * ones[:, None]) - crossed - crossed.T + cross_product(d1, d1 * gones[:, None])
    information: Numbers = second - outer
    return (information + information.T) / 2


def _over_sets(values: Numbers, sets: _Sets, *, delayed: bool) -> Numbers:
    """Sum of `values` over those at risk in each set."""
    inside = sets.last >= sets.first
    leaving = np.bincount(sets.last[inside], weights=values[inside], minlength=sets.size)
    total = np.empty(sets.size)
    for start, end in sets.bounds:
        total[start:end] = leaving[start:end][::-1].cumsum()[::-1]
    if not delayed:
        return total
    starts = np.array([start for start, _end in sets.bounds])
    begins = starts[np.searchsorted(starts, sets.first, side="right") - 1]
    late = inside & (sets.first > begins)
    before = np.bincount(sets.first[late] - 1, weights=values[late], minlength=sets.size)
    for start, end in sets.bounds:
        total[start:end] -= before[start:end][::-1].cumsum()[::-1]
    return total


def _powers(risk: Numbers, tied: Numbers, died: Numbers, ties: str, turns: _Turns) -> tuple[Numbers, Numbers]:
    """Per set the sums over its k-th events (see `_Sums`), and the sum of the logarithms of the remaining risk."""
    if ties == "breslow":
        zero = np.zeros_like(risk)
        return np.column_stack([died / risk, zero, died / risk**2, zero, zero]), died * np.log(risk)
    if ties != "efron":
        raise ValueError(f"unknown way with ties: {ties!r}")
    remaining = risk[turns.place] - turns.gone * tied[turns.place]
    one = 1 / remaining
    gone, ones = turns.gone * one, one * one
    parts = (one, gone, ones, gone * one, gone * gone)
    powers = np.column_stack([turns.added(part) for part in parts])
    return powers, turns.added(np.log(remaining))


# After the fit --------------------------------------------------------------------------------------------------------


def _score_residuals(rows: Subjects, sets: _Sets, beta: Numbers, sums: _Sums, ties: str) -> Numbers:
    """Each row's share in the gradient per unit of weight: observed minus expected, event and exposure to risk."""
    p = rows.matrix.shape[1]
    predictor = np.einsum("ij,j->i", rows.matrix, beta)
    risk = np.exp(predictor - float(predictor.max(initial=0.0)))
    share = sets.died_weight / sets.died
    s1, d1 = sums.at_risk[:, 1:], sums.tied[:, 1:]
    n1, a1, n2, a2, aa2 = (sums.powers[:, [number]] for number in range(5))
    hazard = share[:, None] * n1
    moment = share[:, None] * (s1 * n2 - d1 * a2)
    # Someone with the event is at risk for the part of the tied events that has not gone yet.
    own_hazard = share[:, None] * (n1 - a1)
    own_moment = share[:, None] * (s1 * (n2 - a2) - d1 * (a2 - aa2))
    mean = (s1 * n1 - d1 * a1) / sets.died[:, None]
    summed = np.concatenate([np.zeros((1, 1 + p)), np.cumsum(np.column_stack([hazard, moment]), axis=0)])
    inside = sets.last >= sets.first
    last, first = np.where(inside, sets.last, 0), np.where(inside, sets.first, 0)
    exposed = (summed[last + 1] - summed[first]) * inside[:, None]
    events = sets.event_rows
    at = sets.last[events]
    if ties == "efron":
        exposed[events] += np.column_stack([own_hazard - hazard, own_moment - moment])[at]
    residuals = -risk[:, None] * (rows.matrix * exposed[:, [0]] - exposed[:, 1:])
    residuals[events] += rows.matrix[events] - mean[at]
    found: Numbers = residuals
    return found


@dataclass(frozen=True)
class HazardsCheck:
    """A test of proportional hazards: chi-square and its degrees of freedom; NaN, and why, where it cannot be made."""

    chi_square: float
    degrees_of_freedom: int
    note: str = ""


TRANSFORMS = ("km", "rank", "identity", "log")


def check_proportional_hazards(
    fit: CoxFit, terms: Sequence[Sequence[int]], transform: str
) -> tuple[list[HazardsCheck], HazardsCheck]:
    """For each term (its columns of the matrix), and for all together: does the coefficient change with time?

    The score test of a coefficient that changes linearly with the transformed time (Grambsch and Therneau 1994, in the
    form of R's `cox.zph` from version 3 on).
    """
    parts = fit.parts
    without = HazardsCheck(float("nan"), 0, "the model has no coefficient")
    if parts is None or not parts.kept or any(fit.faults[column] for column in parts.kept):
        note = next((fault for fault in fit.faults if fault), without.note)
        failed = replace(without, note=note)
        return [failed] * len(terms), failed
    time = _transformed(parts, transform)
    information = parts.sums.information
    whole = float(np.trace(information))
    time = time - float(np.trace(_information(parts.rows, parts.sets, parts.sums, time))) / whole
    score = (time[:, None] * parts.sums.by_set).sum(axis=0)
    mixed = _information(parts.rows, parts.sets, parts.sums, time)
    changing = _information(parts.rows, parts.sets, parts.sums, time**2)
    # What is known of a change with time beyond what the coefficients themselves explain.
    change = changing - mixed @ _inverse(information) @ mixed
    least = _SAME * np.abs(time).max() ** 2 * np.diag(information)

    def test(columns: Sequence[int]) -> HazardsCheck:
        places = [parts.kept.index(column) for column in columns if column in parts.kept]
        if not places:
            return without
        if (np.diag(change) <= least)[places].any():
            return replace(without, note="the transformed event times are all the same")
        inverse = _inverse(change[np.ix_(places, places)])
        return HazardsCheck(float(score[places] @ inverse @ score[places]), len(places))

    return [test(columns) for columns in terms], test(list(parts.kept))


def _transformed(parts: _Parts, transform: str) -> Numbers:
    """The times of the risk sets on the scale of the test."""
    times = parts.sets.time
    if transform == "identity":
        return times
    if transform == "log":
        return np.log(np.maximum(times, np.finfo(float).tiny))
    if transform == "rank":  # among all subjects, as in R; others rank among the events
        distinct, place = distinct_times(parts.rows.days)
        subjects = sums_at(place, distinct.size, parts.rows.count)
        mean_rank: Numbers = np.cumsum(subjects) - (subjects - 1) / 2
        return mean_rank[np.searchsorted(distinct, times)]
    if transform != "km":
        raise ValueError(f"unknown scale of time: {transform!r}")
    from rules_engine.analysis.survival import survival_table

    rows = parts.rows
    everyone = np.repeat(np.arange(rows.days.size), rows.count.astype(np.int64))
    table = survival_table(
        rows.days[everyone], rows.event[everyone], None if rows.entry is None else rows.entry[everyone]
    )
    before = np.concatenate([[1.0], table.survival])[np.searchsorted(table.times, times, side="left")]
    return 1.0 - before


def profile_limits(fit: CoxFit, column: int, conf_level: float) -> tuple[float, float]:
    """Limits of a coefficient by the profile likelihood: where twice its fall from the maximum is the chi-square's quantile.

    NaN where the likelihood does not fall that far.
    """
    from scipy import optimize, special

    parts = fit.parts
    if parts is None or fit.faults[column]:
        return float("nan"), float("nan")
    place = parts.kept.index(column)
    others = [number for number in range(len(parts.kept)) if number != place]
    rest = parts.rows.with_columns(others)
    allowed = float(special.chdtri(1, 1 - conf_level)) / 2
    centre, error = float(parts.beta[place]), float(np.sqrt(fit.naive[column, column]))

    def above(value: float) -> float:
        offset = parts.rows.matrix[:, place] * value
        _beta, sums, _moving = _maximise(rest, parts.sets, parts.ties, parts.beta[others], offset)
        return sums.log_likelihood - fit.log_likelihood + allowed

    found = []
    for side in (-1, 1):
        reach = 2.0 * error
        while above(centre + side * reach) > 0 and reach < 64 * error:
            reach *= 2
        if above(centre + side * reach) > 0:
            found.append(float("nan"))
        else:
            found.append(float(optimize.brentq(above, centre, centre + side * reach, xtol=1e-12, rtol=1e-12)))
    return found[0], found[1]
