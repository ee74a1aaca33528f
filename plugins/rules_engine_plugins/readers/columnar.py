"""Parquet and Arrow IPC: columns in the types of the file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rules_engine.errors import ReadError


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Every column of a Parquet file in the file's own type."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(-4, -path.stat().st_size), 2)
        end = file.read(4)
    if b"PARE" in (start, end):
        raise ReadError("it is encrypted", "write it again without encryption")
    if end != b"PAR1":
        raise ReadError("it is cut short: its end is not that of a Parquet file", "copy or write the file again")
    return pl.scan_parquet(path, glob=False)


def scan_arrow(path: Path) -> pl.LazyFrame:
    """Every column of an Arrow IPC file (also Feather 2), or of an IPC stream kept in a file."""
    with path.open("rb") as file:
        start = file.read(6)
    if start != b"ARROW1":
        return pl.read_ipc_stream(path).lazy()
    with path.open("rb") as file:
        file.seek(max(-6, -path.stat().st_size), 2)
        if file.read(6) != b"ARROW1":
            raise ReadError("it is cut short: its end is not that of an Arrow file", "copy or write the file again")
    return pl.scan_ipc(path, glob=False)
