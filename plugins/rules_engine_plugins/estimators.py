"""The built-in estimators: survival, its comparisons, cumulative incidence, and rates of responders.

Each is an id, the JSON Schema of its options, and a function of `rules_engine.analysis`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
from rules_engine.analysis import cox_estimates as cox
from rules_engine.analysis import response_estimates as response
from rules_engine.analysis.balance_estimates import estimate_balance
from rules_engine.analysis.cox import TIES, TRANSFORMS
from rules_engine.analysis.incidence_estimates import estimate_incidence
from rules_engine.analysis.interval_estimates import estimate_from_intervals
from rules_engine.analysis.limits import CONF_TYPES
from rules_engine.analysis.log_rank_estimates import estimate_log_rank
from rules_engine.analysis.mean_estimates import estimate_restricted_mean
from rules_engine.analysis.options import with_defaults
from rules_engine.analysis.survival_estimates import estimate_survival
from rules_engine.analysis.wording import DIFFERENCE_METHOD, RATE_METHOD, WORDING
from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import Estimator, JsonSchema
from rules_engine.wording import Wording, with_wording

Estimate = Callable[[pl.DataFrame, str | None, Mapping[str, Any]], pl.DataFrame]

CONF_LEVEL = {
    "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.95,
    "description": "Confidence level of all limits: 0.95 for 95 %.",
}  # fmt: skip
CONF_TYPE = {
    "enum": list(CONF_TYPES), "default": "log-log",
    "description": "Scale on which the limits of a curve are symmetric: `log-log` (complementary log-log, stays "
    "between 0 and 1), `log` (the default of R's survival package), `plain`, `logit` or `arcsin` (square root).",
}  # fmt: skip
DAYS_PER_MONTH = {
    "type": "number", "exclusiveMinimum": 0, "default": 30.4375,
    "description": "Days in a month, for landmarks in months and results in months. The engine fills in the "
    "endpoint's own.",
}  # fmt: skip
LANDMARKS = {
    "type": "array", "items": {"type": "number", "minimum": 0}, "uniqueItems": True, "default": [],
    "description": "Months at which the estimate is reported. After a group's last observed time there is none.",
}  # fmt: skip
GROUP_ORDER = {
    "type": "array", "items": {"type": "string"}, "uniqueItems": True,
    "description": "Groups in the order of the tables; others follow alphabetically. By arm, the engine fills in "
    "study.arms.",
}  # fmt: skip
REFERENCE_GROUP = {
    "type": "string",
    "description": "The group that the others are compared with; without it the last one. By arm, the engine fills in "
    "study.reference_arm.",
}  # fmt: skip
STRATA = {
    "type": "array", "items": {"type": "string"}, "uniqueItems": True, "default": [],
    "description": "Columns of the table subjects by whose combinations the comparison is stratified. Pool sparse "
    "strata (fewer than 5 events in a group) beforehand.",
}  # fmt: skip
MISSING_STRATUM = {
    "enum": ["own_level", "exclude"], "default": "own_level",
    "description": "Subjects without a stratum value: `own_level` keeps them as a stratum of their own, `exclude` "
    "leaves them out and reports how many.",
}  # fmt: skip
LABELS = {
    "type": "object", "additionalProperties": {"type": "string"}, "default": {},
    "description": "What tables call the covariates. The engine fills in the labels of the section covariates.",
}  # fmt: skip
BALANCED = {
    "type": "array", "items": {"type": "string"}, "uniqueItems": True, "default": [],
    "description": "Covariates, or columns of the table subjects, to compare. With weights, the engine fills in those of "
    "the propensity model; state more to see what the model does not hold.",
    "x-from-weights": True,
}  # fmt: skip
COMPARED = {"group_order": GROUP_ORDER, "reference_group": REFERENCE_GROUP}
STRATIFIED = {"strata": STRATA, "missing_stratum": MISSING_STRATUM}


def _schema(properties: Mapping[str, Any], required: Sequence[str] = ()) -> JsonSchema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _estimator(
    identifier: str,
    title: str,
    reference: str,
    shape: str,
    schema: JsonSchema,
    estimate: Estimate,
    *,
    weighted: bool = False,
    interaction: Callable[[pl.DataFrame, str | None, str, Mapping[str, Any]], pl.DataFrame] | None = None,
    wording: Mapping[str, Wording] = WORDING,
) -> Estimator:
    """An estimator whose functions receive the options completed with the schema's defaults, told in our words."""
    schema = with_wording(schema, wording)

    def with_complete_options(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
        return estimate(rows, group, with_defaults(options, schema))

    def test_with_complete_options(
        rows: pl.DataFrame, group: str | None, subgroup: str, options: Mapping[str, Any]
    ) -> pl.DataFrame:
        assert interaction is not None  # noqa: S101  (else it is not offered)
        return interaction(rows, group, subgroup, with_defaults(options, schema))

    return Estimator(
        id=identifier,
        version="1.0",
        title=title,
        reference=reference,
        shape=shape,
        options_schema=schema,
        estimate=with_complete_options,
        weighted=weighted,
        interaction=None if interaction is None else test_with_complete_options,
    )


_CURVE = _schema(
    {
        "conf_level": CONF_LEVEL,
        "conf_type": CONF_TYPE,
        "landmarks_months": LANDMARKS,
        "days_per_month": DAYS_PER_MONTH,
        "group_order": GROUP_ORDER,
    }
)

KAPLAN_MEIER = _estimator(
    "kaplan_meier",
    "Kaplan-Meier estimate: quartiles and survival at landmarks",
    "Kaplan and Meier 1958; Greenwood 1926; Brookmeyer and Crowley 1982",
    "time_to_event",
    _CURVE,
    estimate_survival,
    weighted=True,
)

REVERSE_KAPLAN_MEIER = _estimator(
    "reverse_kaplan_meier",
    "Median follow-up by the reverse Kaplan-Meier method",
    "Schemper and Smith 1996",
    "time_to_event",
    _CURVE,
    partial(estimate_survival, reverse=True),
    weighted=True,
)

LOG_RANK = _estimator(
    "log_rank",
    "Log-rank test, stratified where strata are named",
    "Mantel 1966; Peto and Peto 1972",
    "time_to_event",
    _schema({**STRATIFIED, **COMPARED}),
    estimate_log_rank,
)

COX = _estimator(
    "cox",
    "Hazard ratio by the Cox model: stratified, adjusted, weighted; check of proportional hazards",
    "Cox 1972; Efron 1977; Grambsch and Therneau 1994; Lin and Wei 1989",
    "time_to_event",
    _schema(
        {
            "ties": {
                "enum": list(TIES),
                "default": "efron",
                "description": "How tied event times enter the likelihood: `efron`, or `breslow` for comparison.",
            },
            "limits": {
                "enum": list(cox.LIMITS),
                "default": "wald",
                "description": "Limits of a ratio: `wald` (symmetric on the log scale) or `profile_likelihood`.",
            },
            "conf_level": CONF_LEVEL,
            "covariates": {
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
                "default": [],
                "description": "Covariates, or columns of the table subjects, that the ratio is adjusted for; each enters "
                "linearly, levels against the first. Subjects without a value are left out and counted.",
            },
            "proportional_hazards": {
                "enum": [*TRANSFORMS, cox.NO_CHECK],
                "default": "km",
                "description": "Scale of time on which a change of the ratio is tested: `km` (1 - Kaplan-Meier), `rank`, "
                "`identity` or `log`; `none` leaves the check out.",
            },
            "robust": {
                "type": "boolean",
                "default": False,
                "description": "Sandwich variance (Lin and Wei); with weights it is always used.",
            },
            "labels": LABELS,
            **STRATIFIED,
            **COMPARED,
        }
    ),
    cox.estimate_hazard_ratio,
    weighted=True,
    interaction=cox.estimate_interaction,
)

RMST = _estimator(
    "rmst",
    "Restricted mean survival time and its difference",
    "Royston and Parmar 2013; Uno et al. 2014",
    "time_to_event",
    _schema(
        {
            "tau_months": {
                "type": "array",
                "items": {"type": "number", "exclusiveMinimum": 0},
                "minItems": 1,
                "uniqueItems": True,
                "description": "Months up to which the mean is taken; stated in advance, and not later than the "
                "shortest of the groups' last observed times.",
            },
            "conf_level": CONF_LEVEL,
            "days_per_month": DAYS_PER_MONTH,
            **COMPARED,
        },
        required=["tau_months"],
    ),
    estimate_restricted_mean,
    weighted=True,
)

CUMULATIVE_INCIDENCE = _estimator(
    "cumulative_incidence",
    "Cumulative incidence of the event with a competing event",
    "Aalen and Johansen 1978; Marubini and Valsecchi 1995",
    "time_to_event",
    _CURVE,
    estimate_incidence,
)

INTERVAL_CENSORED = _estimator(
    "interval_censored",
    "Event-free time from the intervals between assessments: quartiles and shares at landmarks",
    "Turnbull 1976; Gentleman and Geyer 1994",
    "time_to_event",
    _schema({"landmarks_months": LANDMARKS, "days_per_month": DAYS_PER_MONTH, "group_order": GROUP_ORDER}),
    estimate_from_intervals,
)

BALANCE = _estimator(
    "balance",
    "Covariates of the groups and their standardised differences, before and after weighting",
    "Austin 2009; Kish 1965 (effective sample size)",
    "any",
    _schema({"covariates": BALANCED, "labels": LABELS, **COMPARED}),
    estimate_balance,
    weighted=True,
)

PROPORTION = _estimator(
    "proportion",
    "Rate of responders with limits",
    "Clopper and Pearson 1934; Wilson 1927",
    "response",
    _schema(
        {
            "method": {
                "enum": ["clopper_pearson", "wilson"],
                "default": "clopper_pearson",
                "description": "Limits of the rate: `clopper_pearson` (exact) or `wilson` (score, no continuity "
                "correction).",
            },
            "conf_level": CONF_LEVEL,
            "group_order": GROUP_ORDER,
        }
    ),
    response.estimate_rates,
    wording={**WORDING, "method": RATE_METHOD},
)

PROPORTION_DIFFERENCE = _estimator(
    "proportion_difference",
    "Difference of two rates of responders",
    "Miettinen and Nurminen 1985; Newcombe 1998",
    "response",
    _schema(
        {
            "method": {
                "enum": ["miettinen_nurminen", "newcombe"],
                "default": "miettinen_nurminen",
                "description": "`miettinen_nurminen`: score limits; over strata with Cochran-Mantel-Haenszel weights. "
                "`newcombe`: from the two Wilson intervals; strata are then used by the test only.",
            },
            "conf_level": CONF_LEVEL,
            **STRATIFIED,
            **COMPARED,
        }
    ),
    response.estimate_rate_differences,
    interaction=response.estimate_rate_interaction,
    wording={**WORDING, "method": DIFFERENCE_METHOD},
)


FREQUENCIES = _estimator(
    "frequencies",
    "Number and share of subjects with each response, such as the best overall response",
    "counts",
    "response",
    _schema(
        {
            "value_order": {
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
                "default": list(response.BEST_FIRST),
                "description": "Responses in the order of the table; others follow alphabetically.",
            },
            "group_order": GROUP_ORDER,
        }
    ),
    response.estimate_frequencies,
)


@hookimpl
def rules_engine_estimators() -> Sequence[Estimator]:
    """Offer the built-in estimators."""
    return [
        KAPLAN_MEIER,
        REVERSE_KAPLAN_MEIER,
        LOG_RANK,
        COX,
        RMST,
        CUMULATIVE_INCIDENCE,
        INTERVAL_CENSORED,
        BALANCE,
        PROPORTION,
        PROPORTION_DIFFERENCE,
        FREQUENCIES,
    ]
