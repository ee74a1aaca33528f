"""What is written in each format, read back by programs that know nothing of the engine: nothing is lost."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow.feather
import pyarrow.parquet
import pytest
import rules_engine
from odmlib.dataset_json_1_1.model import DatasetJSON
from rules_engine.errors import UsageError
from rules_engine.registry import build_registry
from rules_engine.study.labels import DATA_SET_LABELS, DATA_SETS, SHORT_NAMES, column_labels
from rules_engine.study.writing import write_outputs
from rules_engine.vocabulary import DataSet, Writer

openpyxl = pytest.importorskip("openpyxl")
pyreadstat = pytest.importorskip("pyreadstat")
duckdb = pytest.importorskip("duckdb")

_DRAW = random.Random(4)
LONG = "".join(_DRAW.choice("abc µé–日 ") for _ in range(900)).strip()
FRAME = pl.DataFrame(
    {
        "USUBJID": ["01-001", "01-002", "Ü-3", "=1+1"],
        "PARAMCD": ["PFS", "OS", None, "TTP"],
        "ADT": [date(2024, 2, 29), None, date(1960, 1, 1), date(1999, 12, 31)],
        "AVAL": [1, None, 0, 123_456],
        "CNSR": [0, 1, None, 2],
        "EVNTDESC": ['Größe, "x"\nzweite Zeile', None, "'", LONG],
        "EVENT_TYPE": [1, 0, 2, None],
    },
    schema_overrides={"AVAL": pl.Int64, "CNSR": pl.Int64},
)
SUMS = pl.DataFrame({"USUBJID": ["a", "b", "c", "d"], "AVAL": [0.1 + 0.2, 1 / 3, None, -1e-7], "ADT": [None] * 4}).cast(
    {"ADT": pl.Date}
)
MANIFEST = {"study": "S-1", "data_cutoff": "2025-06-30"}


def write(out: Path, *formats: str, frames: Mapping[str, pl.DataFrame] | None = None) -> dict[str, Path]:
    frames = frames or {"adtte": FRAME, "adtr": SUMS}
    return write_outputs(frames, out, manifest=MANIFEST, formats=formats)


def joined(frame: Any, name: str) -> list[str | None]:
    """A text that goes on in further variables, put together; empty is missing."""
    columns = [column for column in frame.columns if column == name or column[:-1] in (name, name[:7])]
    return [
        "".join(str(part) for part in row if part == part and part is not None) or None for row in frame[columns].values
    ]


@pytest.mark.parametrize("format_", ["parquet", "arrow", "csv", "xpt", "dataset-json", "dataset-ndjson", "xlsx"])
def test_the_same_data_give_the_same_bytes_and_the_same_rows(tmp_path: Path, format_: str) -> None:
    one, two = write(tmp_path / "one", format_), write(tmp_path / "two", format_)
    assert one["adtte"].read_bytes() == two["adtte"].read_bytes()
    manifest = json.loads(one["manifest"].read_text())
    assert {entry["rows"] for entry in manifest["outputs"]} == {4}


#: The same rows, words as data sets of the engine have them.
NUMBERED = FRAME.with_columns(pl.col("PARAMCD", "EVNTDESC").cast(pl.Categorical))


@pytest.mark.parametrize("format_", ["arrow", "csv", "xpt", "dataset-json", "dataset-ndjson", "xlsx"])
def test_words_are_written_as_the_texts_that_they_are(tmp_path: Path, format_: str) -> None:
    texts = write(tmp_path / "texts", format_, frames={"adtte": FRAME})
    words = write(tmp_path / "words", format_, frames={"adtte": NUMBERED})
    assert words["adtte"].read_bytes() == texts["adtte"].read_bytes()
    assert words["manifest"].read_bytes() == texts["manifest"].read_bytes()


def test_words_in_parquet_are_texts_for_every_reader(tmp_path: Path) -> None:
    eager = write(tmp_path / "eager", "parquet", frames={"adtte": NUMBERED})["adtte"]
    streamed = write_outputs({"adtte": NUMBERED.lazy()}, tmp_path / "streamed", manifest=MANIFEST)["adtte"]
    assert streamed.read_bytes() == eager.read_bytes()
    assert pl.read_parquet(eager).equals(FRAME)
    assert pyarrow.parquet.read_table(eager)["PARAMCD"].to_pylist() == FRAME["PARAMCD"].to_list()
    assert str(pyarrow.parquet.read_schema(eager).field("PARAMCD").type) == "large_string"
    assert duckdb.sql(f"SELECT EVNTDESC FROM '{eager}'").fetchall() == [(text,) for text in FRAME["EVNTDESC"]]
    # Many rows: what is written is what texts would be, byte for byte.
    many = pl.concat([FRAME] * 5_000)
    texts = write(tmp_path / "texts", "parquet", frames={"adtte": many})["adtte"]
    words = write(tmp_path / "words", "parquet", frames={"adtte": pl.concat([NUMBERED] * 5_000)})["adtte"]
    assert words.read_bytes() == texts.read_bytes()


def test_a_writer_is_given_words_only_where_it_takes_them(tmp_path: Path) -> None:
    given: list[pl.DataType] = []

    def write_rows(data_set: DataSet, path: Path) -> None:
        given.append(data_set.frame.schema["PARAMCD"])
        path.touch()

    def rules_engine_writers() -> list[Writer]:
        return [
            Writer("plain", "1", "Plain", ".plain", write_rows),
            Writer("words", "1", "Words", ".words", write_rows, takes_categories=True),
        ]

    plugin = SimpleNamespace(rules_engine_writers=rules_engine.hookimpl(rules_engine_writers))
    registry = build_registry(extra=[("house", plugin)])
    write_outputs({"adtte": NUMBERED}, tmp_path, manifest=MANIFEST, formats=("plain", "words"), registry=registry)
    assert given == [pl.String(), pl.Categorical()]


def test_transport_files_as_another_reader_sees_them(tmp_path: Path) -> None:
    path = write(tmp_path / "out", "xpt")["adtte"]
    frame, meta = pyreadstat.read_xport(str(path))
    assert meta.table_name == "ADTTE"
    assert meta.file_label == "Time-to-Event Analysis"
    assert frame["USUBJID"].to_list() == FRAME["USUBJID"].to_list()
    assert [None if day != day else day for day in frame["ADT"]] == FRAME["ADT"].to_list()
    assert meta.original_variable_types["ADT"] == "DATE9"
    assert [None if number != number else number for number in frame["AVAL"]] == FRAME["AVAL"].to_list()
    assert [None if number != number else number for number in frame["EVNTTYPE"]] == FRAME["EVENT_TYPE"].to_list()
    assert joined(frame, "EVNTDESC") == FRAME["EVNTDESC"].to_list()
    assert all(len(name) <= 8 for name in frame.columns)
    assert all(len(label.encode()) <= 40 for label in meta.column_labels)
    assert meta.column_names_to_labels["CNSR"] == "Censor"
    assert all(width <= 200 for width in meta.variable_storage_width.values())
    assert max(meta.variable_storage_width.values()) > 150
    assert path.read_bytes()[144:160] == b"30JUN25:00:00:00"
    sums, _meta = pyreadstat.read_xport(str(tmp_path / "out" / "adtr.xpt"))
    assert [None if number != number else number for number in sums["AVAL"]] == SUMS["AVAL"].to_list()


def test_every_table_has_labels_and_names_that_a_transport_file_can_hold(tmp_path: Path) -> None:
    from rules_engine.findings import SCHEMA as FINDINGS
    from rules_engine.vocabulary import ARD_SCHEMA, CANDIDATE_SCHEMA

    frames = {
        name: pl.DataFrame(schema={c: t for c, (t, _l) in columns.items()}) for name, columns in DATA_SETS.items()
    }
    frames["ard"] = pl.DataFrame(schema=dict(ARD_SCHEMA))
    frames["findings"] = pl.DataFrame(schema=dict(FINDINGS))
    published = [name.replace("_id", "_seq") if name in ("source_id", "fact_id") else name for name in CANDIDATE_SCHEMA]
    frames["candidates"] = pl.DataFrame(schema=dict.fromkeys(published, pl.String))
    for name, frame in frames.items():
        assert set(frame.columns) <= set(column_labels(name)), name
        assert set(SHORT_NAMES.get(name, {})) <= set(column_labels(name)), name
    assert set(DATA_SET_LABELS) == {*frames, "discrepancies"}
    frames["discrepancies"] = pl.DataFrame(schema=dict.fromkeys(column_labels("discrepancies"), pl.String))
    written = write(tmp_path / "out", "xpt", frames=frames)
    for name in frames:
        frame, meta = pyreadstat.read_xport(str(written[name]))
        assert len(frame.columns) == frames[name].width
        assert all(meta.column_labels), name


def test_dataset_json_as_plain_json(tmp_path: Path) -> None:
    path = write(tmp_path / "out", "dataset-json")["adtte"]
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [column["name"] for column in document["columns"]] == FRAME.columns
    assert (document["records"], document["datasetJSONVersion"], document["itemGroupOID"]) == (4, "1.1.0", "IG.ADTTE")
    assert document["datasetJSONCreationDateTime"] == "2025-06-30T00:00:00"
    described = {column["name"]: column for column in document["columns"]}
    assert described["ADT"] | {"label": ""} == {
        "itemOID": "IT.ADTTE.ADT", "name": "ADT", "label": "", "dataType": "date", "targetDataType": "integer",
        "displayFormat": "E8601DA.",
    }  # fmt: skip
    assert described["USUBJID"]["keySequence"] == 1
    assert described["PARAMCD"]["length"] == 3
    expected = [[cell.isoformat() if isinstance(cell, date) else cell for cell in row] for row in FRAME.iter_rows()]
    assert document["rows"] == expected
    lines = write(tmp_path / "nd", "dataset-ndjson")["adtte"].read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines[1:]] == expected
    assert json.loads(lines[0]) == {key: value for key, value in document.items() if key != "rows"}


def test_what_is_written_is_what_the_engine_reads(tmp_path: Path) -> None:
    from rules_engine_plugins.readers.dataset_json import scan_dataset_json, scan_dataset_ndjson
    from rules_engine_plugins.readers.sas import scan_xpt

    write(tmp_path / "out", "dataset-json", "dataset-ndjson", "xpt")
    assert scan_dataset_json(tmp_path / "out" / "adtr.json").collect().equals(SUMS)
    assert scan_dataset_ndjson(tmp_path / "out" / "adtte.ndjson").collect().equals(FRAME)
    assert scan_xpt(tmp_path / "out" / "adtr.xpt").collect().equals(SUMS)


def test_a_workbook_as_another_reader_sees_it(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path / "out", "xlsx")["adtte"])
    sheet = book["adtte"]
    rows = [[cell.date() if isinstance(cell, datetime) else cell for cell in row] for row in sheet.values]
    assert rows[0] == FRAME.columns
    assert rows[1:] == [list(row) for row in FRAME.iter_rows()]
    assert sheet["A5"].data_type == "s"  # =1+1 stays a text
    assert dict(book["columns"].values)["CNSR"] == "Censor"


def test_dataset_json_as_the_model_of_another_reader_sees_it(tmp_path: Path) -> None:
    for name, frame in (("adtte", FRAME), ("adtr", SUMS)):
        read = DatasetJSON.read_json(str(write(tmp_path / name, "dataset-json")[name]))
        assert [column.name for column in read.columns] == frame.columns
        assert read.records == frame.height
        assert read.studyOID == "ST.S-1"
        days = [column for column, dtype in frame.schema.items() if dtype == pl.Date]
        assert read.rows == [list(row) for row in frame.with_columns(pl.col(days).cast(pl.String)).iter_rows()]


def test_parquet_and_arrow_as_pyarrow_sees_them(tmp_path: Path) -> None:
    write(tmp_path / "out", "parquet", "arrow")
    for name, frame in (("adtte", FRAME), ("adtr", SUMS)):
        for table in (
            pyarrow.parquet.read_table(tmp_path / "out" / f"{name}.parquet"),
            pyarrow.feather.read_table(tmp_path / "out" / f"{name}.arrow"),
        ):
            assert table.to_pylist() == frame.to_dicts()
            assert all(pyarrow.types.is_date32(table.schema.field(column).type) for column in ("ADT",))
    labels = json.loads(pyarrow.parquet.read_metadata(tmp_path / "out" / "adtte.parquet").metadata[b"labels"])
    assert labels["CNSR"] == "Censor"


def test_csv_as_the_csv_module_sees_it(tmp_path: Path) -> None:
    write(tmp_path / "out", "csv")
    with (tmp_path / "out" / "adtte.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == FRAME.columns
    shown = [["" if cell is None else str(cell) for cell in row] for row in FRAME.iter_rows()]
    # A text that a spreadsheet would compute has an apostrophe in front.
    assert rows == [["'=1+1" if cell == "=1+1" else cell for cell in row] for row in shown]
    with (tmp_path / "out" / "adtr.csv").open(encoding="utf-8", newline="") as file:
        sums = [row["AVAL"] for row in csv.DictReader(file)]
    assert [float(value) if value else None for value in sums] == SUMS["AVAL"].to_list()


def test_parquet_and_csv_as_duckdb_sees_them(tmp_path: Path) -> None:
    write(tmp_path / "out", "parquet", "csv", frames={"adtr": SUMS})
    for file in ("adtr.parquet", "adtr.csv"):
        found = duckdb.sql(f"SELECT USUBJID, AVAL FROM '{tmp_path / 'out' / file}'").fetchall()
        assert found == SUMS.select("USUBJID", "AVAL").rows(), file


@pytest.mark.parametrize(
    ("column", "format_", "said"),
    [
        ({"VERYLONGNAME": [1]}, "xpt", "VERYLONGNAME is no SAS name"),
        ({"X": [float("inf")]}, "xpt", "an infinite number"),
        ({"X": [2**60]}, "xpt", "beyond 2\\^53"),
        ({"X": [[1]]}, "xpt", "cannot hold"),
        ({"X": [float("inf")]}, "dataset-json", "an infinite number"),
        ({"X": ["a" * 40_000]}, "xlsx", "more than 32,767 letters"),
        ({"X": [date(1850, 1, 1)]}, "xlsx", "a day before 1900"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, column: dict[str, list[Any]], format_: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        write(tmp_path / "out", "parquet", format_, frames={"adtr": SUMS, "adrs": pl.DataFrame(column)})
    assert not list(tmp_path.iterdir())


def test_times_of_day_in_every_format(tmp_path: Path) -> None:
    frame = pl.DataFrame({"ATM": [time(7, 5, 9), None]})
    written = write(tmp_path / "out", "xpt", "dataset-json", "xlsx", frames={"adlb": frame})
    read, meta = pyreadstat.read_xport(str(written["adlb"]))
    assert read["ATM"].to_list()[0] == time(7, 5, 9)
    assert meta.original_variable_types["ATM"] == "TIME8"
    assert json.loads((tmp_path / "out" / "adlb.json").read_text())["rows"] == [["07:05:09"], [None]]
    assert openpyxl.load_workbook(tmp_path / "out" / "adlb.xlsx")["adlb"]["A2"].value == time(7, 5, 9)


def test_days_before_1960_are_sas_dates_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"ADT": [date(1900, 1, 1), date(1582, 10, 15), date(9999, 12, 31)]})
    read, _meta = pyreadstat.read_xport(str(write(tmp_path / "out", "xpt", frames={"adrs": frame})["adrs"]))
    assert read["ADT"].to_list() == frame["ADT"].to_list()
