"""How alike the groups are at baseline, before and after weighting, as rows of analysis results.

Standardised mean differences as by Austin 2009: the difference of the means over the root of the mean of the two
variances, these always without weights, so that only the difference changes by weighting. Input and output are those of
`survival_estimates`; any endpoint will do, for it only says who is in the analysis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, ONE_DECIMAL, PERCENT, THREE_DECIMALS, TWO_DECIMALS, Estimates
from rules_engine.analysis.design import has_all
from rules_engine.analysis.groups import ONE_GROUP, Grouping, group_rows, reference_number
from rules_engine.analysis.options import Flags, Numbers, effective_size
from rules_engine.analysis.times import NO_SUBJECTS
from rules_engine.numerics import np

NO_SPREAD = "the covariate does not vary in either group"


@dataclass(frozen=True)
class _Item:
    """A number, or one level of a category as 0 and 1; NaN where it is missing."""

    covariate: str
    level: str | None
    values: Numbers


def estimate_balance(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Means or shares of every covariate per group and their standardised differences, with weights also weighted."""
    is_weighted = "weight" in rows.columns
    before = group_rows(rows.drop("weight", strict=False), group, options)
    after = group_rows(rows, group, options)
    words = "Standardised mean differences, unweighted variances"
    estimates = Estimates(words + (", before and after weighting" if is_weighted else ""), group)
    after.report_to(estimates)
    has_all(rows, options["covariates"])
    for number, name in enumerate(before.names):
        _add_sizes(estimates, before, after, number, name)
    largest: dict[int, list[tuple[float, float]]] = {}
    items_after = _items(after.rows, options["covariates"], like=before.rows)
    for item, weighted in zip(_items(before.rows, options["covariates"]), items_after, strict=True):
        for number, difference in _add_item(estimates, before, after, item, weighted, options):
            largest.setdefault(number, []).append(difference)
    if len(before.names) < 2:
        name = before.names[0] if before.names else None
        estimates.add("largest_smd", "Largest difference", None, THREE_DECIMALS, group=name, note=ONE_GROUP)
        return estimates.frame()
    reference = reference_number(before, options)
    for number, name in enumerate(before.names):
        if number == reference:
            continue
        where: dict[str, Any] = {"group": name, "comparison": before.names[reference]}
        found = np.abs(np.array(largest.get(number, []))).reshape(-1, 2)
        for place, statistic, label in _kinds(after):
            known = found[:, place][~np.isnan(found[:, place])]
            estimates.add(
                f"largest_{statistic}", f"Largest difference {label}", known.max() if known.size else None,
                THREE_DECIMALS, note=None if known.size else "no covariate can be compared", **where,
            )  # fmt: skip
    return estimates.frame()


def _kinds(after: Grouping) -> list[tuple[int, str, str]]:
    """Place, statistic and words of the differences before and, with weights, after weighting."""
    return [
        (0, "smd", "before weighting"),
        *([(1, "smd_weighted", "after weighting")] if after.weight is not None else []),
    ]


def _add_sizes(estimates: Estimates, before: Grouping, after: Grouping, number: int, name: str | None) -> None:
    estimates.add("n", "Subjects", int((before.group_index == number).sum()), COUNT, group=name)
    if after.weight is None:
        return
    weight = after.weight[after.group_index == number]
    reason = None if weight.size else NO_SUBJECTS
    for statistic, label, value, number_format in (
        ("n_weighted", "Sum of weights", weight.sum(), ONE_DECIMAL),
        ("n_effective", "Effective sample size", effective_size(weight), ONE_DECIMAL),
        ("weight_largest", "Largest weight", weight.max() if weight.size else None, TWO_DECIMALS),
        ("score_lowest", "Lowest propensity score", _score(after, number, largest=False), THREE_DECIMALS),
        ("score_highest", "Highest propensity score", _score(after, number, largest=True), THREE_DECIMALS),
    ):
        note = reason if value is None or np.isnan(value) else None
        estimates.add(statistic, label, None if note else value, number_format, group=name, note=note)


def _score(after: Grouping, number: int, *, largest: bool) -> float | None:
    scores = after.rows["propensity_score"].to_numpy()[after.group_index == number]
    if not scores.size:
        return None
    return float(scores.max() if largest else scores.min())


def _items(rows: pl.DataFrame, covariates: list[str], like: pl.DataFrame | None = None) -> Iterator[_Item]:
    """Each number, and each level of each category; the levels are those of `like`."""
    for name in covariates:
        column = rows[name]
        if column.dtype.is_numeric():
            yield _Item(name, None, column.cast(pl.Float64).fill_null(np.nan).to_numpy())
            continue
        whole = rows[name] if like is None else like[name]
        levels = whole.dtype.categories if isinstance(whole.dtype, pl.Enum) else whole.cast(pl.String).unique().sort()
        named = levels.drop_nulls()
        enum = column if column.dtype == pl.Enum(named) else column.cast(pl.String).cast(pl.Enum(named))
        codes = enum.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()
        missing = np.isnan(codes)
        for code, level in enumerate(named.to_list()):
            yield _Item(name, level, np.where(missing, np.nan, codes == code))


def _add_item(
    estimates: Estimates,
    before: Grouping,
    after: Grouping,
    item: _Item,
    weighted: _Item,
    options: Mapping[str, Any],
) -> Iterator[tuple[int, tuple[float, float]]]:
    """Means and differences of one item; yields the differences before and after weighting of each group."""
    label = str((options.get("labels") or {}).get(item.covariate, item.covariate))
    words = label if item.level is None else f"{label}: {item.level}"
    at: dict[str, Any] = {"variable": item.covariate, "level": item.level}
    mean_format, statistic = (TWO_DECIMALS, "mean") if item.level is None else (PERCENT, "share")
    means: list[tuple[float, float]] = []
    spreads: list[float] = []
    for number, name in enumerate(before.names):
        own = item.values[before.group_index == number]
        known = own[~np.isnan(own)]
        mean, variance = (float(known.mean()), _variance(known, item)) if known.size else (np.nan, np.nan)
        there = after.group_index == number
        mean_weighted = _weighted_mean(weighted.values, after.weight, there)
        means.append((mean, mean_weighted))
        spreads.append(variance)
        reason = None if known.size else ("no value" if own.size else NO_SUBJECTS)
        estimates.add(statistic, words, mean, mean_format, group=name, note=reason, n=int(known.size), **at)
        if item.level is None:
            error = None if known.size > 1 else reason or "one value only"
            estimates.add("std_dev", f"{words}: standard deviation", np.sqrt(variance), TWO_DECIMALS, group=name,
                          note=error, n=int(known.size), **at)  # fmt: skip
        if own.size > known.size:
            estimates.add("missing", f"{words}: missing", own.size - known.size, COUNT, group=name, **at)
        if after.weight is not None:
            note = NO_SUBJECTS if np.isnan(mean_weighted) else None
            estimates.add(f"{statistic}_weighted", f"{words}, weighted", mean_weighted, mean_format, group=name,
                          note=note, **at)  # fmt: skip
    if len(before.names) < 2:
        return
    reference = reference_number(before, options)
    for number, name in enumerate(before.names):
        if number == reference:
            continue
        spread = float(np.sqrt((spreads[number] + spreads[reference]) / 2))
        found = [means[number][place] - means[reference][place] for place in (0, 1)]
        differences = (_over(found[0], spread), _over(found[1], spread))
        for place, kind, told in _kinds(after):
            value = differences[place]
            note = None if not np.isnan(value) else (NO_SPREAD if spread == 0 else "not known in one of the groups")
            estimates.add(
                kind, f"{words}: standardised difference {told}", value, THREE_DECIMALS,
                group=name, comparison=before.names[reference], note=note, **at,
            )  # fmt: skip
        yield number, differences


def _variance(values: Numbers, item: _Item) -> float:
    """Of a number the sample variance, of a level p (1 - p)."""
    if item.level is not None:
        share = float(values.mean())
        return share * (1 - share)
    return float(values.var(ddof=1)) if values.size > 1 else float("nan")


def _weighted_mean(values: Numbers, weight: Numbers | None, there: Flags) -> float:
    if weight is None:
        return float("nan")
    there = there & ~np.isnan(values)
    total = float(weight[there].sum())
    return float((values[there] * weight[there]).sum()) / total if total > 0 else float("nan")


def _over(difference: float, spread: float) -> float:
    """A difference in units of the spread; two groups that agree without any spread do not differ."""
    if spread == 0:
        return 0.0 if difference == 0 else float("nan")
    return difference / spread
