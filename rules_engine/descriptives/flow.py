"""Flow of subjects: who is in the data, what they received, who left, and who has a record of each endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import polars as pl

from rules_engine import dates, terms
from rules_engine.descriptives.rows import ARM, Rows, by_arm
from rules_engine.model import EndpointDefinition

ANALYSIS: Final = "flow"
WITHOUT_ARM, RECEIVED, LEFT, RECORD = "without_arm", "received", "left", "record"
CONVERTED: Final = "curative_conversion"
#: Days on which subjects left, and their words.
_LEFT: Final = {
    "death_date": "Died",
    "withdrawal_date": "Withdrew consent",
    "lost_to_followup_date": "Lost to follow-up",
}


def describe_flow(
    subjects: pl.DataFrame,
    treatments: pl.LazyFrame,
    records: Mapping[str, pl.DataFrame],
    endpoints: Mapping[str, EndpointDefinition],
    arms: Sequence[str],
    cutoff: date,
) -> pl.DataFrame:
    """Rows of the ARD. `records` are the tallies of each endpoint's records.

    `n` subjects; `variable` `without_arm`; `received`, `level` the component of the regimen, or `curative_conversion` (whatever
    the censoring rule); `left`, `level` the column of the day, up to the data cut-off; `record` of each endpoint (`paramcd`).
    """
    rows = Rows(ANALYSIS, arms)
    everyone = subjects.select("subject", ARM).with_columns(count=pl.lit(1, pl.Int64))
    sizes = by_arm(everyone, arms)
    rows.add("n", "Subjects in the data", sizes, "d", sizes)
    without = by_arm(everyone.filter(pl.col(ARM).is_null()), arms)
    if arms and without[-1]:
        rows.add_counts("without an arm", without, sizes, variable=WITHOUT_ARM)
    for level, (label, received) in _received(treatments, cutoff).items():
        numbers = by_arm(everyone.join(received, on="subject", how="semi"), arms)
        rows.add_counts(label, numbers, sizes, variable=RECEIVED, level=level)
    for column, words in _LEFT.items():
        if column in subjects.columns:
            dated = subjects.schema[column] == pl.Date
            day = pl.col(column) if dated else dates.first_possible_day(pl.col(column))
            gone = subjects.filter(day <= cutoff).select(ARM, count=pl.lit(1, pl.Int64))
            label = f"{words} up to the data cut-off"
            rows.add_counts(label, by_arm(gone, arms), sizes, variable=LEFT, level=column.removesuffix("_date"))
    for paramcd in endpoints:
        if paramcd in records:
            numbers = by_arm(records[paramcd], arms)
            rows.add_counts(f"With a record of {paramcd}", numbers, sizes, paramcd=paramcd, variable=RECORD)
    return rows.frame()


def _received(treatments: pl.LazyFrame, cutoff: date) -> dict[str, tuple[str, pl.DataFrame]]:
    """Subjects who began each component up to the data cut-off, and those converted to resection or transplant."""
    is_curative = pl.col("kind").is_in(list(terms.CURATIVE_KINDS)).alias("is_curative")
    given = treatments.select("subject", "component", "start_date", is_curative).collect()
    if given.is_empty():
        return {}
    begun = given.filter(dates.first_possible_day(pl.col("start_date")) <= cutoff)
    found = {}
    for component in sorted(begun["component"].drop_nulls().unique()):
        name = "other treatment of the regimen" if component == "other" else component.upper()
        label = f"Received {name if component in ('tace', 'ici', 'other') else component}"
        found[component] = (label, begun.filter(pl.col("component") == component).select("subject"))
    converted = begun.filter(pl.col("component").is_null(), pl.col("is_curative").fill_null(value=False))
    found[CONVERTED] = ("Converted to resection or transplant", converted.select("subject"))
    return found
