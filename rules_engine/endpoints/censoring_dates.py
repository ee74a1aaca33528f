"""Where a subject without an event is censored: the facts of which the latest counts."""

from __future__ import annotations

import polars as pl

from rules_engine.endpoints.evidence_of_life import derive_last_known_alive
from rules_engine.endpoints.sharing import options_key
from rules_engine.endpoints.sources import ASSESSMENT, SOURCE_COLUMNS, record_source
from rules_engine.vocabulary import Observation


def adequate_assessments(observation: Observation) -> pl.LazyFrame:
    """Usable assessments that are evaluable and show no progression."""
    return _assessments(observation.usable.filter(pl.col("evaluable") & ~pl.col("progression")))


def evaluable_assessments(observation: Observation) -> pl.LazyFrame:
    """Usable assessments that are evaluable, with or without progression."""
    return _assessments(observation.usable.filter("evaluable"))


def _assessments(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select("subject", "date", "imputation", **record_source(ASSESSMENT))


def last_known_alive(observation: Observation) -> pl.LazyFrame:
    """The day until which each subject is known to live, shared by endpoints of the same clock."""
    records, options = observation.records, observation.options
    read = options_key(options, ["os_censor", "post_cutoff_alive"])
    alive = records.step(
        f"last known alive {observation.clock_key} {read}",
        lambda: derive_last_known_alive(records, observation.clock, options, observation.cutoff),
    )
    return alive.select("subject", date="lka", **{name: f"lka_{name}" for name in SOURCE_COLUMNS})
