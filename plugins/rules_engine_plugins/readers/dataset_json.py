"""CDISC Dataset-JSON 1.1: one JSON document, or one line per row (NDJSON).

A file that contradicts itself is refused: rows that do not fit its columns, values that are not of their type, another
number of records than it states.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import polars as pl
from rules_engine.errors import ReadError

#: A document is held in memory as a whole, several times its size; NDJSON is not.
LARGEST_DOCUMENT: Final = 400_000_000
_CHUNK: Final = 50_000
_REMEDY: Final = "export the data set again as Dataset-JSON 1.1"
#: Type of the column by its `dataType`; a day is a day only where `targetDataType` says that it is complete.
_TYPES: Final[dict[str, pl.DataType]] = {
    "string": pl.String(), "integer": pl.Int64(), "decimal": pl.String(), "float": pl.Float64(), "double": pl.Float64(),
    "boolean": pl.Boolean(), "datetime": pl.String(), "date": pl.String(), "time": pl.String(), "URI": pl.String(),
}  # fmt: skip
_REQUIRED: Final = ("datasetJSONVersion", "itemGroupOID", "records", "name", "label", "columns")


def scan_dataset_json(path: Path) -> pl.LazyFrame:
    """Every column of a Dataset-JSON document in the type that its metadata state."""
    size = path.stat().st_size
    if size > LARGEST_DOCUMENT:
        raise ReadError(
            f"it has {size:,} bytes; a JSON document of more than {LARGEST_DOCUMENT:,} is not read",
            "write it as NDJSON",
        )
    document = _parsed(_text(path), "")
    columns = _columns(document)
    rows = document.get("rows", [])
    if not isinstance(rows, list):
        raise ReadError("`rows` is no list", _REMEDY)
    return _frame(document, columns, enumerate(rows, 1), "row").lazy()


def scan_dataset_ndjson(path: Path) -> pl.LazyFrame:
    """Every column of a Dataset-JSON data set with one line per row, read in chunks."""
    with path.open("rb") as file:
        head = _parsed(_decoded(file.readline(), 1), "line 1")
        columns = _columns(head)
        numbered = ((line, _decoded(raw, line)) for line, raw in enumerate(file, 2))
        rows = ((line, _parsed(text, f"line {line}")) for line, text in numbered if text.strip())
        return _frame(head, columns, rows, "line").lazy()


# Text to JSON ---------------------------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    return _decoded(path.read_bytes(), None)


def _decoded(raw: bytes, line: int | None) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = line or raw[: error.start].count(b"\n") + 1
        raise ReadError("it is not UTF-8 text", _REMEDY, place=f"line {number}") from None


def _parsed(text: str, place: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ReadError(f"{constant} is no JSON", _REMEDY, place=place)

    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = place or f"line {error.lineno}"
        ends = error.pos >= len(text.rstrip()) - 1
        what = "it is cut short" if ends else f"it is no JSON: {error.msg} (column {error.colno})"
        raise ReadError(what, "copy the file again" if ends else _REMEDY, place=where) from None
    except RecursionError:
        raise ReadError("it is nested too deeply for Dataset-JSON", _REMEDY, place=place) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, _value in pairs if [other for other, _v in pairs].count(name) > 1)
        raise ReadError(f"it states {twice!r} twice", _REMEDY)
    return found


# Metadata -------------------------------------------------------------------------------------------------------------


def _columns(document: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Name and description of each column; raises `ReadError` where the metadata are not those of Dataset-JSON 1.1."""
    if not isinstance(document, Mapping):
        raise ReadError("it is JSON, but no Dataset-JSON: there is no object of metadata", _REMEDY)
    version = str(document.get("datasetJSONVersion", ""))
    if version and not (version == "1.1" or version.startswith("1.1.")):
        raise ReadError(f"it is Dataset-JSON {version}; version 1.1 is read", _REMEDY)
    missing = [name for name in _REQUIRED if name not in document]
    if missing:
        raise ReadError(f"it is JSON, but no Dataset-JSON 1.1: it does not state {', '.join(missing)}", _REMEDY)
    records = document["records"]
    if not isinstance(records, int) or isinstance(records, bool) or records < 0:
        raise ReadError(f"`records` is {records!r}, no number of rows", _REMEDY)
    found = []
    for number, column in enumerate(document["columns"] if isinstance(document["columns"], list) else [None], 1):
        if not isinstance(column, Mapping) or not isinstance(column.get("name"), str) or not column["name"].strip():
            raise ReadError(f"column {number} has no name", _REMEDY)
        if column.get("dataType") not in _TYPES:
            known = ", ".join(_TYPES)
            raise ReadError(
                f"column {column['name']} has the dataType {column.get('dataType')!r}, none of {known}", _REMEDY
            )
        found.append((str(column["name"]), column))
    names = [name.strip().lower() for name, _column in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ReadError(f"two columns have one name: {', '.join(twice)}", _REMEDY)
    return found


def _is_day(column: Mapping[str, Any]) -> bool:
    return column["dataType"] == "date" and column.get("targetDataType") == "integer"


# Rows -----------------------------------------------------------------------------------------------------------------


def _frame(
    document: Mapping[str, Any],
    columns: list[tuple[str, Mapping[str, Any]]],
    rows: Iterable[tuple[int, Any]],
    word: str,
) -> pl.DataFrame:
    schema = {name: _TYPES[str(column["dataType"])] for name, column in columns}
    chunks = [pl.DataFrame(schema=schema)]
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        chunks.append(_chunk(chunk, columns, schema, word))
    frame = pl.concat(chunks)
    if frame.height != document["records"]:
        raise ReadError(
            f"it states {document['records']:,} records and holds {frame.height:,} rows: it is cut short or was changed",
            "copy the file again, or export it again",
        )
    return _with_days(frame, columns)


def _chunk(
    rows: list[tuple[int, Any]],
    columns: list[tuple[str, Mapping[str, Any]]],
    schema: Mapping[str, pl.DataType],
    word: str,
) -> pl.DataFrame:
    for number, row in rows:
        if not isinstance(row, list) or len(row) != len(columns):
            what = f"{len(row)} values" if isinstance(row, list) else "no list of values"
            raise ReadError(f"it has {what}; there are {len(columns)} columns", _REMEDY, place=f"{word} {number}")
    values = zip(*(row for _number, row in rows), strict=True)
    built: dict[str, pl.Series] = {}
    for (name, dtype), cells in zip(schema.items(), values, strict=True):
        for (number, _row), cell in zip(rows, cells, strict=True):
            if not _fits(cell, dtype):
                raise ReadError(
                    f"column {name} holds {cell!r}, which is not of its dataType", _REMEDY, place=f"{word} {number}"
                )
        built[name] = pl.Series(name, [float(c) if dtype == pl.Float64 and c is not None else c for c in cells], dtype)
    return pl.DataFrame(built)


def _fits(cell: Any, dtype: pl.DataType) -> bool:
    if cell is None:
        return True
    if dtype == pl.String:
        return isinstance(cell, str)
    if dtype == pl.Boolean:
        return isinstance(cell, bool)
    if isinstance(cell, bool):
        return False
    return isinstance(cell, int) and abs(cell) < 1 << 63 if dtype == pl.Int64 else isinstance(cell, int | float)


def _with_days(frame: pl.DataFrame, columns: list[tuple[str, Mapping[str, Any]]]) -> pl.DataFrame:
    for name in (name for name, column in columns if _is_day(column)):
        text = frame[name].replace("", None)
        days = text.str.to_date("%Y-%m-%d", strict=False)
        lost = (text.is_not_null() & days.is_null()).arg_true()
        if len(lost):
            raise ReadError(
                f"column {name} holds {text[int(lost[0])]!r}, which is no day", _REMEDY, place=f"row {lost[0] + 1}"
            )
        frame = frame.with_columns(days.alias(name))
    return frame
