"""Logistic regression by iteratively reweighted least squares (McCullagh and Nelder 1989), as far as analyses need it."""

from __future__ import annotations

from dataclasses import dataclass

from rules_engine.analysis.options import Numbers, cross_product
from rules_engine.numerics import np

#: Relative change of the deviance at which the fit has converged.
_CONVERGED = 1e-12
_MOST_STEPS = 60
#: Fitted probabilities closer than this to 0 or 1 are those of a model that separates the outcomes.
AT_THE_BOUND = 1e-9


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (the intercept first), fitted probabilities, and the deviance."""

    coefficients: Numbers
    fitted: Numbers
    deviance: float

    @property
    def separates(self) -> bool:
        """The model tells the two outcomes apart without error, so that no finite coefficient fits best."""
        return bool(((self.fitted < AT_THE_BOUND) | (self.fitted > 1 - AT_THE_BOUND)).all())


def fit_logistic(outcome: Numbers, matrix: Numbers, count: Numbers | None = None) -> LogisticFit:
    """Fit the probability of `outcome` (0 or 1) on the columns of `matrix` and an intercept.

    `count` says how many subjects each row stands for. With separated outcomes the deviance still converges, while
    coefficients grow without limit; the fit then ends with probabilities near 0 and 1.
    """
    weight = np.ones(outcome.size) if count is None else count
    centre = np.average(matrix, axis=0, weights=weight) if matrix.size else np.zeros(matrix.shape[1])
    scale = np.sqrt(np.average((matrix - centre) ** 2, axis=0, weights=weight)) if matrix.size else centre
    scale = np.where(scale > 0, scale, 1.0)
    columns = np.column_stack([np.ones(outcome.size), (matrix - centre) / scale])
    beta = np.zeros(columns.shape[1])
    deviance = np.inf
    fitted = np.full(outcome.size, 0.5)
    for _step in range(_MOST_STEPS):
        information = cross_product(columns, columns * (weight * fitted * (1 - fitted))[:, None])
        step = np.linalg.lstsq(information, cross_product(columns, weight * (outcome - fitted))[:, 0], rcond=1e-13)[0]
        beta = beta + step
        fitted = _probability(columns, beta)
        before, deviance = deviance, _deviance(outcome, fitted, weight)
        while deviance > before * (1 + 1e-8) and np.abs(step).max() > 1e-10:  # a step too far: halve it
            step = step / 2
            beta = beta - step
            fitted = _probability(columns, beta)
            deviance = _deviance(outcome, fitted, weight)
        if abs(before - deviance) <= _CONVERGED * (abs(deviance) + 0.1):
            break
    slopes = beta[1:] / scale
    return LogisticFit(np.concatenate([[beta[0] - slopes @ centre], slopes]), fitted, deviance)


def _probability(columns: Numbers, beta: Numbers) -> Numbers:
    bounded = np.clip(np.einsum("ij,j->i", columns, beta), -36.0, 36.0)
    probability: Numbers = 1 / (1 + np.exp(-bounded))
    return probability


def _deviance(outcome: Numbers, fitted: Numbers, weight: Numbers) -> float:
    likelihood = np.where(outcome > 0, np.log(fitted), np.log1p(-fitted))
    return float(-2 * (weight * likelihood).sum())
