"""Step 2: dated facts that require the subject to be alive, and the day until which a subject is known to live.

Being declared lost, leaving the study and death are no such facts. Only complete dates count.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates
from rules_engine.endpoints.sources import (
    ASSESSMENT,
    COMPONENT_LAST,
    COMPONENT_START,
    CUTOFF,
    EVENT,
    LAST_CONTACT,
    ORIGIN,
    TACE,
    THERAPY,
    WITHDRAWAL,
    source,
)  # fmt: skip
from rules_engine.vocabulary import SubjectRecords

#: Columns of an assessment that are dates on which the subject was there; `date` itself may be partial.
ASSESSMENT_DATES = ("visit_date", "earliest_part_date", "latest_part_date", "earliest_pd_part_date")


def derive_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """One row per dated fact: subject, date, its source columns and `order`, the precedence among facts of one day."""
    return pl.concat([_without_assessments(records), _assessment_facts(records.assessments)])


def derive_contact_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """As `derive_evidence`, of the last contact and the origins alone."""
    subjects = records.subjects
    return pl.concat([_fact(subjects, "last_contact_date", LAST_CONTACT, 0), _fact(records.origins, "date", ORIGIN, 1)])


def derive_last_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """The latest fact of the whole database: subject, last_evidence."""
    return derive_evidence(records).group_by("subject").agg(last_evidence=pl.col("date").max())


def derive_last_known_alive(
    records: SubjectRecords, clock: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """Until when each subject is known to live: subject, lka, and its source (`lka_…` columns).

    Facts after the cut-off, and a death after it, prove the subject alive at the cut-off (`post_cutoff_alive`).
    """
    last_days = clock.select("subject", "last_day")
    if options["os_censor"] == "last_contact":
        facts = derive_contact_evidence(records).join(last_days, on="subject")
    else:
        facts = pl.concat(
            [
                _without_assessments(records).join(last_days, on="subject"),
                _latest_assessment_facts(records.assessments.join(last_days, on="subject")),
            ]
        )
    within = facts.filter(pl.col("date") <= pl.col("last_day"))
    latest = (
        within.join(within.group_by("subject").agg(date=pl.col("date").max()), on=["subject", "date"], how="semi")
        .sort("subject", "order", "source_id", "source_variable", "source_seq", nulls_last=True)
        .unique("subject", keep="first", maintain_order=True)
    )
    beyond = facts.group_by("subject").agg(_after=pl.col("date").max() > cutoff)
    # A truncated record (withdrawal up to the cut-off) says nothing of the time after it.
    truncated = pl.lit(options["withdrawal"] == "truncate") & (pl.col("withdrawal_date") <= cutoff)
    capped = (
        pl.lit(options["post_cutoff_alive"] == "cap_at_cutoff")
        & ~truncated.fill_null(value=False)
        & (pl.col("_after").fill_null(value=False) | (pl.col("death_date") > cutoff).fill_null(value=False))
    )
    at_cutoff = [
        pl.when(capped).then(value).otherwise(name).alias(f"lka_{name}") for name, value in source(CUTOFF).items()
    ]
    return (
        clock.select("subject", "last_day", "death_date", "t0", "withdrawal_date")
        .join(latest.drop("last_day", "order"), on="subject", how="left")
        .join(beyond, on="subject", how="left")
        .select(
            "subject",
            pl.when(capped).then(pl.lit(cutoff)).otherwise(pl.max_horizontal("date", "t0")).alias("lka"),
            *at_cutoff,
        )
    )


def _latest_assessment_facts(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """Of each subject's assessments the facts that can be the latest: within the snapshot, and after it.

    As `_fact`, with last_day; the latest day within comes with every assessment that has it, the latest after it once.
    """
    complete = pl.when(dates.is_complete(pl.col("date"))).then(pl.col("date").str.to_date("%Y-%m-%d", strict=False))
    last_day = pl.col("last_day")
    days = [complete, *[pl.col(column) for column in ASSESSMENT_DATES]]
    dated = assessments.select(
        "subject",
        "last_day",
        "source_id",
        "seq",
        within=pl.max_horizontal([pl.when(day <= last_day).then(day) for day in days]),
        after=pl.max_horizontal([pl.when(day > last_day).then(day) for day in days]),
    )
    latest = dated.group_by("subject", "last_day").agg(within=pl.col("within").max(), after=pl.col("after").max())
    after = latest.with_columns(source_id=pl.lit(ASSESSMENT), seq=pl.lit(None, pl.Int64))
    return pl.concat(
        [
            _fact(dated.join(latest, on=["subject", "within"], how="semi"), "within", ASSESSMENT, 1, "last_day"),
            _fact(after, "after", ASSESSMENT, 1, "last_day"),
        ]
    )


def _without_assessments(records: SubjectRecords) -> pl.LazyFrame:
    therapies = records.therapies.with_columns(
        date=pl.when(dates.is_complete(pl.col("start_date"))).then(dates.first_possible_day(pl.col("start_date")))
    )
    return pl.concat(
        [
            _fact(records.subjects, "last_contact_date", LAST_CONTACT, 0),
            _fact(records.origins, "date", ORIGIN, 1),
            _fact(records.subjects, "withdrawal_date", WITHDRAWAL, 1),
            _fact(therapies, "date", THERAPY, 1),
            _fact(records.tace, "date", TACE, 1),
            _fact(records.components, "start_date", COMPONENT_START, 1),
            _fact(records.components, "last_date", COMPONENT_LAST, 1),
            _fact(records.clinical_events, "date", EVENT, 1),
            # Whoever read the scan, the subject was there.
            _fact(records.sightings, "date", ASSESSMENT, 1),
        ]
    )


def _assessment_facts(assessments: pl.LazyFrame) -> pl.LazyFrame:
    complete = assessments.with_columns(
        date=pl.when(dates.is_complete(pl.col("date"))).then(pl.col("date").str.to_date("%Y-%m-%d", strict=False))
    )
    return pl.concat([_fact(complete, column, ASSESSMENT, 1) for column in ("date", *ASSESSMENT_DATES)])


def _fact(records: pl.LazyFrame, column: str, kind: str, order: int, *more: str) -> pl.LazyFrame:
    """The dated facts of one column; records without an id of their own are named by their kind."""
    named = source(kind)
    own = kind not in (LAST_CONTACT, WITHDRAWAL, ORIGIN)
    return records.filter(pl.col(column).is_not_null()).select(
        "subject",
        pl.col(column).alias("date"),
        named["source_domain"].alias("source_domain"),
        named["source_variable"].alias("source_variable"),
        (pl.col("seq").cast(pl.Int64) if own else named["source_seq"]).alias("source_seq"),
        (pl.col("source_id") if own else named["source_id"]).alias("source_id"),
        pl.lit(order, pl.Int8).alias("order"),
        *more,
    )
