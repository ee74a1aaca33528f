"""Estimates of response endpoints as rows of analysis results: rates per group, and their differences.

Input rows are one per subject with `responder`. A subject whose `responder` is null stays in the denominator as a
non-responder, and the number of such subjects is a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.analysis.ard import COUNT, P_VALUE, PERCENT, THREE_DECIMALS, Estimates
from rules_engine.analysis.groups import ONE_GROUP, Grouping, group_rows, reference_number
from rules_engine.analysis.proportions import (
    Rate,
    breslow_day,
    clopper_pearson,
    cochran_mantel_haenszel,
    miettinen_nurminen,
    newcombe,
    wilson,
)
from rules_engine.analysis.times import NO_SUBJECTS
from rules_engine.numerics import np, scipy

#: Responses in the order of tables, best first, an iRECIST code after the code that it stands for.
BEST_FIRST = (
    terms.CR, terms.ICR, terms.PR, terms.IPR, terms.SD, terms.ISD, terms.NON_CR_NON_PD, terms.NON_ICR_NON_IUPD,
    terms.NED, terms.PD, terms.RECUR, terms.ICPD, terms.IUPD, terms.NE, terms.ND, terms.MISSING,
)  # fmt: skip
RATE_METHODS = {"clopper_pearson": ("Clopper-Pearson", clopper_pearson), "wilson": ("Wilson", wilson)}


def estimate_rates(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """The rate of responders per group with limits."""
    name, limits = RATE_METHODS[options["method"]]
    estimates = Estimates(f"{name}, {options['conf_level']:g}", group)
    grouping = group_rows(rows, group, options)
    grouping.report_to(estimates)
    for label, part in grouping.parts():
        rate = _rate(part["responder"])
        lower, upper = limits(rate, options["conf_level"])
        reason = None if rate.n else NO_SUBJECTS
        estimates.add("n", "Subjects", rate.n, COUNT, group=label)
        estimates.add("responders", "Responders", rate.responders, COUNT, group=label)
        unknown = part["responder"].null_count()
        if unknown:
            estimates.add("unknown", "Response not known, counted as non-responders", unknown, COUNT, group=label)
        estimates.add("rate", "Rate", rate.value, PERCENT, group=label, note=reason)
        estimates.add("lower", "Rate: lower limit", lower, PERCENT, group=label, note=reason)
        estimates.add("upper", "Rate: upper limit", upper, PERCENT, group=label, note=reason)
    return estimates.frame()


def estimate_rate_differences(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """Difference of each group's rate from the reference group's, with limits and p value."""
    strata = options["strata"]
    is_score = options["method"] == "miettinen_nurminen"
    method = f"{'Miettinen-Nurminen' if is_score else 'Newcombe'}, {options['conf_level']:g}"
    estimates = Estimates(method + (f", stratified by {', '.join(strata)}" if strata else ""), group)
    grouping = group_rows(rows, group, options)
    grouping.report_to(estimates)
    if len(grouping.names) < 2:
        name = grouping.names[0] if grouping.names else None
        estimates.add("difference", "Difference of rates", None, PERCENT, group=name, note=ONE_GROUP)
        return estimates.frame()
    reference = reference_number(grouping, options)
    for number, label in enumerate(grouping.names):
        if number == reference:
            continue
        pairs = _rates_by_stratum(grouping, number, reference)
        if is_score:
            difference, lower, upper, p_value = miettinen_nurminen(pairs, options["conf_level"])
        else:
            one, two = _pooled(pairs)
            difference, (lower, upper) = one.value - two.value, newcombe(one, two, options["conf_level"])
            p_value = cochran_mantel_haenszel(pairs)
        reason = "one of the groups has no subjects" if np.isnan(difference) else None
        test = "Score test p value" if is_score else "Chi-square test p value"
        no_p = reason or ("every subject or no subject responded" if np.isnan(p_value) else None)
        other = grouping.names[reference]
        for statistic, words, value, number_format, note in (
            ("difference", "Difference of rates", difference, PERCENT, reason),
            ("lower", "Difference of rates: lower limit", lower, PERCENT, reason),
            ("upper", "Difference of rates: upper limit", upper, PERCENT, reason),
            ("p_value", test, p_value, P_VALUE, no_p),
        ):
            estimates.add(statistic, words, value, number_format, group=label, comparison=other, note=note)
        if strata:
            estimates.add(
                "cmh_p_value", "Cochran-Mantel-Haenszel p value", cochran_mantel_haenszel(pairs), P_VALUE,
                group=label, comparison=other, note=no_p,
            )  # fmt: skip
    return estimates.frame()


_NO_COMMON_RATIO = "fewer than two levels tell of an odds ratio"


def estimate_rate_interaction(
    rows: pl.DataFrame, group: str | None, subgroup: str, options: Mapping[str, Any]
) -> pl.DataFrame:
    """Does the odds ratio differ between the levels of `subgroup`? One test for each group against the reference."""
    estimates = Estimates("Interaction, Breslow-Day with Tarone's correction", group)
    grouping = group_rows(rows, group, {**options, "strata": [subgroup], "missing_stratum": "exclude"})
    grouping.report_to(estimates)
    for number, label in enumerate(grouping.names):
        reference = reference_number(grouping, options) if len(grouping.names) > 1 else number
        if number == reference and len(grouping.names) > 1:
            continue
        chi_square, freedom = breslow_day(_rates_by_stratum(grouping, number, reference)) if group else (np.nan, 0)
        alone = len(grouping.names) < 2
        note = ONE_GROUP if alone else _NO_COMMON_RATIO if np.isnan(chi_square) else None
        p_value = None if note else float(scipy.special.chdtrc(freedom, chi_square))
        other = None if alone else grouping.names[reference]
        where: dict[str, Any] = {
            "group": label,
            "comparison": other,
            "variable": "interaction",
            "level": subgroup,
            "note": note,
        }
        estimates.add("chi_square", "Interaction: chi-square", None if note else chi_square, THREE_DECIMALS, **where)
        estimates.add(
            "degrees_of_freedom", "Interaction: degrees of freedom", None if note else freedom, COUNT, **where
        )
        estimates.add("p_value", "Interaction: p value", p_value, P_VALUE, **where)
    return estimates.frame()


def estimate_frequencies(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
    """How many subjects have each response value, per group: number and share of the group.

    Values stand in the order of `value_order`, further ones after them alphabetically; all groups list the same values.
    """
    estimates = Estimates("Counts", group)
    grouping = group_rows(rows, group, options)
    grouping.report_to(estimates)
    stated = list(options.get("value_order") or ())
    found = grouping.rows["value"].drop_nulls().unique().to_list()
    values = [value for value in stated if value in found] + sorted(set(found) - set(stated))
    for label, part in grouping.parts():
        estimates.add("n", "Subjects", part.height, COUNT, group=label)
        counts = dict(part["value"].value_counts().iter_rows())
        for value in values:
            number = int(counts.get(value, 0))
            share = number / part.height if part.height else None
            where = {"group": label, "variable": "value", "level": value}
            estimates.add("count", f"Subjects with {value}", number, COUNT, **where)
            reason = None if part.height else NO_SUBJECTS
            estimates.add("share", f"Share of subjects with {value}", share, PERCENT, **where, note=reason)
    return estimates.frame()


def _rate(responder: pl.Series) -> Rate:
    return Rate(int(responder.fill_null(value=False).sum()), responder.len())


def _rates_by_stratum(grouping: Grouping, number: int, reference: int) -> list[tuple[Rate, Rate]]:
    responder = grouping.rows["responder"].fill_null(value=False).to_numpy()
    pairs = []
    for level in np.unique(grouping.stratum_index):
        sides = [(grouping.stratum_index == level) & (grouping.group_index == which) for which in (number, reference)]
        one, two = (Rate(int(responder[side].sum()), int(side.sum())) for side in sides)
        pairs.append((one, two))
    return pairs or [(Rate(0, 0), Rate(0, 0))]


def _pooled(pairs: list[tuple[Rate, Rate]]) -> tuple[Rate, Rate]:
    sides = []
    for side in (0, 1):
        sides.append(Rate(sum(pair[side].responders for pair in pairs), sum(pair[side].n for pair in pairs)))
    return sides[0], sides[1]
