"""Weights that make two groups comparable: the propensity score, and overlap, inverse-probability or treated weights.

References: Rosenbaum and Rubin 1983 (the score); Robins, Hernán and Brumback 2000 (inverse probability, stabilised);
Li, Morgan and Zaslavsky 2018 (overlap); Crump et al. 2009 (range of the score); Cole and Hernán 2008 (truncation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rules_engine.analysis.design import design_matrix, has_all
from rules_engine.analysis.groups import group_rows
from rules_engine.analysis.logistic import fit_logistic
from rules_engine.analysis.options import Flags, Numbers
from rules_engine.model import WeightsDefinition
from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING_COVARIATE = "a covariate of the propensity model is missing"
OUTSIDE_RANGE = "the propensity score is outside the stated range"
NOT_TWO_GROUPS = "weights need two groups with subjects"
SEPARATED = "the covariates tell the two groups apart without error, so that no score exists"


def derive_weights(
    rows: pl.DataFrame, group: str, definition: WeightsDefinition, reference: str | None = None
) -> pl.DataFrame:
    """The rows with `weight`, `propensity_score` and `weight_note` (the reason where there is no weight).

    One row per subject, in and out. The score is the probability of belonging to the group that is not `reference`
    (without one, not the last), fitted to the rows that have a group and every covariate. Rows without a group get no
    weight and no note: whoever analyses groups leaves them out anyway.
    """
    score, weight = np.full(rows.height, np.nan), np.full(rows.height, np.nan)
    note = np.full(rows.height, None, dtype=object)
    label = rows[group].cast(pl.String)
    with_group = label.is_not_null().to_numpy()
    complete = has_all(rows, definition.covariates)
    note[with_group & ~complete] = MISSING_COVARIATE
    names = [name for name in group_rows(rows, group, {}).names if (label == name).any()]
    usable = with_group & complete
    if len(names) != 2:
        note[usable] = NOT_TWO_GROUPS
        return _with_weights(rows, weight, score, note)
    other = reference if reference in names else names[-1]
    treated = ((label != other).fill_null(value=False)).to_numpy()
    inside = usable
    for _fit in range(2 if definition.refit and definition.score_range is not None else 1):
        if not treated[inside].any() or treated[inside].all():
            note[inside] = NOT_TWO_GROUPS
            return _with_weights(rows, weight, score, note)
        chosen = rows.filter(pl.Series(inside))
        design = design_matrix(chosen, definition.covariates)
        fit = fit_logistic(treated[inside].astype(float), design.matrix)
        if fit.separates:
            note[inside] = SEPARATED
            return _with_weights(rows, weight, score, note)
        score[inside] = fit.fitted
        if definition.score_range is not None:
            low, high = definition.score_range
            with np.errstate(invalid="ignore"):
                kept = inside & (score >= low) & (score <= high)
            note[inside & ~kept] = OUTSIDE_RANGE
            inside = kept
    weight[inside] = weights_of(score[inside], treated[inside], definition)
    return _with_weights(rows, weight, score, note)


def weights_of(score: Numbers, treated: Flags, definition: WeightsDefinition) -> Numbers:
    """The weight of each subject from its score and group, truncated as the definition says."""
    if definition.method == "overlap":
        weight = np.where(treated, 1 - score, score)
    elif definition.method == "treated":
        weight = np.where(treated, 1.0, score / (1 - score))
    elif definition.method == "inverse_probability":
        weight = np.where(treated, 1 / score, 1 / (1 - score))
        if definition.stabilised:
            share = float(treated.mean())
            weight = weight * np.where(treated, share, 1 - share)
    else:
        raise ValueError(f"unknown kind of weights: {definition.method!r}")
    if definition.truncate_at is not None and weight.size:
        weight = np.minimum(weight, np.quantile(weight, definition.truncate_at))
    return weight


def _with_weights(rows: pl.DataFrame, weight: Numbers, score: Numbers, note: NDArray[np.object_]) -> pl.DataFrame:
    return rows.with_columns(
        weight=pl.Series(weight, dtype=pl.Float64).fill_nan(None),
        propensity_score=pl.Series(score, dtype=pl.Float64).fill_nan(None),
        weight_note=pl.Series(note.tolist(), dtype=pl.String),
    )
