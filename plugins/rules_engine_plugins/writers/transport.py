"""SAS transport files, version 5, within the limits that the agencies state.

The format's limits are held here, because libraries write what breaks them: names of eight letters, labels of forty bytes,
text of two hundred bytes. A text that is longer goes on in further variables (TRACE, TRACE1, TRACE2); their texts put
together are the whole. Days are SAS dates, shown by DATE9, times of day seconds, shown by TIME8. Missing text and empty
text are one. The file carries the data cut-off as its day, so that the same data give the same bytes.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl
from rules_engine.errors import UsageError, WriteError
from rules_engine.vocabulary import DataSet

LONGEST_NAME: Final = 8
LONGEST_LABEL: Final = 40
LONGEST_TEXT: Final = 200
_NAME: Final = re.compile(r"^[A-Z_][A-Z0-9_]{0,7}$")
DAY_FORMAT: Final = "DATE9."
_TIME_FORMAT: Final = "TIME8."
_NANOSECONDS: Final = 1_000_000_000
#: Where the library writes the time of writing: record and place in it.
_TIMES: Final = (1 * 80 + 64, 2 * 80, 5 * 80 + 64, 6 * 80)
_TIME: Final = re.compile(rb"^\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d$")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXACT: Final = 1 << 53


def write_transport(data_set: DataSet, path: Path) -> None:
    """Write one data set; raises `WriteError` for what version 5 cannot hold."""
    try:
        import polars_readstat
    except ImportError:
        raise UsageError.at(
            path.name, "writing SAS files needs polars-readstat", "pip install 'endpoint-rules-engine[sas]'"
        ) from None
    rows, held = transport_columns(data_set)
    labels = {column: label for column, (_source, label) in held.items()}
    _require_limits(data_set, rows, labels)
    hours = [column for column, dtype in rows.schema.items() if dtype == pl.Time]
    formats = {column: DAY_FORMAT for column, dtype in rows.schema.items() if dtype == pl.Date}
    formats |= dict.fromkeys(hours, _TIME_FORMAT)
    rows = rows.with_columns(pl.col(hours).cast(pl.Int64) / _NANOSECONDS)
    polars_readstat.write_xpt(
        rows, str(path), version=5, table_name=data_set.short_name, file_label=data_set.label, variable_labels=labels,
        variable_format=formats,
    )  # fmt: skip
    _state_time(path, data_set.as_of)


def transport_columns(data_set: DataSet) -> tuple[pl.DataFrame, dict[str, tuple[str, str]]]:
    """The rows under short names, flags as numbers and long texts in several columns; of each column where it comes from
    and its label.
    """
    columns: list[pl.Series] = []
    held: dict[str, tuple[str, str]] = {}
    for series in data_set.frame.iter_columns():
        name = data_set.short_names.get(series.name, series.name.upper())
        parts = _parts(series) if series.dtype == pl.String else [_number(series)]
        for number, part in enumerate(parts):
            own = name if number == 0 else f"{name[: LONGEST_NAME - len(str(number))]}{number}"
            if own in held:
                raise WriteError(f"two columns would be called {own}: {series.name} is one of them")
            label = data_set.labels.get(series.name, "")
            held[own] = (series.name, label if number == 0 else f"{label[: LONGEST_LABEL - 4]} ({number + 1})")
            columns.append(part.alias(own))
    return pl.DataFrame(columns), held


def _number(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series.cast(pl.Int8)
    if series.dtype.is_integer() and series.drop_nulls().abs().gt(_EXACT).any():
        raise WriteError(f"column {series.name} holds whole numbers beyond 2^53, which SAS cannot hold exactly")
    if series.dtype.is_float() and series.is_infinite().any():
        raise WriteError(f"column {series.name} holds an infinite number, which SAS cannot hold")
    if not (series.dtype.is_numeric() or series.dtype in (pl.Date, pl.Time)):
        raise WriteError(f"column {series.name} holds {series.dtype}, which a transport file cannot hold")
    return series


def _parts(series: pl.Series) -> list[pl.Series]:
    """The texts, cut into pieces of at most 200 bytes of UTF-8; no piece ends in a blank, which the format would lose."""
    if series.str.strip_chars_end(" ").ne(series).any():
        series = series.str.strip_chars_end(" ")
    longest = series.str.len_bytes().max()
    if not isinstance(longest, int) or longest <= LONGEST_TEXT:
        return [series]
    pieces = [_pieces(text) if text is not None else [] for text in series]
    count = max(len(found) for found in pieces)
    return [
        pl.Series(series.name, [found[number] if number < len(found) else None for found in pieces], pl.String)
        for number in range(count)
    ]


def _pieces(text: str) -> list[str]:
    pieces = []
    while text:
        end = len(text.encode()[:LONGEST_TEXT].decode(errors="ignore"))
        while end > 1 and end < len(text) and text[end - 1] == " ":
            end -= 1
        pieces.append(text[:end])
        text = text[end:]
    return pieces


def _require_limits(data_set: DataSet, rows: pl.DataFrame, labels: dict[str, str]) -> None:
    if not _NAME.match(data_set.short_name) or len(data_set.label.encode()) > LONGEST_LABEL:
        raise WriteError(f"the data set's name or label is too long: {data_set.short_name}, {data_set.label!r}")
    for column in rows.columns:
        if not _NAME.match(column):
            raise WriteError(f"the column name {column} is no SAS name of at most {LONGEST_NAME} letters")
        if len(labels[column].encode()) > LONGEST_LABEL:
            raise WriteError(f"the label of {column} has more than {LONGEST_LABEL} bytes: {labels[column]!r}")


def _state_time(path: Path, day: date) -> None:
    """Put the start of the day `day` where the library wrote the time of writing."""
    stamp = f"{day.day:02}{_MONTHS[day.month - 1]}{day.year % 100:02}:00:00:00".encode()
    with path.open("r+b") as file:
        for place in _TIMES:
            file.seek(place)
            if not _TIME.match(file.read(len(stamp))):
                raise WriteError("the library wrote a header of another form: the time of writing is not where it was")
            file.seek(place)
            file.write(stamp)
