"""Rows in the order of subjects and their days, and what that order saves.

Subjects are numbers here (`sharing.numbered`), and what is held of them comes in their order (`records.in_memory`). Steps that
keep this order spare the steps after them sorts, and joins by hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import polars as pl

#: A number with this many days to a step keeps all days of the calendar (years 1 to 9999) of a step apart from those of the next.
DAYS: Final = 2**22


def moment() -> pl.Expr:
    """Subject and date as one number, by which rows are sorted and joined at a fraction of the cost of both."""
    return pl.col("subject").cast(pl.Int64) * DAYS + pl.col("date").to_physical()


def place_among_own() -> pl.Expr:
    """The place of a row among those of its subject, from 1 on; the rows are in the order of subjects."""
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    first = pl.when(pl.col("subject").ne_missing(pl.col("subject").shift(1))).then(row)
    return row - first.forward_fill() + 1


def is_same(left: str, right: str) -> pl.Expr:
    """True where both columns have the same value, and there is one.

    Of a bare comparison after a join the planner makes one more key of the join, and a join by several keys hashes every row.
    """
    return (pl.col(left) == pl.col(right)).fill_null(value=False)


def flagged(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The subjects who have any of the rows, each with a column `name` that is true."""
    return rows.select("subject").unique(maintain_order=True).with_columns(pl.lit(value=True).alias(name))


def of_known(rows: pl.LazyFrame, facts: pl.LazyFrame, *, on: str = "subject") -> pl.LazyFrame:
    """The rows whose subject (or what else `on` says) is in `facts`, which has one row of each, with its columns.

    A join that may leave rows out copies every column of all rows; here that is done only where somebody is left out.
    """
    known = pl.col("_known").fill_null(value=False)  # a bare column would make the planner leave rows out as it joins
    marked = facts.with_columns(_known=pl.lit(value=True))
    return rows.join(marked, on=on, how="left", maintain_order="left").filter(known).drop("_known")


def in_order_of(number: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows sorted by a column of numbers, which costs next to nothing where they are already."""

    def ordered(frame: pl.DataFrame) -> pl.DataFrame:
        if not frame[number].is_sorted():
            return frame.sort(number)
        return frame.with_columns(pl.col(number).set_sorted())

    return _opaque(rows, ordered)


def first_of_each(rows: pl.LazyFrame, *by: str | pl.Expr, key: str = "subject") -> pl.LazyFrame:
    """The first row of each `key`, a number, when sorted `by` these columns, in the order of the key.

    Most keys have one row; only the others are compared.
    """

    return _opaque(rows, lambda frame: _first(frame, by, key))


def with_first_of_each(rows: pl.LazyFrame, *by: str, among: pl.Expr) -> pl.LazyFrame:
    """The rows with is_first: true for the first row of each subject when those `among` them are sorted `by` these columns."""

    def marked(frame: pl.DataFrame) -> pl.DataFrame:
        counted = frame.with_row_index("_row")
        first = _first(counted.filter(among), by, "subject")["_row"]
        return counted.with_columns(is_first=pl.col("_row").is_in(first.implode())).drop("_row")

    return _opaque(rows, marked, is_first=pl.Boolean())


def _first(frame: pl.DataFrame, by: Sequence[str | pl.Expr], key: str) -> pl.DataFrame:
    if not frame[key].is_sorted():
        frame = frame.sort(key)
    again = frame[key] == frame[key].shift(1)
    several = (again | again.shift(-1)).fill_null(value=False)
    if not several.any():
        return frame
    compared = frame.filter(several).sort(key, *by).unique(key, keep="first")
    return pl.concat([frame.filter(~several), compared]).sort(key)


def least_of_each(rows: pl.LazyFrame, number: pl.Expr) -> pl.LazyFrame:
    """The row of each subject whose whole number is the least, of rows that differ in it."""
    numbered = rows.with_columns(_number=number)
    least = numbered.group_by("subject").agg(_least=pl.col("_number").min())
    return (
        numbered.join(least, on="subject", maintain_order="left")
        .filter(is_same("_number", "_least"))
        .drop("_number", "_least")
    )


def on_that_day(rows: pl.LazyFrame, others: pl.LazyFrame, *, how: Literal["inner", "left"] = "inner") -> pl.LazyFrame:
    """The rows, one of each subject, with the columns of the row of `others` of that subject and date."""
    days = rows.select("subject", _day="date")
    same = others.join(days, on="subject", how="left", maintain_order="left").filter(is_same("date", "_day"))
    return rows.join(same.drop("date", "_day"), on="subject", how=how, maintain_order="left")


def with_assessment(rows: pl.LazyFrame, assessments: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with the columns of the assessment of their subject and date (null where there is none), of which there is at
    most one.
    """
    others = in_order_of("_moment", assessments.with_columns(_moment=moment()).drop("subject", "date"))
    dated = in_order_of("_moment", rows.with_columns(_moment=moment()))
    return dated.join(others, on="_moment", how="left", maintain_order="left").drop("_moment")


def _opaque(rows: pl.LazyFrame, step: Callable[[pl.DataFrame], pl.DataFrame], **more: pl.DataType) -> pl.LazyFrame:
    """The rows after a step that looks at all of them, leaves their columns as they are, and adds those of `more`."""
    schema = {**rows.collect_schema(), **more}
    return rows.map_batches(
        step, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False, schema=schema
    )
