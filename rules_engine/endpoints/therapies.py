"""Steps 3, 5 and 7 for anticancer therapy: its date, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates, terms
from rules_engine.endpoints.assessment_dates import is_progression_type
from rules_engine.endpoints.imputation import therapy_day
from rules_engine.endpoints.sources import TACE, THERAPY, record_source
from rules_engine.vocabulary import SubjectRecords

NEW_THERAPY = "NEW_THERAPY"
CURATIVE_CONVERSION = "CURATIVE_CONVERSION"
REPEAT_TACE = "REPEAT_TACE"

#: Kinds of therapy, as reasons of events and of censoring.
REASONS = (CURATIVE_CONVERSION, NEW_THERAPY, REPEAT_TACE)


def derive_therapies(
    records: SubjectRecords, dated: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per therapy that starts after the origin and in the snapshot, repeat TACE included.

    Out: subject, date, reason, imputation and the source columns.
    """
    known = clock.select("subject", "t0", "last_day")
    partial = records.therapies.filter(~dates.is_complete(pl.col("start_date"))).select("subject")
    # A progression before the origin, which is not used, is not what caused the therapy.
    first_pd = (
        dated.filter(is_progression_type())
        .join(partial, on="subject", how="semi")
        .join(known, on="subject")
        .filter(pl.col("date") > pl.col("t0"), pl.col("date") <= cutoff)
        .group_by("subject")
        .agg(first_pd=pl.col("date").min())
    )
    outside = (
        records.therapies.join(known, on="subject")
        .join(first_pd, on="subject", how="left")
        .with_columns(
            date=therapy_day(options, cutoff),
            imputation=dates.imputed_unit(pl.col("start_date")),
            reason=pl.when(pl.col("kind").is_in(list(terms.CURATIVE_KINDS)))
            .then(pl.lit(CURATIVE_CONVERSION))
            .otherwise(pl.lit(NEW_THERAPY)),
        )
        .pipe(_described, THERAPY)
    )
    first_session = records.tace.group_by("subject").agg(_first=pl.col("date").min())
    repeats = (
        records.tace.join(first_session, on="subject")
        .filter(pl.col("date") > pl.col("_first"))
        .join(known, on="subject")
        .with_columns(imputation=pl.lit(None, pl.String), reason=pl.lit(REPEAT_TACE))
        .pipe(_described, TACE)
    )
    return pl.concat([outside, repeats])


def _described(therapies: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    return therapies.filter(pl.col("date") > pl.col("t0"), pl.col("date") <= pl.col("last_day")).select(
        "subject",
        "date",
        "reason",
        "imputation",
        **record_source(kind),
    )


def action_of(options: Mapping[str, Any], reason: str) -> str:
    """What a kind of therapy does as the options say: ignore, censor, censor_at_start or event."""
    new = str(options["new_therapy"])
    if reason == CURATIVE_CONVERSION:
        curative = str(options["curative_conversion"])
        return new if curative == "as_new_therapy" else curative
    if reason == REPEAT_TACE:
        return new if options["repeat_tace"] == "as_new_therapy" else "ignore"
    return new


def reasons_that_are_events(options: Mapping[str, Any]) -> list[str]:
    """The kinds of therapy whose start is an event of the endpoint."""
    if options["therapy_events"] == "never":
        return []
    if options["therapy_events"] == "always":
        repeats = [REPEAT_TACE] if options["repeat_tace"] == "as_new_therapy" else []
        return [CURATIVE_CONVERSION, NEW_THERAPY, *repeats]
    return [reason for reason in REASONS if action_of(options, reason) == "event"]
