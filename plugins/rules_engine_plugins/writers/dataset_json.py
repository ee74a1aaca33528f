"""CDISC Dataset-JSON 1.1, as one document or as one line per row.

The day of creation is the data cut-off, so that the same data give the same bytes. Days are ISO texts that a receiving system
turns into numbers (`targetDataType`), as ADaM wants it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import rules_engine
from rules_engine.errors import WriteError
from rules_engine.vocabulary import DataSet

_CHUNK: Final = 50_000


def write_dataset_json(data_set: DataSet, path: Path) -> None:
    """One document: the metadata, then the rows, one on each line."""
    head = json.dumps(metadata(data_set), ensure_ascii=False, indent=1)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head.removesuffix("\n}") + ',\n "rows": [')
        for number, row in enumerate(_rows(data_set.frame)):
            file.write((",\n  " if number else "\n  ") + row)
        file.write("\n ]\n}\n")


def write_dataset_ndjson(data_set: DataSet, path: Path) -> None:
    """The metadata on the first line, then one line per row."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(metadata(data_set), ensure_ascii=False) + "\n")
        for row in _rows(data_set.frame):
            file.write(row + "\n")


def metadata(data_set: DataSet) -> dict[str, Any]:
    """Everything but the rows, in the order that the specification recommends."""
    name = data_set.name.upper()
    return {
        "datasetJSONCreationDateTime": f"{data_set.as_of.isoformat()}T00:00:00",
        "datasetJSONVersion": "1.1.0",
        "sourceSystem": {"name": "endpoint-rules-engine", "version": rules_engine.__version__},
        **({"studyOID": f"ST.{data_set.study}"} if data_set.study else {}),
        "metaDataRef": "define.xml",
        "itemGroupOID": f"IG.{name}",
        "records": data_set.frame.height,
        "name": name,
        "label": data_set.label,
        "columns": [_column(data_set, column) for column in data_set.frame.columns],
    }


def _column(data_set: DataSet, column: str) -> dict[str, Any]:
    series = data_set.frame[column]
    described: dict[str, Any] = {
        "itemOID": f"IT.{data_set.name.upper()}.{column.upper()}",
        "name": column,
        "label": data_set.labels.get(column, column),
        **_type(series),
    }
    if series.dtype == pl.String:
        longest = series.str.len_chars().max()
        described["length"] = longest if isinstance(longest, int) and longest else 1
    if column in data_set.keys:
        described["keySequence"] = list(data_set.keys).index(column) + 1
    return described


def _type(series: pl.Series) -> dict[str, str]:
    dtype = series.dtype
    if dtype == pl.Date:
        return {"dataType": "date", "targetDataType": "integer", "displayFormat": "E8601DA."}
    if dtype == pl.Time:
        return {"dataType": "time", "targetDataType": "integer", "displayFormat": "TIME8."}
    if dtype == pl.Boolean:
        return {"dataType": "boolean"}
    if dtype.is_integer():
        return {"dataType": "integer"}
    if dtype.is_float():
        return {"dataType": "float"}
    if dtype == pl.String:
        return {"dataType": "string"}
    raise WriteError(f"column {series.name} holds {dtype}, which Dataset-JSON cannot hold")


def _rows(frame: pl.DataFrame) -> Iterator[str]:
    for series in frame.iter_columns():
        if series.dtype.is_float() and series.is_infinite().any():
            raise WriteError(f"column {series.name} holds an infinite number, which JSON cannot hold")
    days = [pl.col(column).cast(pl.String) for column, dtype in frame.schema.items() if dtype == pl.Date]
    days += [pl.col(column).dt.to_string("%H:%M:%S") for column, dtype in frame.schema.items() if dtype == pl.Time]
    numbers = [pl.col(column).fill_nan(None) for column, dtype in frame.schema.items() if dtype.is_float()]
    plain = frame.with_columns(*days, *numbers)
    for chunk in plain.iter_slices(_CHUNK):
        for row in chunk.iter_rows():
            yield json.dumps(row, ensure_ascii=False, allow_nan=False)
