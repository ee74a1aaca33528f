"""The data sets of a run as JSON, CSV, Parquet or Arrow."""

from __future__ import annotations

import io
import math
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.pages.spreadsheet import spreadsheet_safe
from rules_engine.service.models import ColumnOut, TableOut

MEDIA_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}


def rows_of(file: Path, offset: int, limit: int) -> TableOut:
    """Some rows of a data set as plain values."""
    table = pl.scan_parquet(file)
    schema = table.collect_schema()
    total = table.select(pl.len()).collect().item()
    rows = table.slice(offset, limit).collect()
    return TableOut(
        table=file.stem,
        columns=[ColumnOut(name=name, type=str(dtype)) for name, dtype in schema.items()],
        rows=[{name: _plain(value) for name, value in row.items()} for row in rows.iter_rows(named=True)],
        offset=offset,
        total=total,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def file_of(file: Path, form: str) -> bytes:
    """A data set as a file."""
    if form == "parquet":
        return file.read_bytes()
    frame = pl.read_parquet(file)
    out = io.BytesIO()
    if form == "arrow":
        frame.write_ipc_stream(out)
    else:
        spreadsheet_safe(frame).write_csv(out, line_terminator="\n", quote_style="necessary")
    return out.getvalue()
