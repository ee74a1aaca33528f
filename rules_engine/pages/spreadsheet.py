"""Texts that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import Final, TypeVar

import polars as pl

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
#: What makes a spreadsheet take a text for a formula, unless the whole text is a number.
FORMULA: Final = r"^[=+\-@\t\r]"
NUMBER: Final = r"^[+-]?\d+(\.\d+)?$"


def spreadsheet_safe(frame: Frame) -> Frame:
    """The same frame; a text that a spreadsheet would take for a formula gets an apostrophe."""
    neutral = [
        pl.when(text.str.contains(FORMULA) & ~text.str.contains(NUMBER)).then("'" + text).otherwise(text).alias(column)
        for column, dtype in frame.lazy().collect_schema().items()
        if dtype == pl.String
        for text in [pl.col(column)]
    ]
    return frame.with_columns(neutral)
