"""Step 7: the fact that puts an end to what counts, and until when records are usable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine.endpoints.days import first_of_each
from rules_engine.endpoints.words import ENDING, FACT_COLUMNS, KEY, WordsInUse, derive_facts
from rules_engine.vocabulary import FACT_OPTIONAL, FACT_REQUIRED, Observation


def derive_truncation(snapshot: Observation, used: WordsInUse) -> pl.LazyFrame:
    """The earliest fact of a rule that ends the observation, after the origin and in the snapshot.

    Out: subject, n_rule (place in `censoring_rules`) and the columns of the fact as `n_…`. Of facts of one day that of
    the rule that is listed first counts.
    """
    known = snapshot.clock.select("subject", "t0", "last_day")
    found = [
        derive_facts(rule, snapshot, used.words).with_columns(rule=pl.lit(place, pl.Int8))
        for place, rule, _effect in used.rules_that(*ENDING)
    ]
    schema = {"subject": KEY, **FACT_REQUIRED, **FACT_OPTIONAL, "rule": pl.Int8()}
    facts = pl.concat(found) if found else pl.LazyFrame(schema=schema)
    counted = (
        facts.join(known, on="subject")
        .filter(pl.col("date") > pl.col("t0"), pl.col("date") <= pl.col("last_day"))
        .select(*FACT_COLUMNS, "rule")
    )
    first = first_of_each(counted, "date", "rule", "source_id", "source_seq")
    return first.select("subject", pl.exclude("subject").name.prefix("n_"))


def is_usable(day: pl.Expr, options: Mapping[str, Any]) -> pl.Expr:
    """The day is not after the end of the observation, `n_date`."""
    limit = pl.col("n_date")
    inside = day <= limit if options["new_therapy_boundary"] == "inclusive" else day < limit
    return limit.is_null() | inside


def filter_usable(records: pl.LazyFrame, truncation: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The records dated up to the fact that ends the observation, on its day or before it."""
    return (
        records.join(truncation.select("subject", "n_date"), on="subject", how="left", maintain_order="left")
        .filter(is_usable(pl.col("date"), options))
        .drop("n_date")
    )
