"""Facts that make a reason to censor: what the built-in rules are made of, and what a third party's may be made of."""

from __future__ import annotations

import polars as pl

from rules_engine.endpoints.sources import DEATH, source
from rules_engine.endpoints.truncation import is_usable
from rules_engine.vocabulary import Observation


def without_baseline(observation: Observation) -> pl.LazyFrame:
    """Subjects whose assessments contribute nothing, because there is no adequate baseline."""
    return observation.clock.filter("no_baseline").select("subject", date="t0")


def without_evaluable_assessment(observation: Observation) -> pl.LazyFrame:
    """Subjects without an evaluable assessment after the origin and in the snapshot."""
    return observation.subjects.filter(~pl.col("has_evaluable")).select("subject", date="start_date")


def therapies_of(observation: Observation, reason: str) -> pl.LazyFrame:
    """Starts of the therapies of one kind (`therapies.REASONS`)."""
    return observation.therapies.filter(pl.col("reason") == reason)


def usable_deaths(observation: Observation) -> pl.LazyFrame:
    """Deaths in the snapshot, before anything ended the observation."""
    died = observation.subjects.filter("died", is_usable(pl.col("death_date"), observation.options))
    return died.select("subject", date="death_date", imputation="death_imputation", **source(DEATH))


def pending_progressions(observation: Observation) -> pl.LazyFrame:
    """Unconfirmed progressions that wait for their answer."""
    waiting = observation.progression.filter(pl.col("u_date").is_not_null())
    return waiting.select("subject", date="u_date")


def dispositions(observation: Observation, column: str) -> pl.LazyFrame:
    """Subjects of whom a column of the clock (withdrawal, loss, end of study) lies in the snapshot."""
    return observation.clock.filter(pl.col(column) <= pl.col("last_day")).select("subject", date=column)


def everyone(observation: Observation) -> pl.LazyFrame:
    """Every subject, at the last day of the snapshot."""
    return observation.clock.select("subject", date="last_day")
