"""Exposure-adjusted rates: how long each subject was observed, and events or subjects per so many patient-years.

The incidence rate counts subjects with an event over the time until their first one (EAIR); the event rate counts all
events over all of the time (EAER). Limits of the former are exact Poisson limits (Garwood 1936). Missing follow-up is
decided by rule: a subject without a first day of treatment has no time and is in no rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

EXPOSURE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "default": {},
    "description": "How exposure-adjusted rates count time: from the first day of the window, both first and last day.",
    "properties": {
        "until": {
            "enum": ["observation", "treatment"],
            "default": "observation",
            "description": (
                "observation: to the end of the window, the death or the last contact, whichever is first; treatment: not "
                "later than `days_after` days after the last treatment either."
            ),
        },
        "days_after": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "Days after the last treatment that count where `until` is treatment.",
        },
        "per_patient_years": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 100,
            "description": "Patient-years to which rates are scaled.",
        },
        "days_per_year": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 365.25,
            "description": "Days that make a year.",
        },
        "conf_level": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.95,
            "description": "Level of the exact Poisson limits of the incidence rate.",
        },
    },
}


@dataclass(frozen=True, slots=True)
class ExposureRule:
    """How exposure is counted; see `EXPOSURE_SCHEMA`."""

    until: str
    days_after: int
    per_patient_years: float
    days_per_year: float
    conf_level: float


def exposure_rule(stated: Mapping[str, Any]) -> ExposureRule:
    """The rule, with the schema's defaults where nothing is stated."""
    complete = {name: stated.get(name, known["default"]) for name, known in EXPOSURE_SCHEMA["properties"].items()}
    return ExposureRule(**complete)


def derive_exposure(context: pl.DataFrame, rule: ExposureRule) -> pl.DataFrame:
    """`subject`, `exposure_start` and `exposure_days` (null without a first day) from `context.CONTEXT_SCHEMA`."""
    ends = ["window_end", "last_observed"]
    if rule.until == "treatment":
        ends.append("_last_treated")
    start = pl.col("window_start")
    last_treated = pl.col("treatment_end") + pl.duration(days=rule.days_after)
    return context.with_columns(_last_treated=last_treated).select(
        "subject",
        exposure_start=start,
        exposure_days=((pl.min_horizontal(ends) - start).dt.total_days() + 1).clip(lower_bound=0),
    )


def days_at_risk(first_event: pl.Expr) -> pl.Expr:
    """Days until the first event of a subject who has one, its day included; an event from before the first day counts on
    that day, one without a day leaves the time whole.
    """
    until_event = (first_event - pl.col("exposure_start")).dt.total_days() + 1
    return pl.min_horizontal(until_event.clip(lower_bound=1), "exposure_days")


def rate_columns(
    subjects: pl.Expr, events: pl.Expr, at_risk: pl.Expr, exposure: pl.Expr, rule: ExposureRule
) -> list[pl.Expr]:
    """`person_years`, `rate` with `rate_lower` and `rate_upper`, and `event_rate`; null where there is no time.

    `subjects` have an event, `at_risk` is the time in days until the first one of each (or the whole of it), `exposure`
    the time of all.
    """
    years = at_risk / rule.days_per_year
    scale = pl.when(years > 0).then(rule.per_patient_years / years)
    total = exposure / rule.days_per_year
    lower, upper = poisson_limits(subjects, rule.conf_level)
    return [
        years.alias("person_years"),
        (subjects * scale).alias("rate"),
        (lower * scale).alias("rate_lower"),
        (upper * scale).alias("rate_upper"),
        (events * pl.when(total > 0).then(rule.per_patient_years / total)).alias("event_rate"),
    ]


def poisson_limits(number: pl.Expr, conf_level: float) -> tuple[pl.Expr, pl.Expr]:
    """Exact limits of a Poisson mean out of the number that was counted: half the quantiles of chi-squared with 2n and
    2n + 2 degrees of freedom.
    """
    alpha = 1 - conf_level

    def quantile(shape: pl.Series, probability: float) -> pl.Series:
        from scipy.special import gammaincinv

        # Half a quantile of chi-squared with 2k degrees of freedom is a quantile of the gamma distribution with shape k.
        return pl.Series(gammaincinv(shape.to_numpy(), probability), dtype=pl.Float64)

    def lower(counts: pl.Series) -> pl.Series:
        return quantile(counts.cast(pl.Float64), alpha / 2)

    def upper(counts: pl.Series) -> pl.Series:
        return quantile(counts.cast(pl.Float64) + 1, 1 - alpha / 2)

    below = pl.when(number > 0).then(number.map_batches(lower, return_dtype=pl.Float64)).otherwise(0.0)
    return below, number.map_batches(upper, return_dtype=pl.Float64)
