"""Workbooks: a sheet with the rows and one with the labels of the columns.

Texts are written as texts, whatever they look like: nothing in them becomes a formula, a link or a number.
"""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl
from rules_engine.errors import UsageError, WriteError
from rules_engine.vocabulary import DataSet

MOST_ROWS: Final = 1_048_575
LONGEST_TEXT: Final = 32_767
_FIRST_DAY: Final = date(1900, 3, 1)  # before it, Excel's calendar has a day that never was
_AS_TEXT: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_workbook(data_set: DataSet, path: Path) -> None:
    """Write one data set; raises `WriteError` for what a sheet cannot hold."""
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError.at(
            path.name, "writing workbooks needs XlsxWriter", "pip install 'endpoint-rules-engine[excel]'"
        ) from None
    rows = data_set.frame
    _require_limits(rows)
    with xlsxwriter.Workbook(str(path), {**_AS_TEXT, "constant_memory": True}) as book:
        book.set_properties(
            {
                "title": data_set.label,
                "created": datetime(data_set.as_of.year, data_set.as_of.month, data_set.as_of.day),
            }
        )
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        hour = book.add_format({"num_format": "hh:mm:ss"})
        sheet = book.add_worksheet(data_set.name[:31])
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(rows.columns):
            sheet.write_string(0, place, column, bold)
            sheet.set_column(place, place, 14, day if rows.schema[column] == pl.Date else None)
        for number, row in enumerate(rows.iter_rows(), 1):
            for place, cell in enumerate(row):
                if cell is None or cell != cell:
                    continue
                if isinstance(cell, bool):
                    sheet.write_boolean(number, place, cell)
                elif isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(number, place, datetime(cell.year, cell.month, cell.day), day)
                elif isinstance(cell, time):
                    sheet.write_datetime(number, place, cell, hour)
                else:
                    sheet.write_number(number, place, cell)
        labels = book.add_worksheet("columns")
        labels.set_column(0, 0, 14)
        labels.set_column(1, 1, 60)
        labels.write_row(0, 0, ["column", "label"], bold)
        for number, column in enumerate(rows.columns, 1):
            labels.write_string(number, 0, column)
            labels.write_string(number, 1, data_set.labels.get(column, ""))


def _require_limits(rows: pl.DataFrame) -> None:
    if rows.height > MOST_ROWS:
        raise WriteError(f"a sheet holds {MOST_ROWS:,} rows; there are {rows.height:,}", "write Parquet or CSV")
    for series in rows.iter_columns():
        if series.dtype == pl.String and (series.str.len_chars() > LONGEST_TEXT).any():
            raise WriteError(f"column {series.name} holds a text of more than {LONGEST_TEXT:,} letters")
        if series.dtype == pl.Date and (series < _FIRST_DAY).any():
            raise WriteError(f"column {series.name} holds a day before {_FIRST_DAY}, which Excel cannot show")
        if series.dtype.is_integer() and (series.abs() > 10**15).any():
            raise WriteError(f"column {series.name} holds whole numbers of more than 15 digits, which Excel rounds")
        if series.dtype.is_float() and series.is_infinite().any():
            raise WriteError(f"column {series.name} holds an infinite number, which Excel cannot hold")
