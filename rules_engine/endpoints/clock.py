"""Steps 1-3 for each subject: origin, last day that counts, death."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates
from rules_engine.endpoints.evidence_of_life import derive_last_evidence
from rules_engine.endpoints.imputation import death_day
from rules_engine.endpoints.origin import derive_components, derive_time_origin, latest_of_all
from rules_engine.vocabulary import SubjectRecords, Words


def derive_clock(records: SubjectRecords, options: Mapping[str, Any], cutoff: date, words: Words) -> pl.LazyFrame:
    """One row per subject whose origin lies on or before the cut-off.

    Out: subject, t0, last_day (last day of the snapshot), death_date (imputed, also after the cut-off),
    death_imputation, died (in the snapshot), baseline_adequate, the dates of withdrawal, loss and end of study,
    complete_date (combination complete).
    """
    subjects = records.subjects.unique("subject", keep="any").select(
        "subject",
        "withdrawal_date",
        "lost_to_followup_date",
        "end_of_study_date",
        baseline_adequate=pl.col("baseline_adequate").fill_null(value=False),
        death="death_date",
    )
    started = subjects.join(derive_time_origin(records, options, words), on="subject").filter(pl.col("t0") <= cutoff)
    complete = latest_of_all(derive_components(records, options, words)).rename({"date": "complete_date"})
    last_day = pl.lit(cutoff)
    if options["withdrawal"] == "truncate":
        last_day = pl.min_horizontal(last_day, pl.col("withdrawal_date"))
    return (
        started.join(complete, on="subject", how="left")
        .join(_last_evidence_where_needed(records), on="subject", how="left")
        .with_columns(
            last_day=last_day,
            death_date=death_day(options, cutoff),
            death_imputation=dates.imputed_unit(pl.col("death")),
        )
        .with_columns(died=(pl.col("death_date") <= pl.col("last_day")).fill_null(value=False))
        .drop("death", "last_evidence")
    )


def _last_evidence_where_needed(records: SubjectRecords) -> pl.LazyFrame:
    """The latest fact of life of the subjects whose day of death is not known."""
    partial = records.subjects.filter(~dates.is_complete(pl.col("death_date"))).select("subject")
    return derive_last_evidence(records.with_frames(lambda _name, frame: frame.join(partial, on="subject", how="semi")))
