"""DuckDB and SQLite files: every table and view, opened for reading only.

A database file is untrusted like any other: nothing that its views or triggers say reaches outside the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import polars as pl
from rules_engine.errors import ReadError, UsageError

_AGAIN: Final = "copy the database again while no program writes to it"
_CHUNK: Final = 50_000
_SHUT_IN: Final = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}


def scan_duckdb(place: str, is_wanted: Callable[[str], bool]) -> Mapping[str, pl.LazyFrame | None]:
    """The tables and views by name; of those wanted every row in its own type, decimal numbers as text."""
    try:
        import duckdb
    except ImportError:
        raise UsageError.at(
            place, "reading DuckDB files needs duckdb", "pip install 'endpoint-rules-engine[database]'"
        ) from None
    try:
        with duckdb.connect(place, read_only=True, config=dict(_SHUT_IN)) as connection:
            names = [
                (str(schema), str(name))
                for schema, name in connection.execute(
                    "SELECT table_schema, table_name FROM information_schema.tables "
                    "WHERE table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY ALL"
                ).fetchall()
            ]
            _require_names_once([name for _schema, name in names])
            return {name: _duckdb_rows(connection, schema, name) if is_wanted(name) else None for schema, name in names}
    except duckdb.Error as error:
        raise ReadError(f"it cannot be read as a DuckDB database: {_first_line(error)}", _AGAIN) from None


def _duckdb_rows(connection: Any, schema: str, name: str) -> pl.LazyFrame:
    """A table in the order of its rows; columns of no plain type as the text that DuckDB gives them."""
    table = f"{_quoted(schema)}.{_quoted(name)}"
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()  # noqa: S608  (quoted names of the file)
    columns = ", ".join(
        _quoted(column) if kind in _PLAIN_TYPES else f"CAST({_quoted(column)} AS VARCHAR) AS {_quoted(column)}"
        for column, kind, *_rest in described
    )
    relation = connection.sql(f"SELECT {columns} FROM {table}")  # noqa: S608
    frame = pl.DataFrame(relation)
    return frame.lazy()


#: Read in their own type; others (decimals, hours, lists …) as text, for the contract of the table to understand.
_PLAIN_TYPES: Final = {
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT",
    "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP",
}  # fmt: skip


def scan_sqlite(place: str, is_wanted: Callable[[str], bool]) -> Mapping[str, pl.LazyFrame | None]:
    """The tables and views by name; of those wanted every row as text, because SQLite columns have no type."""
    _require_whole_sqlite(Path(place))
    address = f"file:{quote(str(Path(place).absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            listed = connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
            names = [str(name) for (name,) in listed]
            _require_names_once(names)
            return {name: _sqlite_rows(connection, name) if is_wanted(name) else None for name in names}
    except sqlite3.Error as error:
        raise ReadError(f"it cannot be read as a SQLite database: {_first_line(error)}", _AGAIN) from None


def _require_whole_sqlite(path: Path) -> None:
    """Refuse a file that is shorter than the pages that its header states; SQLite itself notices when it reads them."""
    with path.open("rb") as file:
        head = file.read(32)
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    stated = (65_536 if page == 1 else page) * pages
    if len(head) < 32 or stated > path.stat().st_size:
        raise ReadError(
            f"its header states {stated:,} bytes; it holds {path.stat().st_size:,}: it is cut short", _AGAIN
        )


def _sqlite_rows(connection: sqlite3.Connection, name: str) -> pl.LazyFrame:
    cursor = connection.execute(f"SELECT * FROM {_quoted(name)}")  # noqa: S608  (a quoted name of the file)
    columns = [str(column[0]) for column in cursor.description]
    _require_names_once(columns, "column", f"table {name}")
    schema = dict.fromkeys(columns, pl.String())
    chunks = [pl.DataFrame(schema=schema)]
    first = 1
    while rows := cursor.fetchmany(_CHUNK):
        cells = [[_as_text(cell, f"row {number}") for cell in row] for number, row in enumerate(rows, first)]
        chunks.append(pl.DataFrame(cells, schema=schema, orient="row"))
        first += len(rows)
    return pl.concat(chunks).lazy()


def _as_text(cell: Any, place: str) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        raise ReadError("it holds bytes where text is expected", "store text, numbers or dates as text", place=place)
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else repr(cell)


def _require_names_once(names: list[str], word: str = "table", place: str = "") -> None:
    folded = [name.strip().lower() for name in names]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        what = f"two {word}s have one name: {', '.join(twice)}"
        raise ReadError(what, "rename or remove one of them", place=place)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
