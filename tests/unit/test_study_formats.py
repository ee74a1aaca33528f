"""Every form in which tables come gives the same study, and says where it is broken."""

from __future__ import annotations

import base64
import csv as stdlib_csv
import io
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import rules_engine
from rules_engine.errors import PluginError, ReadError, StudyError, UsageError
from rules_engine.registry import build_registry
from rules_engine.study import Study, read_study
from rules_engine.vocabulary import Reader

from rules_engine_plugins import readers
from rules_engine_plugins.readers import sas, workbooks

pytest.importorskip("duckdb")
pytest.importorskip("fastexcel")
pyreadstat = pytest.importorskip("pyreadstat")
xlsxwriter = pytest.importorskip("xlsxwriter")

READERS = build_registry([("readers", readers)])
SUBJECTS = pl.DataFrame(
    {
        "subject": ["001", "002", "Ünal 3"],
        "arm": ["A", None, 'B, "c"'],
        "randomisation_date": [date(2024, 1, 31), date(1999, 12, 31), None],
        "death_date": ["2024-05", None, "2025-01-02"],
    }
)
LABS = pl.DataFrame(
    {
        "subject": ["001", "002"],
        "date": [date(2024, 2, 1), date(2024, 2, 2)],
        "analyte": ["ALT", "HGB"],
        "value": ["12.345", "<5"],
        "unit": ["U/L", "g/dL"],
        "uln": [40.0, None],
    }
)
TABLES = {"subjects": SUBJECTS, "labs": LABS}


def read(source: object) -> Study:
    return read_study(source, registry=READERS)


def refused(source: object) -> str:
    with pytest.raises(StudyError) as raised:
        read(source)
    assert raised.value.exit_code == 3
    return str(raised.value)


def as_dataset_json(name: str, frame: pl.DataFrame) -> dict[str, object]:
    kinds = {pl.String: "string", pl.Float64: "double", pl.Date: "date"}
    columns = [
        {"itemOID": f"IT.{name}.{column}", "name": column, "label": column, "dataType": kinds[type(dtype)],
         **({"targetDataType": "integer"} if dtype == pl.Date else {})}
        for column, dtype in frame.schema.items()
    ]  # fmt: skip
    rows = [[cell.isoformat() if isinstance(cell, date) else cell for cell in row] for row in frame.iter_rows()]
    return {
        "datasetJSONCreationDateTime": "2024-01-01T00:00:00", "datasetJSONVersion": "1.1.0", "itemGroupOID": f"IG.{name}",
        "records": frame.height, "name": name, "label": name, "columns": columns, "rows": rows,
    }  # fmt: skip


def write_json(path: Path, frame: pl.DataFrame) -> None:
    path.write_text(json.dumps(as_dataset_json(path.stem, frame), ensure_ascii=False), encoding="utf-8")


def write_ndjson(path: Path, frame: pl.DataFrame) -> None:
    document = as_dataset_json(path.stem, frame)
    rows = document.pop("rows")
    assert isinstance(rows, list)
    lines = [json.dumps(part, ensure_ascii=False) for part in (document, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_xpt(path: Path, frame: pl.DataFrame, version: int = 8) -> None:
    text = frame.with_columns(pl.col(pl.String).fill_null("")).to_pandas()
    pyreadstat.write_xport(text, str(path), file_format_version=version, table_name="T")


def write_workbook(path: Path, tables: dict[str, pl.DataFrame]) -> None:
    with xlsxwriter.Workbook(path) as book:
        for name, frame in tables.items():
            frame.write_excel(book, name, autofilter=False)


def write_sqlite(path: Path, tables: dict[str, pl.DataFrame]) -> None:
    connection = sqlite3.connect(path)
    for name, frame in tables.items():
        connection.execute(f"CREATE TABLE {name} ({', '.join(frame.columns)})")
        rows = [[cell.isoformat() if isinstance(cell, date) else cell for cell in row] for row in frame.iter_rows()]
        connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * frame.width)})", rows)
    connection.commit()
    connection.close()


def write_duckdb(path: Path, tables: dict[str, pl.DataFrame]) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        for name, frame in tables.items():
            connection.register("given", frame.to_arrow())
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")


def study_folder(path: Path, form: str) -> Path:
    path.mkdir(exist_ok=True)
    single = {
        "csv": pl.DataFrame.write_csv,
        "parquet": pl.DataFrame.write_parquet,
        "arrow": pl.DataFrame.write_ipc,
    }
    several = {"xlsx": write_workbook, "sqlite": write_sqlite, "duckdb": write_duckdb}
    own = {"json": write_json, "ndjson": write_ndjson, "xpt": write_xpt}
    if form in several:
        several[form](path / f"study.{form}", TABLES)
    for name, frame in TABLES.items():
        if form in single:
            single[form](frame, path / f"{name}.{form}")  # type: ignore[operator]
        elif form in own:
            own[form](path / f"{name}.{form}", frame)
    return path


FORMS = ["csv", "parquet", "arrow", "xlsx", "sqlite", "duckdb", "json", "ndjson", "xpt"]


@pytest.fixture
def expected() -> dict[str, pl.DataFrame]:
    study = read(TABLES)
    return {**{name: study.tables[name].collect() for name in TABLES}, "findings": study.findings.collect()}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_study(tmp_path: Path, form: str, expected: dict[str, pl.DataFrame]) -> None:
    study = read(study_folder(tmp_path / "s", form))
    for name in TABLES:
        assert study.tables[name].collect().equals(expected[name]), name
    assert study.findings.collect().equals(expected["findings"])
    assert all(source.sha256 for source in study.sources)


def test_forms_may_be_mixed_and_a_workbook_read_alone(tmp_path: Path, expected: dict[str, pl.DataFrame]) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    SUBJECTS.write_parquet(mixed / "SUBJECTS.parquet")
    write_workbook(mixed / "labs.xlsx", {"Sheet1": LABS})  # the only sheet of a workbook that is named after the table
    assert read(mixed).tables["labs"].collect().equals(expected["labs"])
    alone = study_folder(tmp_path / "alone", "xlsx") / "study.xlsx"
    assert read(alone).tables["subjects"].collect().equals(expected["subjects"])
    assert read(str(alone)).has("labs")


def test_files_of_the_system_are_no_tables(tmp_path: Path) -> None:
    path = study_folder(tmp_path / "s", "csv")
    for name in ("Thumbs.db", "~$study.xlsx", ".hidden.csv"):
        (path / name).write_bytes(b"x")
    assert read(path).has("labs")


def test_one_table_in_two_places_is_refused(tmp_path: Path) -> None:
    path = study_folder(tmp_path / "s", "xlsx")
    SUBJECTS.write_csv(path / "subjects.csv")
    assert "table subjects\n  it is there twice: study.xlsx and subjects.csv" in refused(path)


def test_an_arrow_stream_in_a_file(tmp_path: Path, expected: dict[str, pl.DataFrame]) -> None:
    SUBJECTS.write_ipc_stream(tmp_path / "subjects.arrow")
    assert read(tmp_path).tables["subjects"].collect().equals(expected["subjects"])


def test_transport_files_of_version_5_and_a_second_reader_agree(tmp_path: Path) -> None:
    short = SUBJECTS.rename({"randomisation_date": "rand", "death_date": "death"})
    write_xpt(tmp_path / "subjects.xpt", short, version=5)
    rows = sas.scan_xpt(tmp_path / "subjects.xpt").collect()
    second, _meta = pyreadstat.read_xport(str(tmp_path / "subjects.xpt"))
    assert rows["subject"].to_list() == second["subject"].to_list() == short["subject"].to_list()
    assert rows["rand"].cast(pl.Date).to_list() == short["rand"].to_list()
    assert rows["arm"].to_list() == short["arm"].to_list()


def test_a_reader_of_a_third_party_reads_its_own_ending(tmp_path: Path) -> None:
    def scan(path: Path) -> pl.LazyFrame:
        return pl.read_csv(path, separator="|", infer_schema=False).lazy()

    class Plugin:
        @staticmethod
        def rules_engine_readers() -> list[Reader]:
            return [Reader("pipes", "1", "Text with bars", (".psv",), scan)]

    import rules_engine

    Plugin.rules_engine_readers = staticmethod(rules_engine.hookimpl(Plugin.rules_engine_readers))  # type: ignore[method-assign]
    (tmp_path / "subjects.psv").write_text("subject|arm\n1|A\n")
    study = read_study(tmp_path, registry=build_registry([("pipes", Plugin())]))
    assert study.tables["subjects"].collect()["arm"].to_list() == ["A"]


def test_the_format_of_the_page_on_plugins_reads_and_writes(tmp_path: Path) -> None:
    import re
    import types

    from rules_engine.study.writing import write_outputs

    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "# house_formats.py" in block)
    plugin = types.ModuleType("house_formats")
    exec(code, plugin.__dict__)  # noqa: S102  (our own page)
    registry = build_registry([("house_formats", plugin)])
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "subjects.bar").write_text("subject|arm\n1|A\n", encoding="utf-8")
    study = read_study(tmp_path / "s", registry=registry)
    assert study.tables["subjects"].collect()["arm"].to_list() == ["A"]
    written = write_outputs({"adtr": LABS}, tmp_path / "out", manifest={}, formats=["bars"], registry=registry)
    assert written["adtr"].read_text().splitlines()[0] == "|".join(LABS.columns)


def test_a_reader_that_fails_is_named(tmp_path: Path) -> None:
    def scan(path: Path) -> pl.LazyFrame:
        raise KeyError("slip")

    class Plugin:
        pass

    import rules_engine

    def rules_engine_readers() -> list[Reader]:
        return [Reader("broken", "1", "Broken", (".csv",), scan)]

    plugin = Plugin()
    plugin.rules_engine_readers = rules_engine.hookimpl(rules_engine_readers)  # type: ignore[attr-defined]
    (tmp_path / "subjects.csv").write_text("subject\n1\n")
    with pytest.raises(PluginError, match=r"reader 'broken' \(version 1\) of plugin 'broken' on table subjects"):
        read_study(tmp_path, registry=build_registry([("broken", plugin)]))


# Text


def csv(tmp_path: Path, content: bytes) -> Path:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "subjects.csv").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"subject,arm\n1,A\n2,M\xfcnchen\n", "subjects.csv), line 3"),
        ("subject,arm\n1,A\n".encode("utf-16"), "not UTF-8 text but UTF-16"),
        (
            b"subject,arm,sex\n1,A,F\n2,B\n",
            "line 3\n  the file cannot be read: it has 2 cells where the first line names 3",
        ),
        (b"subject,arm,sex\n1,A,F\n2,B", "line 3"),
        (b'subject,arm\n1,"A,x"\n2,"B', "the file ends inside quotes"),
        (b'subject,arm\n1,"two\nlines"\n2,B,C\n', "line 4"),
        (b"subject,arm\n1,A\x00\n", "not UTF-8"),
    ],
)
def test_broken_text_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(csv(tmp_path, content))


def test_cut_short_anywhere_a_text_is_never_read_with_fewer_cells(tmp_path: Path) -> None:
    whole = b'subject,arm,sex\n1,"A, b",F\n22,"C\nd",M\n'
    for cut in range(len(b"subject,arm,sex\n1,"), len(whole)):
        path = csv(tmp_path / str(cut), whole[:cut])
        try:
            rows = read(path).tables["subjects"].collect()
        except StudyError:
            continue
        # What is left of a line that was cut inside its last cell cannot be told from a whole one.
        assert rows["sex"].drop_nulls().len() >= rows.height - 1


def test_a_line_of_one_letter_is_no_blank_line(tmp_path: Path) -> None:
    assert "line 3" in refused(csv(tmp_path, b"subject,arm,sex\n1,A,F\n2\n3,B,M\n"))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1 << 22])
def test_lines_are_counted_as_a_csv_reader_counts_them(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rules_engine_plugins.readers import delimited

    monkeypatch.setattr(delimited, "_BLOCK", block)
    draw = random.Random(block)
    cells = ["", "a", "é", '"b, c"', '"two\nlines"', '"say ""x"""', "12.5"]
    refusals = 0
    for _ in range(60):
        end = draw.choice(["\n", "\r\n"])
        lines = [",".join(draw.choice(cells) for _ in range(3)) for _ in range(draw.randint(1, 5))]
        if draw.random() < 0.4:
            lines.insert(draw.randint(0, len(lines)), draw.choice(["x", "", '"a,b"', "x,y", "1,2,3,4"]))
        text = end.join(["subject,arm,sex", *lines]) + draw.choice(["", end])
        (tmp_path / "subjects.csv").write_bytes(text.encode())
        records = list(stdlib_csv.reader(io.StringIO(text, newline="")))
        is_even = all(len(record) in (0, 3) for record in records)
        try:
            delimited.scan_csv(tmp_path / "subjects.csv")
        except ReadError:
            assert not is_even, text
            refusals += 1
        else:
            assert is_even, text
    assert 5 <= refusals <= 55


def test_blank_lines_are_no_records_and_loose_quotes_have_their_line(tmp_path: Path) -> None:
    rows = read(csv(tmp_path, b"subject,arm\r\n1,A\r\n\r\n2,B\r\n\r\n")).tables["subjects"].collect()
    assert rows["subject"].to_list() == ["1", "2"]
    assert "line 3\n  the file cannot be read: a quote" in refused(
        csv(tmp_path, b'subject,arm\n1,A\n2,5" gauge\n3,C\n')
    )


@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1", "utf-16"])
def test_another_encoding_is_read_where_the_ruleset_states_it(tmp_path: Path, encoding: str) -> None:
    from rules_engine.study.sources import find_tables

    csv(tmp_path, 'subject,arm\n1,"Größe, µ"\n'.encode(encoding))
    table = find_tables(tmp_path, READERS, frozenset({"subjects"}), encoding=encoding).tables["subjects"]
    assert table.rows.collect()["arm"].to_list() == ["Größe, µ"]


def test_a_mark_of_utf8_holds_whatever_is_stated(tmp_path: Path) -> None:
    from rules_engine_plugins.readers.delimited import scan_csv

    csv(tmp_path, "subject,arm\n1,é\n".encode("utf-8-sig"))
    assert scan_csv(tmp_path / "subjects.csv", "windows-1252").collect().row(0) == ("1", "é")


# Wrongly labelled, cut short, locked, swollen


@pytest.mark.parametrize("form", ["parquet", "arrow", "xlsx", "sqlite", "duckdb", "xpt"])
def test_a_file_under_another_ending_is_named_for_what_it_is(tmp_path: Path, form: str) -> None:
    path = study_folder(tmp_path / "s", form)
    source = next(file for file in path.iterdir() if file.stem in ("subjects", "study"))
    other = tmp_path / "o"
    other.mkdir()
    shutil.copy(source, other / "subjects.csv")
    assert "it is named .csv and its bytes are those of" in refused(other)
    shutil.move(other / "subjects.csv", other / ("subjects.parquet" if form != "parquet" else "subjects.xlsx"))
    assert "its bytes are those of" in refused(other)


@pytest.mark.parametrize("form", ["parquet", "arrow", "xlsx", "sqlite", "duckdb", "json", "ndjson", "xpt"])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, form: str) -> None:
    path = study_folder(tmp_path / "s", form)
    file = next(file for file in path.iterdir() if file.stem in ("subjects", "study"))
    whole = file.read_bytes()
    for share in (0.3, 0.6, 0.97):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert file.name in refused(path), share


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_columns_whose_names_differ_by_case_alone_are_one_name(tmp_path: Path, form: str) -> None:
    path = study_folder(tmp_path / "s", form)
    twice = SUBJECTS.with_columns(ARM="arm")
    (twice.write_parquet if form == "parquet" else twice.write_ipc)(path / f"subjects.{form}")
    assert "two columns have one name: arm" in refused(path)


def offering(reader: Reader) -> SimpleNamespace:
    def rules_engine_readers() -> list[Reader]:
        return [reader]

    return SimpleNamespace(rules_engine_readers=rules_engine.hookimpl(rules_engine_readers))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "it returned NoneType, not a lazy frame of Polars"),
        (SUBJECTS, "it returned DataFrame, not a lazy frame of Polars"),
        (SUBJECTS.lazy().map_batches(lambda _rows: 1 / 0), "it failed: ZeroDivisionError"),  # type: ignore[arg-type,return-value]
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_reader_that_answers_nonsense_is_named(tmp_path: Path, given: Any, said: str, several: bool) -> None:
    (tmp_path / "subjects.odd").write_text("x")
    if several and given is None:
        pytest.skip("None is a table that was not wanted")
    scan_tables = (lambda _place, _wanted: {"subjects": given}) if several else None
    reader = Reader("odd", "1", "Odd", (".odd",), None if several else lambda _path: given, scan_tables=scan_tables)
    with pytest.raises(PluginError, match=r"reader 'odd' \(version 1\) of plugin 'house' on table subjects") as caught:
        read_study(tmp_path, registry=build_registry([("house", offering(reader))]))
    assert caught.value.exit_code == 4
    assert said in str(caught.value)


def test_a_reader_of_several_tables_gives_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "x.odd").write_text("x")
    reader = Reader("odd", "1", "Odd", (".odd",), None, scan_tables=lambda _place, _wanted: [])  # type: ignore[arg-type,return-value]
    with pytest.raises(PluginError, match="it returned list, not a mapping of names to lazy frames"):
        read_study(tmp_path, registry=build_registry([("house", offering(reader))]))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("labs.csv.gz", "no reader reads .gz files\n  unpack it"),
        ("LABS.zip", "no reader reads .zip files\n  unpack it"),
        ("labs.xls", "no reader reads .xls files\n  open it and save it as .xlsx"),
        ("labs.tsv", "no reader reads .tsv files\n  save it as CSV"),
        ("labs.dta", "no reader reads .dta files\n  save it from Stata"),
    ],
)
def test_a_table_in_a_format_to_convert_is_not_left_aside_in_silence(tmp_path: Path, file: str, said: str) -> None:
    path = study_folder(tmp_path / "s", "csv")
    (path / "labs.csv").unlink()
    (path / file).write_bytes(b"\x1f\x8bx")
    (path / "notes.zip").write_bytes(b"x")
    assert f"{path / file}\n  {said}" in refused(path)
    assert "notes" not in refused(path)
    assert said in refused(path / file)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path), os.mkfifo])
def test_what_is_called_like_a_table_and_is_no_file(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = study_folder(tmp_path / "s", "csv")
    (path / "labs.csv").unlink()
    make(path / "labs.csv")
    assert f"{path / 'labs.csv'}\n  it is " in refused(path)


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_file_is_refused(tmp_path: Path, form: str) -> None:
    (tmp_path / f"subjects.{form}").write_bytes(b"")
    assert "the file is empty" in refused(tmp_path)


def test_a_locked_workbook_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "study.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    assert "it is encrypted" in refused(tmp_path)


def test_an_archive_with_a_password_and_one_that_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.xlsx", "w") as archive:
        archive.writestr("notes.txt", "x")
    assert "it is an archive, but no workbook" in refused(tmp_path)
    content = bytearray((tmp_path / "study.xlsx").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag `encrypted` in the archive's directory
    (tmp_path / "study.xlsx").write_bytes(bytes(content))
    assert "it is encrypted" in refused(tmp_path)


def test_a_swollen_workbook_is_refused_whatever_its_directory_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "LARGEST_CONTENT", 3_000_000)
    with zipfile.ZipFile(tmp_path / "study.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(5_000_000))
    assert "no honest workbook does" in refused(tmp_path)
    lying = bytearray((tmp_path / "study.xlsx").read_bytes())
    place = lying.index(b"PK\x01\x02") + 24
    lying[place : place + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "study.xlsx").write_bytes(bytes(lying))
    assert "no honest workbook does" in refused(tmp_path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rules_engine_plugins.readers import dataset_json

    study_folder(tmp_path, "json")
    monkeypatch.setattr(dataset_json, "LARGEST_DOCUMENT", 100)
    assert "write it as NDJSON" in refused(tmp_path)


# Workbooks


def test_cells_of_a_workbook_are_text_and_errors_are_not_lost(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "study.xlsx") as book:
        sheet = book.add_worksheet("Subjects")
        sheet.write_row(0, 0, ["Subject", "Sex", "arm", ""])
        sheet.write_row(1, 0, ["#EXAMPLE 1", "F", "A"])
        sheet.write_number(2, 0, 7)
        sheet.write_formula(2, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(2, 2, '="A"&"B"', None, "AB")
        sheet.write_row(3, 0, ["", "", ""])
    row = read(tmp_path).tables["subjects"].collect().row(0, named=True)
    assert (row["subject"], row["sex"], row["arm"]) == ("7", "#DIV/0!", "AB")
    assert read(tmp_path).tables["subjects"].collect().height == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["subject", "arm", "ARM"], ["1", "a", "b"]], "two columns have one name"),
        ([["subject", ""], ["1", "a"]], "column B holds values and has no name"),
        ([], "the sheet is empty"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(tmp_path: Path, rows: list[list[str]], said: str) -> None:
    with xlsxwriter.Workbook(tmp_path / "study.xlsx") as book:
        sheet = book.add_worksheet("subjects")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    text = refused(tmp_path)
    assert said in text
    assert "sheet subjects" in text


# SAS


def test_transport_files_whose_lengths_contradict_each_other(tmp_path: Path) -> None:
    write_xpt(tmp_path / "subjects.xpt", SUBJECTS, version=8)
    whole = (tmp_path / "subjects.xpt").read_bytes()
    start = whole.index(b"NAMSTV8") - 20 + 80
    wrong = bytearray(whole)
    wrong[start + 4 : start + 6] = (300).to_bytes(2, "big")
    (tmp_path / "subjects.xpt").write_bytes(bytes(wrong))
    assert "lengths and positions of its columns contradict" in refused(tmp_path)
    (tmp_path / "subjects.xpt").write_bytes(whole + b"x" * 7)
    assert "no multiple of 80" in refused(tmp_path)
    twice = bytearray(whole)
    twice += whole[whole.index(b"HEADER RECORD*******MEMBV8") :]
    (tmp_path / "subjects.xpt").write_bytes(bytes(twice))
    assert "it holds 2 data sets" in refused(tmp_path)


#: A SAS data set of three rows (subject, arm, randomisation_date, age) that ReadStat wrote: zlib, base 85.
SAS7BDAT = (
    "c-muNK!8K98WT2)2%g_NiGzXjxM7ckynvvw5`(cZBa<N`M2QFk12ZFvxG|%$F@uN*g90-n%$#7yU<Ef%AJ^beCofm$kYEKIfPnyT"
    "aSU-pQrGbP{3b^v8WjjYFe93<rJjL_fuXOdPi9_e1(LY2o}q!Bfv%yUnSq|6p`IbSaTOM3@n$9{LJdBC`A=aOUHyz*cmAQda}<n%"
    "Q7{Td!6+C7qhJ(_f>AIEM!_f;G+-v8---f?*`N$2eg+;Ob%O`O)nG<dcK|9bfu=u$3qnUQp^9@r#S>rx&<^_<P6%y-CSCv)k3kbR"
    "!J+;O2ZVM&bI%qW;w3o5O$dmiSqtg--@XP>e!$Pcz`zhb&f$nQ-qFx;#$nb>5ZGyNU|@uMT;$@9dWeQVhr@I75_1%c!SYTz3dzKb"
    "pNxW0FbYP&C>RCQ1pj{j2Lo#B=ft7jg@J`G_7kliqW!-Hln<+jSr}M>?E#ou|NsB{AH+s&0R4gL^?>pPpftD{#lplO18XNi`3%T>"
    "4n_tJ6nWIyj{j)xVqj2VU<cDW43K7<0fP{j_FzD3#xeYb>h(bgiJ-SjK=U!dA+7<%rAb+-$t4VlMY#+`iFqmcxtYa@C7Jno@hOQV"
    "so;4V*TnQx25cVpfrk|Yu+u1w^01?ZH!P&s(AsTmX#QtJb00eYKbksLG<B?KX@n8YpXhvOQY4rbe-Wwf=YPu5_D}=gfB-puVBk9t"
    "faniUJ|CLApn(#kKLh16<1ioHTv%S0XF$uqP@sdBPX3Ru_@GsPlvDuAXG~~(ZZtkG8lNAH&p|Vvav-HG5hQzfz-$>JZDs+wlo490"
    "BLJf8WyT#eU;qH2RSLK"
)


def sas_data_set(path: Path) -> Path:
    path.write_bytes(zlib.decompress(base64.b85decode(SAS7BDAT)))
    return path


def test_a_sas_data_set_as_two_readers_see_it(tmp_path: Path) -> None:
    path = sas_data_set(tmp_path / "subjects.sas7bdat")
    second, _meta = pyreadstat.read_sas7bdat(str(path))
    rows = sas.scan_sas7bdat(path).collect()
    assert rows["subject"].to_list() == second["subject"].to_list() == ["001", "002", "Ünal 3"]
    assert rows["arm"].to_list() == ["A", None, "B, c"]
    assert rows["age"].to_list() == second["age"].to_list() == [61.5, 0.1, 70.0]
    assert rows["randomisation_date"].to_list() == [date(2024, 1, 31), date(1999, 12, 31), None]
    study = read(tmp_path).tables["subjects"].collect()
    assert study["randomisation_date"].to_list() == rows["randomisation_date"].to_list()


def test_a_sas_data_set_that_was_cut_short(tmp_path: Path) -> None:
    path = sas_data_set(tmp_path / "subjects.sas7bdat")
    whole = path.read_bytes()
    for length in (200, 1000, 5000, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "it is cut short" in refused(tmp_path), length
    path.write_bytes(b"x" * 100)
    assert "its first bytes are not those of SAS data set" in refused(tmp_path)


# Dataset-JSON


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records": 5}, "it states 5 records and holds 3 rows"),
        ({"records": -1}, "`records` is -1"),
        ({"datasetJSONVersion": "1.0.0"}, "it is Dataset-JSON 1.0.0; version 1.1 is read"),
        ({"rows": [["001", "A", None]]}, "it has 3 values; there are 4 columns"),
        ({"rows": [["001", 5, None, None]], "records": 1}, "row 1\n  the file cannot be read: column arm holds 5"),
        ({"rows": [["001", "A", "2024-13-01", None]], "records": 1}, "'2024-13-01', which is no day"),
        ({"columns": [{"name": "subject", "dataType": "text"}]}, "has the dataType 'text'"),
        ({"columns": [{"name": "a", "dataType": "string"}, {"name": "A", "dataType": "string"}]}, "one name: a"),
        ({"name": None, "label": None}, ""),
    ],
)
def test_a_dataset_json_that_contradicts_itself(tmp_path: Path, change: dict[str, object], said: str) -> None:
    document = as_dataset_json("subjects", SUBJECTS) | change
    if not said:
        del document["name"], document["label"]
        said = "it does not state name, label"
    (tmp_path / "subjects.json").write_text(json.dumps(document))
    assert said in refused(tmp_path)


def test_json_that_is_no_dataset_json_or_says_a_thing_twice(tmp_path: Path) -> None:
    (tmp_path / "subjects.json").write_text('[{"subject": 1}]')
    assert "no Dataset-JSON" in refused(tmp_path)
    (tmp_path / "subjects.json").write_text('{"records": 1, "records": 2}')
    assert "it states 'records' twice" in refused(tmp_path)
    (tmp_path / "subjects.json").write_text("[" * 100_000)
    assert "subjects.json" in refused(tmp_path)


# Databases


def test_a_view_cannot_reach_outside_its_database(tmp_path: Path) -> None:
    import duckdb

    (tmp_path / "secret.txt").write_text("subject\n1\n")
    with duckdb.connect(str(tmp_path / "study.duckdb")) as connection:
        connection.execute(f"CREATE VIEW subjects AS SELECT * FROM read_csv('{tmp_path / 'secret.txt'}', header=true)")
    assert "cannot be read as a DuckDB database" in refused(tmp_path)


def test_bytes_in_a_database_are_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "study.db")
    connection.execute("CREATE TABLE subjects (subject)")
    connection.execute("INSERT INTO subjects VALUES (x'00ff')")
    connection.commit()
    connection.close()
    assert "it holds bytes where text is expected" in refused(tmp_path)


def test_an_unknown_kind_of_connection(tmp_path: Path) -> None:
    text = refused("oracle://user:secret@host/db")
    assert "no reader connects to oracle://" in text
    assert "secret" not in text


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    text = refused("postgresql://someone:hush@127.0.0.1:9/none")
    assert text.startswith("postgresql://127.0.0.1:9/none\n  the database cannot be read: ")
    assert "hush" not in text


SERVER = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of our own on a socket in a temporary folder, with the tables of the study."""
    if not SERVER:
        pytest.skip("PostgreSQL is not installed")
    psycopg = pytest.importorskip("psycopg")
    folder = Path(
        tempfile.mkdtemp(prefix="pg-")
    )  # short, because the name of a socket is; readable for the server's user
    folder.chmod(0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as the superuser
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    binaries = SERVER[-1].parent
    data = folder / "data"
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", data, "-A", "trust", "-U", "study", "--no-sync", "-E", "UTF8", "--locale=C"],
        check=True, capture_output=True,
    )  # fmt: skip
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    subprocess.run(
        [*as_user, binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"postgresql://study@/postgres?host={folder}"
    try:
        with psycopg.connect(url) as connection:
            for name, frame in TABLES.items():
                kinds = {pl.Date: "date", pl.Float64: "double precision"}
                columns = ", ".join(
                    f"{column} {kinds.get(type(kind), 'text')}" for column, kind in frame.schema.items()
                )
                connection.execute(f"CREATE TABLE {name} ({columns})")
                for row in frame.iter_rows():
                    connection.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})", row)
            connection.execute("CREATE SCHEMA broken")
            connection.execute(
                "CREATE VIEW broken.subjects AS SELECT i::text AS subject, "
                "CASE WHEN i = 90000 THEN pg_terminate_backend(pg_backend_pid())::text END AS arm "
                "FROM generate_series(1, 100000) AS i"
            )
        yield url
    finally:
        subprocess.run([*as_user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_postgresql_database_gives_the_same_study(server: str, expected: dict[str, pl.DataFrame]) -> None:
    study = read(server)
    for name in TABLES:
        assert study.tables[name].collect().equals(expected[name]), name
    assert [source.as_dict()["file"] for source in study.sources] == ["postgresql:///postgres"] * 2


def test_a_database_that_goes_away_midway_is_refused(server: str) -> None:
    text = refused(f"{server}&options=-csearch_path%3Dbroken")
    assert "the database cannot be read" in text
    assert "run again" in text


def test_a_missing_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    study_folder(tmp_path, "xlsx")
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(UsageError, match=r"endpoint-rules-engine\[excel\]"):
        read(tmp_path)


def test_what_a_reader_says_has_its_place() -> None:
    error = ReadError("it is broken", "mend it", place="line 3")
    assert (error.what, error.remedy, error.place) == ("it is broken", "mend it", "line 3")
