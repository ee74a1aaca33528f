"""Worst laboratory grades after baseline, and how they fit the reported adverse events.

Events are never made from laboratory values; what does not fit is listed for reconciliation.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine.findings import NOTE, concat_findings, derive_findings, phrase
from rules_engine.grading.validity import HIGHEST, SEVERE
from rules_engine.ordering import number_of, order_of

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

    `labs` is graded (`GRADED_LABS_SCHEMA`); only results that are `in_window` count. `worst_grade` is null where none of
    them could be graded; `not_gradable` counts those that could not. `date` is the first day of the worst grade.
    `is_emergent`: worse than at baseline, a missing baseline grade counting as 0.
    """

    def derive() -> pl.DataFrame:
        graded = [f"{name}{letter}" for letter, _name in _DIRECTIONS for name in ("atoxdsc", "atoxgr", "btoxgr")]
        results = labs.filter("in_window").select("subject", "analyte_key", "date", *graded).collect(engine="in-memory")
        worst = pl.concat([_worst_of(results, *direction) for direction in _DIRECTIONS])
        emergent = pl.col("worst_grade") > pl.col("baseline_grade").fill_null(0)
        return worst.with_columns(is_emergent=emergent.fill_null(value=False)).select(
            [pl.col(name).cast(kind) for name, kind in WORST_SCHEMA.items()]
        )

    return pl.defer(derive, schema=pl.Schema(WORST_SCHEMA))


#: Days are less than so many, from the first one that can be written to the last.
_DAYS: Final = 2**32


def _worst_of(results: pl.DataFrame, letter: str, direction: str) -> pl.DataFrame:
    """The worst grade in one direction, of the results that have a term in it."""
    who = ["subject", "analyte_key", "term"]
    of_term = results.select(
        "subject", "analyte_key", "date", term=f"atoxdsc{letter}", grade=f"atoxgr{letter}", base=f"btoxgr{letter}"
    ).filter(pl.col("term").is_not_null())
    day = pl.col("date").to_physical().cast(pl.Int64) + _DAYS // 2
    # The worst grade, and of its days the first: together the smallest of these numbers. A day that is not known comes last.
    number = (HIGHEST - pl.col("grade").cast(pl.Int64)) * _DAYS + day.fill_null(_DAYS - 1)
    found = (
        of_term.lazy()
        .select(
            "base",
            group=number_of(of_term, who),
            row=pl.int_range(pl.len()),
            worst=number,
            not_gradable=pl.col("grade").is_null(),
        )
        .group_by("group")
        .agg(pl.col("row").first(), pl.col("worst").min(), pl.col("base").max(), pl.col("not_gradable").sum())
        .collect(engine="in-memory")
    )
    first_day = pl.col("worst") % _DAYS
    return of_term[found["row"], who].with_columns(
        found.select(
            direction=pl.lit(direction),
            worst_grade=HIGHEST - pl.col("worst") // _DAYS,
            date=pl.when(first_day < _DAYS - 1).then(first_day - _DAYS // 2).cast(pl.Int32).cast(pl.Date),
            baseline_grade="base",
            not_gradable="not_gradable",
        ).get_columns()
    )


#: The letter of a direction in the names of columns, and its name.
_DIRECTIONS: Final = (("l", "low"), ("h", "high"))


def in_directions(labs: pl.LazyFrame) -> pl.LazyFrame:
    """Graded results with one row per result and direction: `direction`, `term`, `grade`, `baseline_grade`, `assumed`."""
    both = pl.concat([_in_direction(labs, *direction) for direction in _DIRECTIONS])
    return both.with_columns(pl.col("analyte_key", "term").cast(pl.String))


def _in_direction(labs: pl.LazyFrame, letter: str, direction: str) -> pl.LazyFrame:
    return labs.select(
        "subject",
        "row",
        "seq",
        "analyte_key",
        "date",
        "is_post_baseline",
        "in_window",
        direction=pl.lit(direction),
        term=f"atoxdsc{letter}",
        grade=f"atoxgr{letter}",
        baseline_grade=f"btoxgr{letter}",
        assumed=has_flag(ASSUMED),
    )


def has_flag(flag: str) -> pl.Expr:
    """The grade of a result carries this flag."""
    return pl.col("grade_flags").cast(pl.String).str.contains(flag, literal=True).fill_null(value=False)


def derive_worst_flags(labs: pl.DataFrame) -> pl.DataFrame:
    """Add `is_worst_low` and `is_worst_high`: the first result of the worst grade in the window, per subject, analyte and
    direction (ADaM WGRLOFL, WGRHIFL). A worst grade of 0 is one too. First by day, then sequence number, then row.
    """
    by_time = order_of(labs, ["subject", "date", "seq", "row"])
    columns = {"low": "atoxgrl", "high": "atoxgrh"}
    # The worst grade, and of its results the earliest: together the smallest of these numbers.
    number = {
        direction: (HIGHEST - pl.col(column).cast(pl.Int64)) * labs.height + pl.col("place")
        for direction, column in columns.items()
    }
    first = (
        labs.lazy()
        .select("in_window", *columns.values(), series=number_of(labs, ["subject", "analyte_key"]))
        .select(pl.all().gather(by_time))
        .with_columns(place=pl.int_range(pl.len()))
        .filter("in_window")
        .select("series", **number)
        .group_by("series")
        .agg(pl.col(*number).min() % labs.height)
        .collect(engine="in-memory")
    )
    flags = []
    for direction in columns:
        is_worst = pl.repeat(value=False, n=labs.height, eager=True)
        is_worst.scatter(by_time[first[direction].drop_nulls()], values=True)
        flags.append(is_worst.alias(f"is_worst_{direction}"))
    return labs.with_columns(flags)


def reconcile(events: pl.LazyFrame, labs: pl.LazyFrame, within_days: int | None = None) -> pl.LazyFrame:
    """Findings where graded events and graded laboratory results do not fit each other.

    An event whose term is graded by a laboratory value, with a value on a day of the event that is worse than the reported
    grade (a grade that rests on an assumed clinical fact is no ground to doubt it); and a laboratory grade of 3 or 4 after
    baseline without an event of its term on its day, or up to `within_days` days before or after it (None: at any time). An
    event without an end goes on; one without a start has always been there.
    """
    values = in_directions(labs).filter(pl.col("grade") > 0, pl.col("is_post_baseline"))
    named = events.filter(pl.col("ctcae_term").is_not_null()).select(
        "subject", "row", "astdt", "aendt", "atoxgrn", term="ctcae_term"
    )
    return concat_findings([_below_laboratory(named, values), _unreported(named, values, within_days)])


def _below_laboratory(events: pl.LazyFrame, values: pl.LazyFrame) -> pl.LazyFrame:
    on_days = (
        events.join(values.filter(~pl.col("assumed")).drop("row"), on=["subject", "term"], how="inner")
        .filter(_is_in(0), pl.col("grade") > pl.col("atoxgrn"))
        .group_by("subject", "row", "term", "atoxgrn")
        .agg(pl.col("grade").max())
    )
    return derive_findings(
        on_days,
        rule_id="grading.events.grade_below_lab",
        severity=NOTE,
        table="adverse_events",
        record=pl.col("row"),
        field="grade",
        value=pl.col("atoxgrn"),
        message=phrase("{}: a value of these days is of grade {}", "term", "grade"),
        action="kept as reported",
    )


def _unreported(events: pl.LazyFrame, values: pl.LazyFrame, within_days: int | None) -> pl.LazyFrame:
    """Laboratory grades of 3 and 4 without an event: one finding per subject and term, at the first day of the worst one."""
    severe = values.filter(pl.col("grade") >= SEVERE)
    matched = severe.select("subject", "term", "date").join(
        events.select("subject", "term", "astdt", "aendt"), on=["subject", "term"], how="inner"
    )
    if within_days is not None:
        matched = matched.filter(_is_in(within_days))
    worst = pl.col("grade").max()
    alone = (
        severe.join(matched, on=["subject", "term", "date"], how="anti")
        .group_by("subject", "term")
        .agg(worst.alias("grade"), date=pl.col("date").filter(pl.col("grade") == worst).min(), results=pl.len())
    )
    return derive_findings(
        alone,
        rule_id="grading.labs.severe_without_event",
        severity=NOTE,
        table="labs",
        record=pl.col("date"),
        field="value",
        value=pl.col("grade"),
        message=phrase(
            "{}: laboratory grade {} and no such event at the time; {} such result(s)", "term", "grade", "results"
        ),
        action="no event was made",
    )


def _is_in(days: int) -> pl.Expr:
    """The sample was taken during the event, or up to so many days before or after it."""
    around = pl.duration(days=days)
    begun = (pl.col("date") >= pl.col("astdt") - around).fill_null(value=True)
    return begun & (pl.col("date") <= pl.col("aendt") + around).fill_null(value=True)
