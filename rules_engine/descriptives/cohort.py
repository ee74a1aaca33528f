"""All counts and summaries of a cohort, in the order in which a report tells them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from rules_engine.descriptives.characteristics import describe_characteristics
from rules_engine.descriptives.endings import describe_endings
from rules_engine.descriptives.flow import describe_flow
from rules_engine.descriptives.numbers_at_risk import describe_numbers_at_risk
from rules_engine.descriptives.reassessment import describe_reassessment
from rules_engine.descriptives.responses import describe_responses
from rules_engine.descriptives.rows import ARM, arms_of
from rules_engine.descriptives.sums import describe_sums
from rules_engine.descriptives.tallies import REASSESSED, RESPONSES, SUMS, TIMES, of_kind
from rules_engine.model import Ruleset


def describe_cohort(
    ruleset: Ruleset,
    tallies: Mapping[str, pl.DataFrame],
    subjects: pl.DataFrame,
    treatments: pl.LazyFrame,
    cutoff: date,
) -> pl.DataFrame:
    """Rows of the ARD out of the stacked `tallies` of `tally_records`, and the canonical tables of subjects and treatments."""
    study: Mapping[str, object] = ruleset.document.get("study") or {}
    stated = study.get("arms") or ()
    arms = arms_of(stated if isinstance(stated, list | tuple) else (), subjects[ARM])
    people = subjects.with_columns(pl.col(ARM).cast(pl.String))
    times, responses = of_kind(tallies, TIMES), of_kind(tallies, RESPONSES)
    endpoints = ruleset.endpoints
    return pl.concat(
        [
            describe_flow(people, treatments, {**times, **responses}, endpoints, arms, cutoff),
            describe_characteristics(people, ruleset.covariates, arms),
            describe_endings(times, endpoints, arms),
            describe_numbers_at_risk(times, endpoints, arms),
            describe_responses(responses, endpoints, arms),
            describe_sums(of_kind(tallies, SUMS), arms),
            describe_reassessment(of_kind(tallies, REASSESSED), arms),
        ]
    )
