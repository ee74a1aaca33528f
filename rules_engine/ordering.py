"""Rows in order: by their key, and rows of one key by everything else.

Texts are compared once, as the few words that a column has, and from then on by the words' numbers; the numbers of a key are put
together into one, as the digits of a number are. A million rows of text are slow to sort, a million whole numbers are not, and
that they are in order already is seen at a glance.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import polars as pl


def in_order(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows sorted by `key`, rows of one key by the other columns in turn; missing values last."""
    order, tied = _order(rows, key)
    order = _ties_broken(rows, key, order, tied)
    return rows if order.is_sorted() else taken(rows, order)


def by_key(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The rows sorted by `key`, missing values last, and the places of those that share their key with another row.

    In which order rows of one key come is not said: `in_order_of_ties` puts them in order.
    """
    order, tied = _order(rows, key)
    return (rows if order.is_sorted() else taken(rows, order)), tied


def in_order_of_ties(rows: pl.DataFrame, key: Sequence[str], tied: pl.Series) -> pl.DataFrame:
    """Rows that `by_key` sorted by the first columns of `key`, now sorted as `in_order` does."""
    if tied.is_empty():
        return rows
    return taken(rows, _ties_broken(rows, key, pl.int_range(rows.height, eager=True), tied))


def order_of(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Where the rows stand when sorted by `key`, missing values last: first the number of the row that comes first."""
    return _order(rows, key)[0]


def taken(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """The rows at these places, in this order.

    Column by column, each put into one piece before: of many pieces rows are picked slowly, and all columns at once would take the
    memory twice.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        return pl.DataFrame(list(threads.map(lambda column: column.rechunk().gather(places), rows.iter_columns())))


def number_of(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """One whole number for each key, the same for rows of one key: groups of a number are found faster than groups of texts."""
    codes = [_code_of(rows[column]).alias(column) for column in key]
    number = _put_together(codes)
    return pl.DataFrame(codes).select(pl.struct(pl.all()).rank("dense")).to_series() if number is None else number


def _code_of(values: pl.Series) -> pl.Series:
    """Values that are the same where these are, in no particular order."""
    return values.to_physical() if isinstance(values.dtype, pl.Categorical) else rank_of(values)


def rank_of(values: pl.Series) -> pl.Series:
    """Values that sort quickly and as these do: of texts their place among all texts of the column."""
    if isinstance(values.dtype, pl.Categorical):
        words = values.unique().drop_nulls().cast(pl.String).sort()
        return values.cast(pl.Enum(words)).to_physical()
    if values.dtype != pl.String:
        return values
    if values.null_count() == 0 and values.is_sorted():  # as names of subjects are: nothing need be looked up
        return pl.DataFrame([values]).select(pl.first().rle_id()).to_series()
    return values.cast(pl.Enum(values.unique().drop_nulls().sort())).to_physical()


#: Whole numbers have so many values.
_WHOLE_NUMBERS: Final = 2**63


def _put_together(ranks: Sequence[pl.Series]) -> pl.Series | None:
    """The ranks of each row as the digits of one number; None where they are no whole numbers or do not fit into one."""
    digits = [rank.to_physical() for rank in ranks]
    if not all(digit.dtype.is_integer() for digit in digits):
        return None
    number, values = pl.lit(0, pl.Int64), 1
    for position, digit in enumerate(digits):
        low, high = (int(end or 0) for end in (digit.min(), digit.max()))  # type: ignore[arg-type]
        span = high - low + 2  # the last one is the missing value
        values *= span
        if values > _WHOLE_NUMBERS or max(-low, high) >= _WHOLE_NUMBERS:
            return None
        places = (pl.col(str(position)).cast(pl.Int64) - low).fill_null(span - 1)
        number = places if position == 0 else number * span + places
    columns = [digit.alias(str(position)) for position, digit in enumerate(digits)]
    return pl.DataFrame(columns).select(number.alias("number")).to_series()


def _order(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.Series, pl.Series]:
    """Where rows stand when sorted by `key`, and the places, in that order, of rows that share their key with another one."""
    ranks = [rank_of(rows[column]).alias(column) for column in key]
    number = _put_together(ranks)
    keys = pl.DataFrame(ranks if number is None else [number])
    if number is not None and number.is_sorted():
        order = pl.int_range(rows.height, eager=True)
    else:
        order = keys.select(pl.arg_sort_by(*keys.columns, nulls_last=True)).to_series()
        keys = keys[order]
    like_the_one_before = keys.select(
        pl.all_horizontal(pl.all().eq_missing(pl.all().shift())) & (pl.int_range(pl.len()) > 0)
    ).to_series()
    return order, (like_the_one_before | like_the_one_before.shift(-1, fill_value=False)).arg_true()


def _ties_broken(rows: pl.DataFrame, key: Sequence[str], order: pl.Series, tied: pl.Series) -> pl.Series:
    """The order with rows of one key sorted by all columns; `tied` are their places in it."""
    if tied.is_empty():
        return order
    places = order[tied]
    columns = [*key, *(name for name in rows.columns if name not in key)]
    among = rows[places].select(pl.arg_sort_by(*columns, nulls_last=True)).to_series()
    return order.scatter(tied, places[among])
