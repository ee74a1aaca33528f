"""Steps 3-6 for assessments: one date each, those in the snapshot and after the origin, one per day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates, terms
from rules_engine.endpoints.days import first_of_each, moment, of_known
from rules_engine.endpoints.imputation import assessment_day
from rules_engine.vocabulary import SubjectRecords

#: Dates of the parts of an assessment; `date` itself may be partial.
PART_DATES = ("visit_date", "earliest_part_date", "latest_part_date", "earliest_pd_part_date")

#: How much an assessment says against the patient, to choose one per day: the worst evaluable one survives.
_SEVERITY = {
    terms.NE: 0, terms.ND: 0,
    terms.CR: 1, terms.ICR: 1, terms.NED: 1,
    terms.PR: 2, terms.IPR: 2,
    terms.SD: 3, terms.ISD: 3,
    terms.NON_CR_NON_PD: 4, terms.NON_ICR_NON_IUPD: 4,
    terms.IUPD: 5,
    terms.PD: 6, terms.ICPD: 6, terms.RECUR: 6,
}  # fmt: skip


def is_evaluable() -> pl.Expr:
    """The assessment says something about the disease."""
    return pl.col("response").is_not_null() & ~pl.col("response").is_in(list(terms.NOT_EVALUABLE))


def is_progression_type() -> pl.Expr:
    """The assessment reports progression or recurrence, confirmed or not."""
    return pl.col("response").is_in(list(terms.PROGRESSION_TYPE)).fill_null(value=False)


def read_assessments(records: SubjectRecords) -> pl.LazyFrame:
    """The assessments with what is the same for every endpoint, read once: whole_day (null where `date` is partial),
    seen_until (the latest of its dates), suspected, evaluable, progression.
    """
    whole = pl.when(dates.is_complete(pl.col("date"))).then(pl.col("date").str.to_date("%Y-%m-%d", strict=False))

    def read() -> pl.LazyFrame:
        return records.assessments.with_columns(
            whole_day=whole,
            suspected=pl.col("suspected_pseudoprogression").fill_null(value=False),
            evaluable=is_evaluable(),
            progression=is_progression_type(),
        ).with_columns(seen_until=pl.max_horizontal("whole_day", *PART_DATES))

    return records.step("assessments read", read)


def derive_assessment_dates(
    assessments: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per assessment of a subject on the clock, with its assigned date (rows without one are dropped).

    In: `read_assessments`. Out: subject, date, response, iresponse, suspected, evaluable, progression, source_id, seq,
    imputation, and `parts_from`, `parts_to` (its extent).
    """
    known = dates.is_complete(pl.col("date")).fill_null(value=True)
    # A complete date is the day; only partial ones need the clock, and they are few.
    complete = of_known(assessments.filter(known), clock.select("subject"))
    partial = assessments.filter(~known).join(clock.select("subject", "t0", "death_date"), on="subject")
    assessed = pl.concat(
        [
            complete.with_columns(assessed="whole_day", imputation=pl.lit(None, pl.String)),
            partial.filter(~is_undatable())
            .with_columns(assessed=assessment_day(options, cutoff), imputation=dates.imputed_unit(pl.col("date")))
            .drop("t0", "death_date"),
        ]
    )
    assigned = (
        pl.when("progression").then(_progression_day(options["pd_date"])).otherwise(_other_day(options["nonpd_date"]))
    )
    return (
        assessed.with_columns(date=assigned)
        .filter(pl.col("date").is_not_null())
        .select(
            "subject", "date", "response", "iresponse", "suspected", "evaluable", "progression", "source_id", "seq",
            imputation=pl.when(pl.col("date") == pl.col("assessed")).then("imputation"),
            parts_from=pl.min_horizontal("date", "earliest_part_date", "earliest_pd_part_date"),
            parts_to=pl.max_horizontal("date", "latest_part_date"),
        )
    )  # fmt: skip


def is_undatable() -> pl.Expr:
    """Only the year is known, and no scan has a date of its own: the assessment is not used."""
    without_parts = pl.all_horizontal(
        pl.col("earliest_part_date", "latest_part_date", "earliest_pd_part_date").is_null()
    )
    return (pl.col("date").str.len_chars() == 4).fill_null(value=False) & without_parts


def _progression_day(rule: str) -> pl.Expr:
    """FDA 2007, Appendix 2: the first observation of the new lesion, or the measurement that shows the increase."""
    if rule == "assessment":
        return pl.coalesce("assessed", "latest_part_date")
    if rule == "latest_part":
        return pl.coalesce("latest_part_date", "assessed")
    if rule == "visit":
        return pl.coalesce("visit_date", "assessed", "latest_part_date")
    # earliest_part, and the base of next_scheduled and midpoint
    return pl.coalesce("earliest_pd_part_date", "earliest_part_date", "assessed")


def _other_day(rule: str) -> pl.Expr:
    if rule == "assessment":
        return pl.coalesce("assessed", "latest_part_date")
    if rule == "earliest_part":
        return pl.coalesce("earliest_part_date", "assessed")
    if rule == "visit":
        return pl.coalesce("visit_date", "assessed", "latest_part_date")
    return pl.coalesce("latest_part_date", "assessed")


def derive_timeline(dated: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The assessments that count: in the snapshot, after the origin, one per subject and day.

    Out: the columns of `derive_assessment_dates` without the extent, in the order of subjects and days.
    """
    origin = pl.col("t0")
    after = pl.col("date") >= origin if options["post_baseline"] == "on_or_after_origin" else pl.col("date") > origin
    counted = (
        of_known(dated, clock.select("subject", "t0", "last_day"))
        .filter(after, pl.col("date") <= pl.col("last_day"))
        .drop("t0", "last_day", "parts_from", "parts_to")
        .with_columns(_moment=moment())
    )
    severity = pl.col("response").replace_strict(_SEVERITY, default=0, return_dtype=pl.Int8)
    return first_of_each(counted, -severity, "suspected", "source_id", "seq", key="_moment").drop("_moment")
