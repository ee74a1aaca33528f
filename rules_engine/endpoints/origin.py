"""Step 1: the day on which a subject's clock starts, and the day on which the combination is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl


def derive_time_origin(origins: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """One row per subject with a time origin: subject, t0.

    In: one row per subject and named origin. `first_component` needs one of the named components, `last_component`
    all of them.
    """
    name = options["origin"]
    if name == "first_component":
        return first_start(origins, options["origin_components"])
    if name == "last_component":
        return last_start(origins, options["origin_components"])
    return first_start(origins, [name])


def first_start(origins: pl.LazyFrame, components: Sequence[str]) -> pl.LazyFrame:
    """Earliest of the named origins: subject, t0."""
    return _named(origins, components).group_by("subject").agg(t0=pl.col("date").min())


def last_start(origins: pl.LazyFrame, components: Sequence[str]) -> pl.LazyFrame:
    """Latest of the named origins, for subjects who have all of them: subject, t0."""
    return (
        _named(origins, components)
        .group_by("subject")
        .agg(t0=pl.col("date").max(), _known=pl.col("origin").n_unique())
        .filter(pl.col("_known") == len(set(components)))
        .drop("_known")
    )


def _named(origins: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    return origins.filter(pl.col("origin").is_in(list(names)), pl.col("date").is_not_null())
