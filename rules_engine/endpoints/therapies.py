"""Steps 3, 5 and 7 for anticancer therapy: its date, what it does, and until when records are usable."""

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

#: Which reason is given where several therapies start on one day.
_PRECEDENCE = {CURATIVE_CONVERSION: 0, NEW_THERAPY: 1, REPEAT_TACE: 2}


def derive_therapies(
    records: SubjectRecords, dated: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per therapy that starts after the origin and in the snapshot, repeat TACE included.

    Out: subject, date, reason, precedence, imputation and the source columns.
    """
    known = clock.select("subject", "t0", "last_day")
    first_pd = dated.filter(is_progression_type()).group_by("subject").agg(first_pd=pl.col("date").min())
    partial = records.therapies.filter(~dates.is_complete(pl.col("start_date"))).select("subject").unique()
    outside = (
        records.therapies.join(known, on="subject")
        .join(first_pd.join(partial, on="subject", how="semi"), on="subject", how="left")
        .with_columns(
            date=therapy_day(options, cutoff),
            imputation=dates.imputed_unit(pl.col("start_date")),
            reason=pl.when(pl.col("kind").is_in(list(terms.CURATIVE_KINDS)))
            .then(pl.lit(CURATIVE_CONVERSION))
            .otherwise(pl.lit(NEW_THERAPY)),
        )
        .pipe(_described, THERAPY)
    )
    sessions = records.tace.filter(pl.col("date").is_not_null())
    first_session = sessions.group_by("subject").agg(_first=pl.col("date").min())
    repeats = (
        sessions.join(first_session, on="subject")
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
        precedence=pl.col("reason").replace_strict(_PRECEDENCE, return_dtype=pl.Int8),
        **record_source(kind),
    )


def actions(options: Mapping[str, Any], rule: str) -> dict[str, str]:
    """What each kind of therapy does: reason → ignore, censor, censor_at_start or event.

    `rule` is the definition's `therapies`: as the options say, never an event, never anything, or always an event.
    """
    if rule == "ignored":
        return {NEW_THERAPY: "ignore", CURATIVE_CONVERSION: "ignore", REPEAT_TACE: "ignore"}
    new = "event" if rule == "always_event" else options["new_therapy"]
    curative = options["curative_conversion"]
    stated = {
        NEW_THERAPY: new,
        CURATIVE_CONVERSION: new if curative == "as_new_therapy" or rule == "always_event" else curative,
        REPEAT_TACE: new if options["repeat_tace"] == "as_new_therapy" else "ignore",
    }
    if rule == "censor_only":
        return {reason: "ignore" if action == "event" else action for reason, action in stated.items()}
    return stated


def filter_to_action(therapies: pl.LazyFrame, action_of: Mapping[str, str], *wanted: str) -> pl.LazyFrame:
    """The therapies whose action is one of `wanted`."""
    return therapies.filter(
        pl.col("reason").is_in([reason for reason, action in action_of.items() if action in wanted])
    )


def derive_truncation(therapies: pl.LazyFrame, action_of: Mapping[str, str]) -> pl.LazyFrame:
    """The therapy that ends the observation: subject, n_date, n_reason, n_at_start, n_imputation, its source."""
    at_start = [reason for reason, action in action_of.items() if action == "censor_at_start"]
    first = (
        filter_to_action(therapies, action_of, "censor", "censor_at_start")
        .sort("subject", "date", "precedence", "source_id", "source_seq")
        .unique("subject", keep="first", maintain_order=True)
        .drop("precedence")
        .with_columns(at_start=pl.col("reason").is_in(at_start))
    )
    return first.select("subject", pl.exclude("subject").name.prefix("n_"))


def filter_usable(records: pl.LazyFrame, truncation: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The records dated up to the therapy that ends the observation, on its day or before it."""
    limit = pl.col("n_date")
    usable = pl.col("date") <= limit if options["new_therapy_boundary"] == "inclusive" else pl.col("date") < limit
    return (
        records.join(truncation.select("subject", "n_date"), on="subject", how="left")
        .filter(limit.is_null() | usable)
        .drop("n_date")
    )
