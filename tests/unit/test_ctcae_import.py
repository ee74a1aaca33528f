"""NCI's workbook into a ruleset of one's own: small workbooks of its layout with made-up wording, and files that are none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rules_engine.cli import main
from rules_engine.errors import RulesEngineError, StudyError, UsageError
from rules_engine.grading import read_rules
from rules_engine.grading.documents import rules_of_version
from rules_engine.grading.workbook import read_workbook
from rules_engine.loading import load_ruleset

from tests.strategies.safety import context, graded_events

xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("fastexcel")

HEADINGS = (
    "MedDRA Code",
    "MedDRA SOC",
    "CTCAE Term",
    *(f"Grade {number}" for number in range(1, 6)),
    "Definition",
    "Navigational Note",
)


def row(term: str, soc: str, grades: str, code: object = "90000001") -> list[object]:
    wording = [f"made-up wording {number}" if str(number) in grades else "-" for number in range(1, 6)]
    return [code, soc, term, *wording, f"Made-up definition of {term.lower()}", "-"]


def write_workbook(
    path: Path, rows: list[list[object]], sheet: str = "CTCAE v5.0 Clean Copy", title: bool = False
) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("Read me").write(0, 0, "made-up remarks")
        page = book.add_worksheet(sheet)
        table = [["made-up title"], list(HEADINGS), *rows] if title else [list(HEADINGS), *rows]
        for number, cells in enumerate(table):
            page.write_row(number, 0, cells)
    return path


def whole_dictionary() -> list[list[object]]:
    """Every term of v5.0, with the grades that exist."""
    terms = rules_of_version("5.0").terms.values()
    return [
        row(one.term, one.soc, "".join(map(str, one.grades)), 90000000 + number) for number, one in enumerate(terms)
    ]


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as left:
        main(["ctcae", "import", *arguments, "--json"])
    code = left.value.code
    assert isinstance(code, int)
    return code, json.loads(capsys.readouterr().out)


def test_the_workbook_of_a_known_version_adds_codes_and_wording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", whole_dictionary(), title=True)
    code, said = run(str(file), "--out", str(tmp_path / "mine"), capsys=capsys)
    assert (code, said["terms"], said["differences"], said["grades_laboratory_results"]) == (0, 837, [], True)
    mine = load_ruleset(tmp_path / "mine" / "ruleset.yaml")
    assert mine.document["definitions"]["Fever"]["grades"]["1"] == "made-up wording 1"
    assert mine.document["definitions"]["Anemia"]["code"] == "90000000"
    assert len({cutoff.row_id for cutoff in read_rules(mine.document).cutoffs}) == 348


def test_a_protocol_may_name_the_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", whole_dictionary())
    run(str(file), "--out", str(tmp_path / "mine"), capsys=capsys)
    mine = str(tmp_path / "mine" / "ruleset.yaml")
    protocol = load_ruleset("tace_ici_safety", overrides={"adverse_events": {"grading": mine}})
    assert protocol.adverse_events is not None
    assert protocol.adverse_events.rules.ruleset == "mine"


def test_where_workbook_and_dictionary_part_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [one for one in whole_dictionary() if one[2] not in ("Fever", "Nausea")]
    rows += [
        row("Fever", "General disorders and administration site conditions", "123"),
        row("Made-up term", "Eye disorders", "12"),
    ]
    file = write_workbook(tmp_path / "book.xlsx", rows)
    _code, said = run(str(file), "--out", str(tmp_path / "mine"), capsys=capsys)
    assert said["differences"] == [
        "Nausea: not in the workbook", "Made-up term: only in the workbook", "Fever: grades 123 in the workbook, 12345 in the dictionary",
    ]  # fmt: skip


def test_a_version_without_cutoffs_grades_reported_events_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row("Made-up fever", "General disorders", "1234"), row("Made-up itch", "Skin disorders", "12")]
    file = write_workbook(tmp_path / "book.xlsx", rows, sheet="CTCAE v7.0")
    _code, said = run(str(file), "--out", str(tmp_path / "seven"), capsys=capsys)
    assert (said["version"], said["grades_laboratory_results"]) == ("7.0", False)
    rules = read_rules(load_ruleset(tmp_path / "seven" / "ruleset.yaml").document)
    assert rules.version == "7.0"
    assert rules.terms["Made-up itch"].allowed == (1, 2)
    assert not rules.scales


def test_the_workbook_completes_a_dictionary_that_is_held_in_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = rules_of_version("6.0").terms.values()
    rows = [row(one.term, one.soc, "".join(map(str, one.grades))) for one in held if one.soc and one.term != "Fever"]
    rows += [row("Fever", "Made-up class", "123"), row("Pneumonia", "Infections and infestations", "2345")]
    file = write_workbook(tmp_path / "book.xlsx", rows, sheet="CTCAE v6.0")
    _code, said = run(str(file), "--out", str(tmp_path / "six"), capsys=capsys)
    assert said["grades_laboratory_results"]
    rules = read_rules(load_ruleset(tmp_path / "six" / "ruleset.yaml").document)
    assert (rules.terms["Pneumonia"].soc, rules.terms["Pneumonia"].allowed) == (
        "Infections and infestations",
        (2, 3, 4, 5),
    )
    assert (rules.terms["Fever"].soc, rules.terms["Fever"].allowed) == ("Made-up class", (1, 2, 3))
    assert all(one.soc for one in rules.terms.values())
    assert rules.scales.keys() == rules_of_version("6.0").scales.keys()


def test_preferred_terms_lead_to_terms_and_are_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", whole_dictionary())
    table = tmp_path / "pt.csv"
    table.write_text("preferred_term,term\nPyrexia,Fever\nPYREXIA,Fever\n", encoding="utf-8")
    run(str(file), "--out", str(tmp_path / "mine"), "--preferred-terms", str(table), capsys=capsys)
    document = load_ruleset(tmp_path / "mine" / "ruleset.yaml").document
    assert document["preferred_terms"] == {"Pyrexia": "Fever", "PYREXIA": "Fever"}
    events = [{"subject": "1", "term": "felt hot", "decoded_term": "pyrexia", "grade": "1", "start_date": "2024-03-05"}]
    treatment = [{"subject": "1", "component": "tace", "start_date": "2024-03-01"}]
    of_subject = context([{"subject": "1"}], treatment)
    out = graded_events(events, of_subject, rules=read_rules(document))
    assert out.select("ctcae_term", "term_match", "analysis_soc").row(0) == (
        "Fever", "preferred_term", "General disorders and administration site conditions",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pt,term\nPyrexia,Fever\n", "no column preferred_term"),
        ("preferred_term,term\nPyrexia,Feber\n", "'Feber' is no term"),
        ("preferred_term,term\nPyrexia,\n", "a cell is empty"),
        ("preferred_term,term\nPyrexia,Fever\nPyrexia,Nausea\n", "stated twice"),
    ],
)
def test_a_table_of_preferred_terms_that_cannot_be_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", whole_dictionary())
    (tmp_path / "pt.csv").write_text(text, encoding="utf-8")
    code, answer = run(
        str(file), "--out", str(tmp_path / "mine"), "--preferred-terms", str(tmp_path / "pt.csv"), capsys=capsys
    )
    assert code == 3
    assert said in answer["problems"][0]["what"]
    assert not (tmp_path / "mine").exists()


# Files that are none --------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(RulesEngineError) as error:
        read_workbook(path)
    assert str(path) in str(error.value)
    return error.value.problems[0].what


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_workbook(tmp_path / "none.xlsx")


def test_files_that_are_no_workbook(tmp_path: Path) -> None:
    text, empty, old, archive = (tmp_path / name for name in ("text.xlsx", "empty.xlsx", "old.xlsx", "archive.xlsx"))
    text.write_text("CTCAE Term,Grade 1\n", encoding="utf-8")
    empty.write_bytes(b"")
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("letter.txt", "hello")
    assert [refused(path) for path in (text, empty, old, archive)] == [
        "it is no .xlsx workbook", "it is no .xlsx workbook", "it is encrypted, or a workbook of the old format .xls",
        "it is an archive, but no workbook",
    ]  # fmt: skip


def test_a_workbook_that_is_cut_short(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "book.xlsx", [row("Made-up itch", "Skin disorders", "12")])
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert "damaged or cut short" in refused(file)


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/workbook.xml", b"\0" * 40_000_000)
    assert "no honest workbook does" in refused(bomb)


def test_an_encrypted_archive_is_not_opened(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "book.xlsx", [row("Made-up itch", "Skin disorders", "12")])
    content = bytearray(file.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1  # the flag of the first member in the directory
    file.write_bytes(bytes(content))
    assert refused(file) == "it is encrypted"


def test_workbooks_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "other.xlsx"
    with xlsxwriter.Workbook(str(other)) as book:
        book.add_worksheet("Data").write_row(0, 0, ["subject", "age"])
    assert "no sheet has the headings ctcae term" in refused(other)
    assert "headings and no terms" in _told(write_workbook(tmp_path / "none.xlsx", []))
    assert "which version it is" in _told(
        write_workbook(tmp_path / "book.xlsx", [row("Made-up itch", "Skin", "12")], sheet="Terms")
    )


def _told(path: Path) -> str:
    with pytest.raises(StudyError) as error:
        read_workbook(path)
    return error.value.problems[0].what


def test_a_workbook_with_a_few_terms_is_not_that_of_the_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", [row("Fever", "General disorders", "12345")])
    code, answer = run(str(file), "--out", str(tmp_path / "mine"), capsys=capsys)
    assert code == 3
    assert "836 of the 837 terms of version 5.0 are not among them" in answer["problems"][0]["what"]
    assert not (tmp_path / "mine").exists()


def test_a_folder_with_another_ruleset_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    other = tmp_path / "mine" / "ruleset.yaml"
    other.write_text("rules_engine: 1\nid: mine\nkind: protocol\n", encoding="utf-8")
    file = write_workbook(tmp_path / "CTCAE_v5.0.xlsx", whole_dictionary())
    code, _answer = run(str(file), "--out", str(tmp_path / "mine"), capsys=capsys)
    assert code == 2
    assert "kind: protocol" in other.read_text(encoding="utf-8")
