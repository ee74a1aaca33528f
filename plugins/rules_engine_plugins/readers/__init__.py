"""Reads tables: text, columnar and statistical files, workbooks, databases.

Text is read as text throughout: what a cell means is decided by the contract of its table, never by guessing from the
data. Formats that know types (Parquet, Arrow, SAS, Dataset-JSON) keep those of the file. A library that only one format
needs is imported when such a file is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import rules_engine
from rules_engine.vocabulary import Reader

from rules_engine_plugins.readers.columnar import scan_arrow, scan_parquet
from rules_engine_plugins.readers.databases import scan_duckdb, scan_sqlite
from rules_engine_plugins.readers.dataset_json import scan_dataset_json, scan_dataset_ndjson
from rules_engine_plugins.readers.delimited import scan_csv
from rules_engine_plugins.readers.postgresql import scan_postgresql
from rules_engine_plugins.readers.sas import scan_sas7bdat, scan_xpt
from rules_engine_plugins.readers.workbooks import scan_workbook

__all__ = ["rules_engine_readers", "scan_csv", "scan_parquet"]

_ZIP = (0, b"PK\x03\x04")
_XPT = (0, b"HEADER RECORD*******LIB")
_SAS7BDAT = (0, bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011"))


@rules_engine.hookimpl
def rules_engine_readers() -> Sequence[Reader]:
    """Offer the formats that come with the engine."""
    return [
        Reader("csv", "1", "Comma-separated text", (".csv",), scan_csv, takes_encoding=True),
        Reader("parquet", "1", "Apache Parquet", (".parquet",), scan_parquet, signatures=((0, b"PAR1"), (0, b"PARE"))),
        Reader(
            "arrow", "1", "Arrow IPC, file or stream (Feather 2)", (".arrow", ".ipc", ".feather"), scan_arrow,
            signatures=((0, b"ARROW1"), (0, b"\xff\xff\xff\xff")),
        ),
        Reader(
            "excel", "1", "Workbook, one sheet per table", (".xlsx", ".xlsm", ".xlsb", ".ods"),
            scan_tables=scan_workbook, signatures=(_ZIP,),
        ),
        Reader("xpt", "1", "SAS transport file, version 5 or 8", (".xpt", ".xport"), scan_xpt, signatures=(_XPT,)),
        Reader("sas7bdat", "1", "SAS data set", (".sas7bdat",), scan_sas7bdat, signatures=(_SAS7BDAT,)),
        Reader("dataset-json", "1", "CDISC Dataset-JSON 1.1", (".json",), scan_dataset_json),
        Reader("dataset-ndjson", "1", "CDISC Dataset-JSON 1.1, one line per row", (".ndjson",), scan_dataset_ndjson),
        Reader(
            "duckdb", "1", "DuckDB database", (".duckdb", ".ddb"), scan_tables=scan_duckdb, signatures=((8, b"DUCK"),)
        ),
        Reader(
            "sqlite", "1", "SQLite database", (".sqlite", ".sqlite3", ".db"), scan_tables=scan_sqlite,
            signatures=((0, b"SQLite format 3\x00"),),
        ),
        Reader(
            "postgresql", "1", "PostgreSQL database", (), scan_tables=scan_postgresql,
            schemes=("postgresql", "postgres"),
        ),
    ]  # fmt: skip
