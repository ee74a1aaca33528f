"""Rows in order: by their key, and rows of one key by everything else.

Texts are compared once, as the few words that a column has, and from then on by the words' numbers: a million rows of text are
slow to sort, a million small numbers are not.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def in_order(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows sorted by `key`, rows of one key by the other columns in turn; missing values last."""
    ranks = _ranks(rows, key)
    order = ranks.select(pl.arg_sort_by(*key, nulls_last=True)).to_series()
    order = _ties_broken(rows, ranks[order], order)
    return rows if order.is_sorted() else rows[order]


def by_key(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows sorted by `key`, missing values last; in which order rows of one key come is not said."""
    return rows[_ranks(rows, key).select(pl.arg_sort_by(*key, nulls_last=True)).to_series()]


def _ranks(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The key columns as numbers that sort as their values do."""
    return rows.select(rank_of(rows[column]) for column in key)


def rank_of(values: pl.Series) -> pl.Series:
    """Values that sort quickly and as these do: of texts their place among all texts of the column."""
    if isinstance(values.dtype, pl.Categorical):
        values = values.cast(pl.String)
    if values.dtype != pl.String:
        return values
    return values.cast(pl.Enum(values.unique().drop_nulls().sort())).to_physical()


def _ties_broken(rows: pl.DataFrame, ranks: pl.DataFrame, order: pl.Series) -> pl.Series:
    """The order with rows of one key sorted by all columns; `ranks` are in that order."""
    like_the_one_before = ranks.select(
        pl.all_horizontal(pl.all().eq_missing(pl.all().shift())) & (pl.int_range(pl.len()) > 0)
    ).to_series()
    tied = (like_the_one_before | like_the_one_before.shift(-1, fill_value=False)).arg_true()
    if tied.is_empty():
        return order
    places = order[tied]
    columns = [*ranks.columns, *(name for name in rows.columns if name not in ranks.columns)]
    among = rows[places].select(pl.arg_sort_by(*columns, nulls_last=True)).to_series()
    return order.scatter(tied, places[among])
