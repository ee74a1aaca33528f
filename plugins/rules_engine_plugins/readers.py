"""Reads tables from CSV and Parquet files.

CSV is read as text throughout: what a cell means is decided by the contract of its table, never by guessing from the
data. Parquet keeps the types of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import rules_engine
from rules_engine.vocabulary import Reader


def scan_csv(path: Path) -> pl.LazyFrame:
    """Every column of a comma-separated UTF-8 file as text; empty cells are missing, nothing else is (`NA` is a value)."""
    return pl.scan_csv(path, infer_schema=False, quote_char='"', glob=False)


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Every column of a Parquet file in the file's own type."""
    return pl.scan_parquet(path, glob=False)


@rules_engine.hookimpl
def rules_engine_readers() -> Sequence[Reader]:
    """Offer CSV and Parquet."""
    return [
        Reader("csv", "1", "Comma-separated text, UTF-8", (".csv",), scan_csv),
        Reader("parquet", "1", "Apache Parquet", (".parquet",), scan_parquet),
    ]
