"""From what a study wrote in a cell to what the engine holds, by the column's kind (see `rules_engine.contracts`).

Each function takes the cell (trimmed text, or the native type of a Parquet column) and gives the value, null where the
cell cannot be used, together with the faults to report. Nothing is inferred from the data and nothing is repaired:
`12,3` is not 12.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from rules_engine import dates, terms
from rules_engine.contracts import UNITS_PER_MM, Column
from rules_engine.findings import ERROR, NOTE, WARNING

#: A length beyond this is no lesion but a slip of the pen or another unit; a plausibility limit of data entry, not of a
#: guideline.
LONGEST_MM = 500
#: Years outside this span are slips of the pen; the value is kept and reported.
PLAUSIBLE_YEARS = (1900, 2100)

#: More words than this are not remembered of one column.
_MOST_WORDS = 100_000
_WORD = "word"
#: How often a text comes, at the least on average, for it to be worth finding out which ones there are.
_AGAIN_AND_AGAIN = 8

#: What is done about a value that cannot be used.
NULL_ACTION = "the value is taken as missing"
_FLAGS = {
    "true": True,
    "t": True,
    "yes": True,
    "y": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "n": False,
    "0": False,
}


@dataclass(frozen=True)
class Fault:
    """One way in which a cell can be odd: where it is so, how serious, and what was done."""

    rule_id: str
    severity: str
    is_odd: pl.Expr
    message: str | pl.Expr
    action: str


@dataclass(frozen=True)
class Cast:
    """How one column is read: the value, its faults, and where the cell is not even of the right kind."""

    value: pl.Expr
    faults: tuple[Fault, ...] = ()
    is_alien: pl.Expr | None = None


def can_hold(column: Column, dtype: pl.DataType) -> bool:
    """True where a column of this kind can be read from cells of this type."""
    if dtype == pl.Null or dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return True
    if column.kind in ("text", "code"):
        return not (dtype.is_nested() or dtype == pl.Binary or dtype == pl.Object)
    if column.kind == "date":
        return dtype == pl.Date or isinstance(dtype, pl.Datetime)
    if column.kind == "time":
        return dtype == pl.Time or isinstance(dtype, pl.Datetime)
    if column.kind == "partial_date":
        return dtype == pl.Date or isinstance(dtype, pl.Datetime) or dtype.is_integer() or dtype.is_float()
    if column.kind == "flag":
        return dtype == pl.Boolean or dtype.is_integer() or dtype.is_float()
    return dtype.is_numeric()


def as_text(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The cell as trimmed text; empty is missing. A whole float has no decimals; a date is ISO text."""
    if dtype.is_float():
        whole = cell.is_finite() & (cell == cell.round()) & (cell.abs() < 2**53)
        return (
            pl.when(cell.is_nan())
            .then(None)
            .when(whole)
            .then(cell.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(cell.cast(pl.String))
        )
    if isinstance(dtype, pl.Datetime):
        return cell.dt.date().cast(pl.String)
    text = cell if dtype == pl.String else cell.cast(pl.String)
    trimmed = text.str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def cast_column(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    """The cast of a column that `can_hold` such cells; a missing cell takes the column's default, a faulty one does
    not.
    """
    cast = _CASTS[column.kind](column, cell, dtype)
    if dtype == pl.String and column.kind != "text":
        cast = _by_word(cast, column)
    if column.default is None:
        return cast
    return Cast(
        pl.when(~is_there(cell, dtype)).then(pl.lit(column.default)).otherwise(cast.value), cast.faults, cast.is_alien
    )


def _by_word(cast: Cast, column: Column) -> Cast:
    """The same cast of a column of texts, each word read once: dates, codes and numbers come again and again."""
    flags = {f"odd_{place}": fault.is_odd for place, fault in enumerate(cast.faults)}
    if cast.is_alien is not None:
        flags["alien"] = cast.is_alien
    words = _Words(column.name, {"value": cast.value.cast(column.dtype), **flags})
    return Cast(
        words.derived("value", column.dtype),
        tuple(replace(fault, is_odd=words.flagged(f"odd_{place}")) for place, fault in enumerate(cast.faults)),
        None if cast.is_alien is None else words.flagged("alien"),
    )


class _Words:
    """The words of a column of texts, and what each expression of `derived` makes of them: one row per word met so far.

    A look at a few thousand words is quick, a look at each of millions of cells is not. The words are remembered from one piece
    of the column to the next, and from the look for faults to the reading of the values; that changes no result.
    """

    def __init__(self, name: str, derived: Mapping[str, pl.Expr]) -> None:
        self._name = name
        self._derived = derived
        self._known = self._read(pl.Series(name, [], pl.String))

    def derived(self, what: str, dtype: pl.DataType) -> pl.Expr:
        """What one of the expressions makes of each cell; missing where the cell is."""

        def translate(cells: pl.Series, known: pl.DataFrame) -> pl.Series:
            if dtype == pl.String and known[_WORD].equals(known[what]):
                return cells
            return cells.replace_strict(known[_WORD], known[what], default=None, return_dtype=dtype)

        return self._of_cells(what, dtype, translate)

    def flagged(self, what: str) -> pl.Expr:
        """Where one of the expressions, a flag, is true of the cell; false or missing elsewhere."""

        def find(cells: pl.Series, known: pl.DataFrame) -> pl.Series:
            odd = known.filter(what)[_WORD]
            return cells.is_in(odd.implode()) if odd.len() else pl.Series([False]).new_from_index(0, cells.len())

        return self._of_cells(what, pl.Boolean(), find)

    def _of_cells(self, what: str, dtype: pl.DataType, of: Callable[[pl.Series, pl.DataFrame], pl.Series]) -> pl.Expr:
        """`of(cells, known)` of every piece of the column, with the words known that are in it."""

        def of_piece(cells: pl.Series) -> pl.Series:
            words = cells.unique().drop_nulls()
            return self._read(cells)[what] if words.len() > cells.len() // 2 else of(cells, self._met(words))

        return pl.col(self._name).map_batches(of_piece, return_dtype=dtype, is_elementwise=True)

    def _met(self, words: pl.Series) -> pl.DataFrame:
        """The rows of these words and perhaps of others."""
        known = self._known
        new = words.filter(~words.is_in(known[_WORD].implode()))
        if new.len():
            known = pl.concat([known, self._read(new)])
        if known.height <= _MOST_WORDS:
            self._known = known
        return known

    def _read(self, words: pl.Series) -> pl.DataFrame:
        return words.alias(self._name).to_frame().select(pl.col(self._name).alias(_WORD), **self._derived)


def is_there(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """True where the cell holds something: not null, not NaN, not blank."""
    if dtype.is_float():
        return cell.is_not_null() & cell.is_not_nan()
    if dtype == pl.String:
        return (cell.str.strip_chars() != "").fill_null(value=False)
    return as_text(cell, dtype).is_not_null() if isinstance(dtype, pl.Categorical | pl.Enum) else cell.is_not_null()


def _lost(column: Column, there: pl.Expr, value: pl.Expr, message: str | pl.Expr, rule: str = "") -> Fault:
    """The fault of a cell that is there and cannot be used."""
    return Fault(f"data.{rule or column.kind}", ERROR, there & value.is_null(), message, NULL_ACTION)


# Text, codes, flags ---------------------------------------------------------------------------------------------------


def _cast_text(_column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype != pl.String:
        return Cast(as_text(cell, dtype))
    return Cast(cell.map_batches(_trimmed, return_dtype=pl.String(), is_elementwise=True))


def _trimmed(cells: pl.Series) -> pl.Series:
    """As `as_text`. Where a few words come again and again and none has blanks about it, the cells are the values as they stand."""
    words = cells.unique().drop_nulls()
    if words.len() <= cells.len() // _AGAIN_AND_AGAIN and (words.len() == 0 or _are_bare(words)):
        return cells
    return cells.to_frame().select(as_text(pl.first(), pl.String())).to_series()


def _are_bare(words: pl.Series) -> bool:
    return words.str.strip_chars().equals(words) and not (words == "").any()


def _cast_code(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    text = as_text(cell, dtype)
    spellings = {code.lower(): code for code in column.codes}
    if column.codes == terms.RESPONSES:
        spellings |= {spelling.lower(): code for spelling, code in terms.RESPONSE_SYNONYMS.items()}
    value = text.str.to_lowercase().replace_strict(spellings, default=None, return_dtype=pl.String)
    allowed = ", ".join(column.codes)
    is_unknown = is_there(cell, dtype) & value.is_null()
    fault = _lost(column, is_there(cell, dtype), value, f"not one of {allowed}")
    if column.if_unknown is None:
        return Cast(value, (fault,), is_unknown)
    # What was seen is not known; taken as missing it would be a lesion that is there, or that is certain.
    fault = replace(fault, action=f"the value is taken as {column.if_unknown}")
    return Cast(pl.when(is_unknown).then(pl.lit(column.if_unknown)).otherwise(value), (fault,), is_unknown)


def _cast_flag(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype == pl.Boolean:
        return Cast(cell)
    text = as_text(cell, dtype)
    value = text.str.to_lowercase().replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)
    is_lost = is_there(cell, dtype) & value.is_null()
    return Cast(
        value, (_lost(column, is_there(cell, dtype), value, "not true or false (also: yes/no, Y/N, 1/0)"),), is_lost
    )


# Dates ----------------------------------------------------------------------------------------------------------------


def _cast_date(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        value = cell if dtype == pl.Date else cell.dt.date()
        return Cast(value, (_implausible(value.dt.year()),))
    text = as_text(cell, dtype)
    has_form = text.str.contains(r"^\d{4}-\d{2}-\d{2}([T ].*)?$")
    value = pl.when(has_form).then(text.str.head(10).str.to_date("%Y-%m-%d", strict=False))
    message = (
        pl.when(has_form)
        .then(pl.lit("no such day in the calendar"))
        .when(text.str.contains(dates.PATTERN))
        .then(pl.lit("the date is incomplete; here year, month and day are needed"))
        .otherwise(pl.lit("not a date in ISO 8601 form, such as 2024-05-17"))
    )
    is_alien = is_there(cell, dtype) & ~text.str.contains(r"^\d{4}(-\d{2})?")
    return Cast(value, (_lost(column, is_there(cell, dtype), value, message), _implausible(value.dt.year())), is_alien)


def _cast_partial_date(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        day = cell if dtype == pl.Date else cell.dt.date()
        return Cast(day.dt.to_string("%Y-%m-%d"), (_implausible(day.dt.year()),))
    text = as_text(cell, dtype)
    without_time = text.str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "${1}")
    # SDTM writes 2024---15 where the month is unknown; the day means nothing without it.
    month_unknown = without_time.str.contains(r"^\d{4}---\d{2}$")
    known_part = pl.when(month_unknown).then(without_time.str.slice(0, 4)).otherwise(without_time)
    # A year is read as its first day and a month as its: what is there of a date that may be partial must be in the calendar.
    first_day = (known_part + pl.lit("-01-01")).str.head(10).str.to_date("%Y-%m-%d", strict=False)
    value = pl.when(known_part.str.contains(dates.PATTERN) & first_day.is_not_null()).then(known_part)
    message = (
        pl.when(without_time.str.contains(dates.PATTERN))
        .then(pl.lit("no such day in the calendar"))
        .otherwise(pl.lit("not a date in ISO 8601 form, such as 2024-05-17, 2024-05 or 2024"))
    )
    only_year = Fault(
        "data.partial_date",
        NOTE,
        month_unknown,
        "the month is unknown, so the day says nothing",
        "the year alone is used",
    )
    is_alien = is_there(cell, dtype) & ~text.str.contains(r"^\d{4}")
    year = value.str.slice(0, 4).cast(pl.Int32, strict=False)
    return Cast(value, (_lost(column, is_there(cell, dtype), value, message), only_year, _implausible(year)), is_alien)


def _cast_time(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype == pl.Time or isinstance(dtype, pl.Datetime):
        return Cast(cell if dtype == pl.Time else cell.dt.time())
    text = as_text(cell, dtype)
    clock = text.str.replace(r"^\d{4}-\d{2}-\d{2}[T ]", "")
    is_day_alone = text.str.contains(r"^\d{4}-\d{2}(-\d{2})?$").fill_null(value=False)
    seconds = pl.coalesce(
        clock.str.extract(r"^(\d{2}:\d{2}:\d{2})(\.\d+)?Z?$"), clock.str.extract(r"^(\d{2}:\d{2})Z?$") + ":00"
    )
    value = seconds.str.to_time("%H:%M:%S", strict=False)
    there = is_there(cell, dtype) & ~is_day_alone
    message = "not a time of the day in ISO 8601 form, such as 08:30, 08:30:15 or 2024-05-17T08:30"
    return Cast(value, (_lost(column, there, value, message),), there & value.is_null())


def _implausible(year: pl.Expr) -> Fault:
    earliest, latest = PLAUSIBLE_YEARS
    return Fault(
        "data.implausible_date", WARNING, ~year.is_between(earliest, latest),
        f"the year is not between {earliest} and {latest}", "the date is used as it is",
    )  # fmt: skip


# Numbers --------------------------------------------------------------------------------------------------------------


def _cast_integer(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype.is_integer():
        return Cast(cell.cast(pl.Int64, strict=False))
    text = as_text(cell, dtype)
    is_whole = text.str.contains(r"^[+-]?\d+(\.0+)?$")
    value = pl.when(is_whole).then(text.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False))
    return Cast(
        value, (_lost(column, is_there(cell, dtype), value, "not a whole number"),), is_there(cell, dtype) & ~is_whole
    )


def _cast_number(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    if dtype.is_integer() or dtype == pl.Boolean:
        return Cast(cell.cast(pl.Float64))
    if dtype.is_float():
        number = cell.cast(pl.Float64)
        value = pl.when(number.is_finite()).then(number)
        return Cast(value, (Fault("data.number", ERROR, number.is_infinite(), "not a number", NULL_ACTION),))
    text = as_text(cell, dtype)
    number = text.cast(pl.Float64, strict=False)
    value = pl.when(number.is_finite()).then(number)
    return Cast(
        value,
        (_lost(column, is_there(cell, dtype), value, "not a number (a decimal point, no unit)"),),
        is_there(cell, dtype) & value.is_null(),
    )


def _cast_length(column: Column, cell: pl.Expr, dtype: pl.DataType) -> Cast:
    """Millimetres to whole hundredths: 12.3 is 1230, 12.345 is refused, and no binary fraction comes in.

    Sums and thresholds of diameters then compare exactly (Eisenhauer 2009 §4.3.1 sets them inclusively).
    """
    text = as_text(cell, dtype)
    if dtype.is_integer():
        number, has_form, fits = cell.cast(pl.Float64), pl.lit(value=True), pl.lit(value=True)
    elif dtype.is_float():
        number, has_form = cell.cast(pl.Float64), cell.is_finite()
        # A binary number stands for the decimal that is nearest to it, so it has two decimals where it is the nearest.
        # (Division by a constant would not do: Polars multiplies by its reciprocal, and 35 * 0.01 is not 0.35.)
        fits = cell.round(2) == cell
    else:
        number, has_form = text.cast(pl.Float64, strict=False), text.str.contains(r"^[+-]?\d+(\.\d+)?$")
        fits = text.str.contains(r"^[+-]?\d+(\.\d{1,2}0*)?$")
    in_range = number.is_between(0, LONGEST_MM)
    value = pl.when(has_form & fits & in_range).then((number * UNITS_PER_MM).round().cast(pl.Int64, strict=False))
    message = (
        pl.when(~has_form)
        .then(pl.lit("not a number of millimetres (a decimal point, no unit)"))
        .when(number < 0)
        .then(pl.lit("a length cannot be negative"))
        .when(number > LONGEST_MM)
        .then(pl.lit(f"longer than {LONGEST_MM} mm; is the unit millimetres?"))
        .otherwise(pl.lit("more than two decimals; a length is held in hundredths of a millimetre"))
    )
    return Cast(value, (_lost(column, is_there(cell, dtype), value, message),), is_there(cell, dtype) & ~has_form)


_CASTS: dict[str, Callable[[Column, pl.Expr, pl.DataType], Cast]] = {
    "text": _cast_text,
    "code": _cast_code,
    "flag": _cast_flag,
    "date": _cast_date,
    "partial_date": _cast_partial_date,
    "time": _cast_time,
    "integer": _cast_integer,
    "number": _cast_number,
    "length": _cast_length,
}
