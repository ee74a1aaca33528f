"""Worst laboratory grades after baseline, and how they fit the reported adverse events.

Events are never made from laboratory values; what does not fit is listed for reconciliation.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine.findings import NOTE, concat_findings, derive_findings

#: From which laboratory grade on an event of the same term is looked for.
SEVERE: Final = 3
#: A grade that rests on an assumed clinical fact is no ground to doubt a reported grade.
ASSUMED: Final = "QUALIFIER_ASSUMED"

#: One row per subject, analyte and direction: the worst grade after baseline.
WORST_SCHEMA: Final[dict[str, pl.DataType]] = {
    "subject": pl.String(),
    "analyte_key": pl.String(),
    "direction": pl.String(),
    "term": pl.String(),
    "worst_grade": pl.Int8(),
    "date": pl.Date(),
    "baseline_grade": pl.Int8(),
    "is_emergent": pl.Boolean(),
    "not_gradable": pl.UInt32(),
}


def derive_worst_grades(labs: pl.LazyFrame) -> pl.LazyFrame:
    """The worst grade after baseline per subject, analyte and direction (`WORST_SCHEMA`), unscheduled results included.

    `labs` is graded (`GRADED_LABS_SCHEMA`). `worst_grade` is null where no result could be graded; `not_gradable` counts
    those. `date` is the first day of the worst grade. `is_emergent`: worse than at baseline, a missing baseline grade
    counting as 0.
    """
    directions = pl.concat([_in_direction(labs, "L", "low"), _in_direction(labs, "H", "high")])
    worst = pl.col("grade").max()
    return (
        directions.filter(pl.col("is_post_baseline"), pl.col("term").is_not_null())
        .group_by("subject", "analyte_key", "direction", "term")
        .agg(
            worst_grade=worst,
            date=pl.col("date").filter(pl.col("grade") == worst).min(),
            baseline_grade=pl.col("baseline_grade").max(),
            not_gradable=pl.col("grade").is_null().sum().cast(pl.UInt32),
        )
        .with_columns(
            is_emergent=(pl.col("worst_grade") > pl.col("baseline_grade").fill_null(0)).fill_null(value=False)
        )
        .select(list(WORST_SCHEMA))
    )


def _in_direction(labs: pl.LazyFrame, letter: str, direction: str) -> pl.LazyFrame:
    suffix = letter.lower()
    return labs.select(
        "subject",
        "analyte_key",
        "date",
        "is_post_baseline",
        direction=pl.lit(direction),
        term=f"atoxdsc{suffix}",
        grade=f"atoxgr{suffix}",
        baseline_grade=f"btoxgr{suffix}",
        assumed=pl.col("grade_flags").fill_null("").str.contains(ASSUMED, literal=True),
    )


def reconcile(events: pl.LazyFrame, labs: pl.LazyFrame) -> pl.LazyFrame:
    """Findings where graded events and graded laboratory results do not fit each other.

    An event whose term is graded by a laboratory value, with a value on a day of the event that is worse than the reported
    grade; and a laboratory grade of 3 or 4 after baseline without an event of its term at any time. An event without an end
    goes on.
    """
    values = pl.concat([_in_direction(labs, "L", "low"), _in_direction(labs, "H", "high")]).filter(
        pl.col("grade") > 0, pl.col("is_post_baseline")
    )
    named = events.filter(pl.col("ctcae_term").is_not_null())
    on_days = (
        named.select("subject", "row", "astdt", "aendt", "atoxgrn", term="ctcae_term")
        .join(values.filter(~pl.col("assumed")), on=["subject", "term"], how="inner")
        .filter(
            pl.col("date") >= pl.col("astdt"),
            (pl.col("date") <= pl.col("aendt")).fill_null(value=True),
            pl.col("grade") > pl.col("atoxgrn"),
        )
        .group_by("subject", "row", "term", "atoxgrn")
        .agg(pl.col("grade").max())
    )
    unreported = (
        values.filter(pl.col("grade") >= SEVERE)
        .join(named.select("subject", term="ctcae_term").unique(), on=["subject", "term"], how="anti")
        .group_by("subject", "term")
        .agg(pl.col("grade").max(), pl.col("date").min())
    )
    return concat_findings(
        [
            derive_findings(
                on_days,
                rule_id="grading.events.grade_below_lab",
                severity=NOTE,
                table="adverse_events",
                record=pl.col("row"),
                field="grade",
                value=pl.col("atoxgrn"),
                message=pl.format("{}: a value of these days is of grade {}", "term", "grade"),
                action="kept as reported",
            ),
            derive_findings(
                unreported,
                rule_id="grading.labs.severe_without_event",
                severity=NOTE,
                table="labs",
                record=pl.col("date"),
                field="value",
                value=pl.col("grade"),
                message=pl.format("{}: laboratory grade {}, and no such event was reported", "term", "grade"),
                action="no event was made",
            ),
        ]
    )
