"""Step 1: the day on which a subject's clock starts, and the day on which the combination is complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.endpoints.words import KEY, derive_origin
from rules_engine.vocabulary import SubjectRecords, Words


def derive_time_origin(records: SubjectRecords, options: Mapping[str, Any], words: Words) -> pl.LazyFrame:
    """One row per subject with a time origin: subject, t0."""
    return derive_origin(options["origin"], records, options, words).rename({"date": "t0"})


def derive_components(records: SubjectRecords, options: Mapping[str, Any], words: Words) -> dict[str, pl.LazyFrame]:
    """The days of each of the `origin_components`, by name: subject, date."""
    return {name: derive_origin(name, records, options, words) for name in options["origin_components"]}


def recorded_origin(records: SubjectRecords, name: str) -> pl.LazyFrame:
    """An origin that the study records under this name: subject, date."""
    return (
        records.origins.filter(pl.col("origin") == name, pl.col("date").is_not_null())
        .group_by("subject")
        .agg(pl.col("date").min())
    )


def earliest(starts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The earliest of several days: subject, date. One of them is enough."""
    return _stacked(starts).group_by("subject").agg(pl.col("date").min())


def latest(starts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The latest of several days, of whichever a subject has: subject, date."""
    return _stacked(starts).group_by("subject").agg(pl.col("date").max())


def latest_of_all(starts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The latest of several days, for subjects who have all of them: subject, date."""
    return (
        _stacked(starts)
        .group_by("subject")
        .agg(pl.col("date").max(), _known=pl.len())
        .filter(pl.col("_known") == len(starts))
        .drop("_known")
    )


def days_apart(starts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The days between the first and the last of several days, of whichever a subject has: subject, days."""
    date = pl.col("date")
    return _stacked(starts).group_by("subject").agg(days=(date.max() - date.min()).dt.total_days())


def _stacked(starts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    return pl.concat(starts.values()) if starts else pl.LazyFrame(schema={"subject": KEY, "date": pl.Date()})
