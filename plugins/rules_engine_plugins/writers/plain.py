"""Parquet, Arrow and CSV."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl
from rules_engine.pages.spreadsheet import spreadsheet_safe
from rules_engine.vocabulary import DataSet

#: Under this name a file says what types its columns have in memory.
_SCHEMA: Final = "ARROW:schema"
#: Fixed, so that the bytes depend on nothing but the data.
_PARQUET: Final[dict[str, Any]] = {
    "compression": "zstd",
    "compression_level": 3,
    "statistics": True,
    "row_group_size": 100_000,
    "data_page_size": 1 << 20,
}


def write_parquet(data_set: DataSet, path: Path) -> None:
    """Parquet with fixed settings; the labels of the columns stand in the file's metadata as JSON.

    Categories are written as the texts that they are: Parquet writes the words of a column once anyway, and need not look for them.
    """
    labels = json.dumps(dict(data_set.labels), ensure_ascii=False, sort_keys=True)
    metadata = {_SCHEMA: _schema_of_texts(data_set.rows), "labels": labels}
    if isinstance(data_set.rows, pl.LazyFrame):
        data_set.rows.sink_parquet(path, metadata=metadata, **_PARQUET)
    else:
        data_set.rows.rechunk().write_parquet(path, metadata=metadata, **_PARQUET)


def _schema_of_texts(rows: pl.DataFrame | pl.LazyFrame) -> str:
    """What a file says of the types of its columns, with texts for categories: what one without rows says."""
    schema = rows.lazy().collect_schema()
    file = BytesIO()
    pl.DataFrame(
        schema={name: pl.String() if dtype == pl.Categorical else dtype for name, dtype in schema.items()}
    ).write_parquet(file)
    file.seek(0)
    return pl.read_parquet_metadata(file)[_SCHEMA]


def write_arrow(data_set: DataSet, path: Path) -> None:
    """An Arrow IPC file, uncompressed."""
    data_set.frame.rechunk().write_ipc(path, compression="uncompressed")


def write_csv(data_set: DataSet, path: Path) -> None:
    """CSV in UTF-8; missing is empty; no text that a spreadsheet would take for a formula."""
    if isinstance(data_set.rows, pl.LazyFrame):
        spreadsheet_safe(data_set.rows).sink_csv(path, line_terminator="\n", quote_style="necessary")
    else:
        spreadsheet_safe(data_set.rows).write_csv(path, line_terminator="\n", quote_style="necessary")
