"""Hazard ratios by the Cox model as rows of analysis results: groups, covariates, proportional hazards, interaction.

Input and output are those of `survival_estimates`. Each group is compared with the reference group in a model of the
subjects of these two groups alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.analysis.ard import COUNT, P_VALUE, THREE_DECIMALS, TWO_DECIMALS, Estimates
from rules_engine.analysis.cox import (
    NOT_CONVERGED,
    CoxFit,
    HazardsCheck,
    Subjects,
    check_proportional_hazards,
    fit_cox,
    profile_limits,
)
from rules_engine.analysis.design import Column, Design, design_matrix, has_all
from rules_engine.analysis.groups import ONE_GROUP, Grouping, group_rows, reference_number
from rules_engine.analysis.options import Flags, Numbers, normal_quantile
from rules_engine.analysis.risk_sets import Index, at_risk_at
from rules_engine.analysis.times import Times, filter_ever_at_risk
from rules_engine.numerics import np, scipy

#: Words for the limits of a hazard ratio.
LIMITS = {"wald": "Wald limits", "profile_likelihood": "profile likelihood limits"}
NO_CHECK = "none"


@dataclass(frozen=True)
class _Pair:
    """The subjects of one model: two groups and the covariates, or without groups the covariates alone."""

    group: str | None
    reference: str | None
    times: Times
    stratum: Index
    exposed: Numbers | None
    design: Design

    @property
    def matrix(self) -> Numbers:
        """The columns of the model, the group before the covariates."""
        return self.design.matrix if self.exposed is None else np.column_stack([self.exposed, self.design.matrix])

    def fit(self, options: Mapping[str, Any], more: Numbers | None = None) -> CoxFit:
        """The model, with `more` columns after its own."""
        times = self.times
        matrix = self.matrix if more is None else np.column_stack([self.matrix, more])
        rows = Subjects.of(times.days, times.event, matrix, self.stratum, times.entry, times.weight)
        return fit_cox(rows, options["ties"], robust=_is_robust(options, times))


def estimate_hazard_ratio(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Hazard ratio of each group to the reference group and of each covariate, and the check of proportional hazards."""
    estimates, grouping, complete = _begin(rows, group, options)
    if group is not None and len(grouping.names) < 2:
        name = grouping.names[0] if grouping.names else None
        estimates.add("hazard_ratio", "Hazard ratio", None, TWO_DECIMALS, group=name, note=ONE_GROUP)
        return estimates.frame()
    if group is None and not options["covariates"]:
        estimates.add("hazard_ratio", "Hazard ratio", None, TWO_DECIMALS, note=ONE_GROUP)
        return estimates.frame()
    for pair in _pairs(grouping, complete, group, options):
        fit = pair.fit(options)
        where: dict[str, Any] = {"group": pair.group, "comparison": pair.reference}
        if pair.exposed is not None:
            note = _why_not_determined(pair) or fit.faults[0]
            _add_ratio(estimates, "Hazard ratio", fit, 0, note, options, **where)
        estimates.add("events", "Events in the model", fit.events, COUNT, **where)
        place = 0 if pair.exposed is None else 1
        for column in pair.design.columns:
            note = column.fault or fit.faults[place]
            words = f"Hazard ratio: {_words(column, options)}"
            at = {"variable": column.covariate, "level": column.level}
            _add_ratio(estimates, words, fit, place, note, options, **where, **at)
            place += 0 if column.fault else 1
        if options["proportional_hazards"] != NO_CHECK:
            _add_hazards_check(estimates, pair, fit, group, options)
    return estimates.frame()


def estimate_interaction(
    rows: pl.DataFrame, group: str | None, subgroup: str, options: Mapping[str, Any]
) -> pl.DataFrame:
    """Does the hazard ratio differ between the levels of `subgroup`? One test for each group against the reference.

    Likelihood-ratio test of the products of group and level beside both alone; with weights, a Wald test with the
    robust variance, because weighted subjects have no likelihood.
    """
    options = {**options, "covariates": [subgroup, *(n for n in options["covariates"] if n != subgroup)]}
    estimates, grouping, complete = _begin(rows, group, options)
    estimates.method = "Interaction, " + estimates.method
    if group is None or len(grouping.names) < 2:
        _add_test(estimates, "Interaction", None, None, ONE_GROUP, variable="interaction", level=subgroup)
        return estimates.frame()
    for pair in _pairs(grouping, complete, group, options):
        assert pair.exposed is not None  # noqa: S101  (there is a group)
        where = {"group": pair.group, "comparison": pair.reference, "variable": "interaction", "level": subgroup}
        levels = [n for n, column in enumerate(pair.design.estimable) if column.covariate == subgroup]
        if not levels:
            note = _why_not_determined(pair) or "the subgroup has fewer than two levels with subjects"
            _add_test(estimates, "Interaction", None, None, note, **where)
            continue
        products = pair.exposed[:, None] * pair.design.matrix[:, levels]
        with_products, without = pair.fit(options, products), pair.fit(options)
        statistic, freedom, note = _interaction(with_products, without, len(levels), _is_robust(options, pair.times))
        _add_test(estimates, "Interaction", statistic, freedom, note, **where)
    return estimates.frame()


def _interaction(
    with_products: CoxFit, without: CoxFit, products: int, robust: bool
) -> tuple[float | None, int | None, str]:
    """Chi-square and degrees of freedom of the products, which are the last columns."""
    if NOT_CONVERGED in (*with_products.faults, *without.faults):
        return None, None, NOT_CONVERGED
    tested = range(len(with_products.faults) - products, len(with_products.faults))
    parts, fewer = with_products.parts, without.parts
    if parts is None or fewer is None:
        return None, None, "no events"
    if not robust:
        freedom = len(parts.kept) - len(fewer.kept)
        gained = 2 * (with_products.log_likelihood - without.log_likelihood)
        return (gained, freedom, "") if freedom else (None, None, "at no event time were both groups at risk")
    known = [column for column in tested if not with_products.faults[column]]
    if not known or len(known) < sum(column in parts.kept for column in tested):
        return None, None, "the ratio of a level is 0 or infinite"
    beta = with_products.coefficients[known]
    variance = with_products.variance[np.ix_(known, known)]
    return float(beta @ np.linalg.pinv(variance, hermitian=True) @ beta), len(known), ""


# Subjects of a model ----------------------------------------------------------------------------------------------------


def _begin(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> tuple[Estimates, Grouping, Flags]:
    """The collector, the subjects in groups, and who of them has every covariate."""
    grouping = group_rows(filter_ever_at_risk(rows), group, options)
    method = [f"Cox, {options['ties'].capitalize()} ties, {LIMITS[options['limits']]}, {options['conf_level']:g}"]
    if options["covariates"]:
        method.append(f"adjusted for {', '.join(options['covariates'])}")
    if options["strata"]:
        method.append(f"stratified by {', '.join(options['strata'])}")
    if grouping.weight is not None:
        method.append("weighted")
    if options["robust"] or grouping.weight is not None:
        method.append("robust variance")
    estimates = Estimates(", ".join(method), group)
    grouping.report_to(estimates)
    complete = has_all(grouping.rows, options["covariates"])
    if not complete.all():
        estimates.add(
            "n_without_covariate", "Subjects left out: a covariate is missing", float((~complete).sum()), COUNT,
            note="a covariate of the model is missing", n=int((~complete).sum()),
        )  # fmt: skip
        counts = np.bincount(grouping.group_index[complete], minlength=len(grouping.names))
        estimates.sizes = {name: int(count) for name, count in zip(grouping.names, counts, strict=True)}
    return estimates, grouping, complete


def _pairs(grouping: Grouping, complete: Flags, group: str | None, options: Mapping[str, Any]) -> list[_Pair]:
    """One model for each group but the reference; without groups, one of all subjects."""
    covariates: Sequence[str] = options["covariates"]
    if group is None:
        return [_pair(grouping, complete, None, None, covariates)]
    reference = reference_number(grouping, options)
    return [
        _pair(grouping, complete, number, reference, covariates)
        for number in range(len(grouping.names))
        if number != reference
    ]


def _pair(
    grouping: Grouping, complete: Flags, number: int | None, reference: int | None, covariates: Sequence[str]
) -> _Pair:
    if number is None or reference is None:
        chosen, exposed = complete, None
    else:
        chosen = complete & ((grouping.group_index == number) | (grouping.group_index == reference))
        exposed = (grouping.group_index[chosen] == number).astype(float)
    rows = grouping.rows.filter(pl.Series(chosen))
    return _Pair(
        group=None if number is None else grouping.names[number],
        reference=None if reference is None else grouping.names[reference],
        times=Times.of(rows),
        stratum=grouping.stratum_index[chosen],
        exposed=exposed,
        design=design_matrix(rows, covariates, None if exposed is None else exposed[:, None]),
    )


def _is_robust(options: Mapping[str, Any], times: Times) -> bool:
    return bool(options["robust"]) or times.weight is not None


def _why_not_determined(pair: _Pair) -> str:
    """The reason why the subjects of two groups do not determine a ratio, in the plainest words; empty without one.

    Only event times at which both groups are at risk inform the ratio; if all of their events are on one side, the ratio
    is 0 or infinite.
    """
    assert pair.exposed is not None  # noqa: S101  (there is a group)
    times = pair.times
    if not (pair.exposed > 0).any() or (pair.exposed > 0).all():
        return "one of the two groups has no subjects"
    if not times.event.any():
        return "no events"
    together = Subjects.of(times.days, times.event, pair.exposed[:, None], pair.stratum, times.entry)
    exposed, deaths = together.matrix[:, 0] > 0, np.zeros(2)
    for level in np.unique(together.stratum):
        inside = together.stratum == level
        entry = None if together.entry is None else together.entry[inside]
        deaths += _deaths_with_both_at_risk(together.days[inside], together.event[inside], exposed[inside], entry)
    if not deaths.any():
        return "at no event time were both groups at risk"
    if deaths[0] == 0:
        return "the hazard ratio is infinite: no event in the reference group while both were at risk"
    if deaths[1] == 0:
        return "the hazard ratio is zero: no event in the group while both were at risk"
    return ""


def _deaths_with_both_at_risk(days: Numbers, event: Flags, exposed: Flags, entry: Numbers | None) -> Numbers:
    """Events (reference, exposed) at the times when both sides are at risk."""
    times, row = np.unique(days[event], return_inverse=True)
    both = np.ones(times.size, dtype=bool)
    for side in (~exposed, exposed):
        both &= at_risk_at(times, days[side], None if entry is None else entry[side]) > 0
    counted = both[row]
    side_of_event = exposed[event]
    return np.array([(counted & ~side_of_event).sum(), (counted & side_of_event).sum()], dtype=float)


# Rows -------------------------------------------------------------------------------------------------------------------


def _add_ratio(
    estimates: Estimates,
    words: str,
    fit: CoxFit,
    place: int,
    note: str,
    options: Mapping[str, Any],
    **where: Any,
) -> None:
    """A hazard ratio with its limits and test, or the reason why there is none."""
    nothing = float("nan")
    beta = error = naive = low = high = p_value = nothing
    if not note:
        beta, error = float(fit.coefficients[place]), float(fit.std_errors[place])
        naive = float(np.sqrt(fit.naive[place, place]))
        if error > np.sqrt(np.finfo(float).eps) * naive:
            low, high = _limits(fit, place, options)
            p_value = float(2 * scipy.special.ndtr(-abs(beta) / error))
        else:
            error = nothing
    rows = [
        ("hazard_ratio", words, np.exp(beta), TWO_DECIMALS),
        ("lower", f"{words}: lower limit", np.exp(low), TWO_DECIMALS),
        ("upper", f"{words}: upper limit", np.exp(high), TWO_DECIMALS),
        ("coefficient", f"Log {_lower_first(words)}", beta, THREE_DECIMALS),
        ("std_error", f"Log {_lower_first(words)}: standard error", error, THREE_DECIMALS),
        ("p_value", f"{words}: Wald p value", p_value, P_VALUE),
    ]
    if not np.array_equal(fit.variance, fit.naive, equal_nan=True):
        rows.append(
            ("naive_std_error", f"Log {_lower_first(words)}: standard error of the model", naive, THREE_DECIMALS)
        )
    for statistic, label, value, number_format in rows:
        undefined = None
        if not note and np.isnan(value):
            undefined = "the robust variance is 0" if np.isnan(error) else "the likelihood does not fall far enough"
        estimates.add(statistic, label, float(value), number_format, note=note or undefined, **where)


def _limits(fit: CoxFit, place: int, options: Mapping[str, Any]) -> tuple[float, float]:
    """Limits of a log hazard ratio."""
    if options["limits"] == "profile_likelihood":
        return profile_limits(fit, place, options["conf_level"])
    width = normal_quantile(options["conf_level"]) * float(fit.std_errors[place])
    return float(fit.coefficients[place]) - width, float(fit.coefficients[place]) + width


def _add_hazards_check(
    estimates: Estimates, pair: _Pair, fit: CoxFit, group: str | None, options: Mapping[str, Any]
) -> None:
    """The check of proportional hazards: of the groups, of each covariate, and of all together."""
    terms: dict[str | None, list[int]] = {} if pair.exposed is None else {group: [0]}
    start = len(terms)
    for number, column in enumerate(pair.design.estimable):
        terms.setdefault(column.covariate, []).append(start + number)
    each, together = check_proportional_hazards(fit, list(terms.values()), options["proportional_hazards"])
    found: list[tuple[str | None, HazardsCheck]] = [*zip(terms, each, strict=True)]
    if len(terms) > 1:
        found.append((None, together))
    reason = _why_not_determined(pair) if pair.exposed is not None else ""
    for level, check in found:
        words = "Proportional hazards" + (f", {_label(level, options)}" if level is not None else ", all together")
        known = not np.isnan(check.chi_square)
        _add_test(
            estimates, words, check.chi_square if known else None, check.degrees_of_freedom if known else None,
            "" if known else reason or check.note,
            group=pair.group, comparison=pair.reference, variable="proportional_hazards", level=level,
        )  # fmt: skip


def _add_test(
    estimates: Estimates, words: str, statistic: float | None, freedom: int | None, note: str, **where: Any
) -> None:
    known = statistic is not None and freedom is not None
    p_value = float(scipy.special.chdtrc(freedom, max(statistic, 0.0))) if statistic is not None and freedom else None
    for name, label, value, number_format in (
        ("chi_square", f"{words}: chi-square", statistic, THREE_DECIMALS),
        ("degrees_of_freedom", f"{words}: degrees of freedom", freedom, COUNT),
        ("p_value", f"{words}: p value", p_value, P_VALUE),
    ):
        estimates.add(name, label, value, number_format, note=None if known else note, **where)


def _words(column: Column, options: Mapping[str, Any]) -> str:
    """`Stage B to A`, or the label of a number."""
    label = _label(column.covariate, options)
    return label if column.level is None else f"{label} {column.level} to {column.reference}"


def _label(name: str, options: Mapping[str, Any]) -> str:
    return str((options.get("labels") or {}).get(name, name))


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]
