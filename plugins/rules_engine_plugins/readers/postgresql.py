"""A PostgreSQL database: the tables and views of its search path, all of them as they were at one moment.

The server sends text (COPY … TO STDOUT), which the contract of the input table understands like a CSV file: decimals stay
exact and no type of the server needs a counterpart. The password never appears in a message: it belongs to the connection
alone, and is better left to a password file or the environment.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl
from rules_engine.errors import ReadError, UsageError

_SECONDS_TO_CONNECT: Final = 10
_TABLES: Final = """
    SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_schema = ANY (current_schemas(false)) ORDER BY table_name, array_position(current_schemas(false), table_schema)
"""


def scan_postgresql(place: str, is_wanted: Callable[[str], bool]) -> Mapping[str, pl.LazyFrame | None]:
    """The tables and views by name; of those wanted every row as text. `place` is a connection string of PostgreSQL.

    All are read in one transaction that cannot write. Of tables with one name the first on the search path is read.
    """
    try:
        import psycopg
    except ImportError:
        raise UsageError.at(
            "postgresql", "reading from PostgreSQL needs psycopg", "pip install 'endpoint-rules-engine[database]'"
        ) from None
    try:
        with psycopg.connect(place, connect_timeout=_SECONDS_TO_CONNECT, application_name="rules-engine") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SET LOCAL datestyle = 'ISO, YMD'")
            connection.execute("SET LOCAL extra_float_digits = 1")
            found: dict[str, str] = {}
            for schema, name in connection.execute(_TABLES).fetchall():
                found.setdefault(str(name), str(schema))
            return {
                name: _rows(connection, schema, name) if is_wanted(name) else None for name, schema in found.items()
            }
    except psycopg.Error as error:
        what = f"the database cannot be read: {_told(error, place)}"
        remedy = "check that the server answers, the connection string is right and this user may read the tables; then run again"
        raise ReadError(what, remedy) from None


def _rows(connection: Any, schema: str, name: str) -> pl.LazyFrame:
    from psycopg import sql

    table = sql.Identifier(schema, name)
    columns = [
        column.name for column in connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description
    ]
    if not columns:
        raise ReadError("the table has no columns", "add its columns", place=f"table {name}")
    query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv, HEADER false, ENCODING 'UTF8')").format(table)
    text = io.BytesIO()
    with connection.cursor().copy(query) as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return pl.LazyFrame(schema=dict.fromkeys(columns, pl.String()))
    text.seek(0)
    return pl.read_csv(text, has_header=False, new_columns=columns, infer_schema=False, quote_char='"').lazy()


def _told(error: BaseException, place: str) -> str:
    """The server's words on one line, without a password."""
    text = " ".join(str(error).split()) or type(error).__name__
    password = re.search(r"://[^:/@]*:([^@]*)@", place)
    return text.replace(password.group(1), "***") if password and password.group(1) else text
