"""The workbook to fill in: a sheet per input table from its contract; filled in, read and run."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_engine.cli import main
from rules_engine.contracts import DTYPES, TABLES
from rules_engine.errors import StudyError
from rules_engine.study import read_study, template

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("xlsxwriter")
pytest.importorskip("fastexcel")


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(str(left.value.code))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    assert run("template", "--out", str(tmp_path / "study.xlsx")) == 0
    return tmp_path / "study.xlsx"


def test_a_sheet_per_table_with_notes_drop_downs_and_examples(book: Path) -> None:
    loaded = openpyxl.load_workbook(book)
    assert loaded.sheetnames == ["read me first", *TABLES]
    for name, table in TABLES.items():
        sheet = loaded[name]
        assert [cell.value for cell in sheet[1]] == [column.name for column in table.columns]
        notes = [cell.comment.text for cell in sheet[1]]
        assert all(column.meaning in note for column, note in zip(table.columns, notes, strict=True))
        assert sheet["A2"].value.startswith(template.EXAMPLE)
        listed = {
            str(rule.sqref).split(":")[0].rstrip("0123456789"): rule.formula1
            for rule in sheet.data_validations.dataValidation
            if rule.type == "list"
        }
        for cell, column in zip(sheet[1], table.columns, strict=True):
            if column.codes and len(",".join(column.codes)) <= 255:
                assert listed[cell.column_letter] == f'"{",".join(column.codes)}"'
    assert set(template._HOW) == set(DTYPES)


def test_examples_are_no_records_and_obey_the_contract(book: Path) -> None:
    with pytest.raises(StudyError, match="it has no subjects"):
        read_study(book)
    loaded = openpyxl.load_workbook(book)
    for name in TABLES:  # the same rows as records: no finding, so the examples show what can be read
        for row in loaded[name].iter_rows(min_row=2):
            if row[0].value:
                row[0].value = "S 2" if (name, row[0].row) == ("subjects", 3) else "S 1"
    loaded.save(book.with_name("records.xlsx"))
    read = read_study(book.with_name("records.xlsx"))
    assert all(not read.tables[name].collect().is_empty() for name in TABLES)
    odd = read.findings.collect().filter(severity="error")
    assert odd.is_empty(), odd.rows()


def test_filled_in_it_is_read_and_run(book: Path, tmp_path: Path) -> None:
    loaded = openpyxl.load_workbook(book)
    subjects = loaded["subjects"]
    subjects.append(["001", "TACE"])
    names = [cell.value for cell in subjects[1]]
    last = subjects.max_row
    subjects.cell(last, names.index("death_date") + 1, "2024-06-30")
    loaded["treatments"].append(["001", "cTACE", "tace", None, "2024-01-12"])
    for name in ("lesion_assessments", "response_assessments", "clinical_events", "adverse_events", "labs"):
        del loaded[name]
    loaded.save(book)
    protocol = tmp_path / "p.yaml"
    protocol.write_text(
        "rules_engine: 1\nid: p\nkind: protocol\nextends: [ema]\ntitle: T\nstudy: {id: S}\n"
        "options: {origin: first_tace}\nendpoints: {OS: {like: OS}}\n",
        encoding="utf-8",
    )
    code = run(
        "run",
        str(protocol),
        "--data",
        str(book),
        "--data-cutoff",
        "2024-12-31",
        "--out",
        str(tmp_path / "out"),
        "--no-report",
    )
    assert code == 0
    import polars as pl

    row = pl.read_parquet(tmp_path / "out" / "adtte.parquet").row(0, named=True)
    assert (row["USUBJID"], row["CNSR"], str(row["STARTDT"]), str(row["ADT"])) == ("001", 0, "2024-01-12", "2024-06-30")


def test_a_workbook_that_is_there_is_never_replaced(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = book.read_bytes()
    assert run("template", "--out", str(book)) == 2
    assert "may have been filled in" in capsys.readouterr().err
    assert book.read_bytes() == before
    assert run("template", "--out", str(tmp_path / "labs.ods")) == 2
    assert run("template", "--out", str(tmp_path / "labs.xlsx"), "--table", "lab") == 2
    assert "did you mean 'labs'?" in capsys.readouterr().err
    assert run("template", "--out", str(tmp_path / "labs.xlsx"), "--table", "labs") == 0
    assert openpyxl.load_workbook(tmp_path / "labs.xlsx").sheetnames == ["read me first", "labs"]
