"""Worked cases as they are read: formats told apart, malformed cases told, lengths exact, comparisons exact."""

# ruff: noqa: E501  (the tables of cases read better with one case on a line)
from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rules_engine.casebook.criterion_cases import lesion_rows
from rules_engine.casebook.endpoint_cases import protocol_of, record_values
from rules_engine.casebook.outcomes import compare, is_same
from rules_engine.casebook.runner import case_files
from rules_engine.cli import main

VISIT = {"date": "2024-01-08", "baseline": True, "rows": [{"lesion": "T1", "mm": 12.34}]}
CASE: dict[str, Any] = {
    "id": "C1", "criterion": "RECIST_1.1", "lesions": {"T1": {"role": "target"}}, "visits": [VISIT],
}  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as left:
        main(["cases", *words])
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert isinstance(left.value.code, int)
    return left.value.code, (told.out + told.err).strip().splitlines()


# Rows


def test_lengths_are_exact_hundredths() -> None:
    sizes = [0.1, 0.29, 1.1, 19.99, 12.34, 100]
    rows = [{"lesion": "T1", "mm": size} for size in sizes]
    case = {**CASE, "visits": [{**VISIT, "rows": rows}]}
    assert [row["mm_x100"] for row in lesion_rows("s", case)] == [10, 29, 110, 1999, 1234, 10000]


def test_a_length_finer_than_a_hundredth_is_refused() -> None:
    case = {**CASE, "visits": [{**VISIT, "rows": [{"lesion": "T1", "mm": 12.345}]}]}
    with pytest.raises(ValueError, match=r"12\.345 mm is finer than 0\.01 mm"):
        lesion_rows("s", case)


def test_fragments_become_rows_of_one_lesion() -> None:
    visits = [VISIT, {"date": "2024-03-04", "rows": [{"lesion": "T1", "fragments": [7, 5.5]}]}]
    rows = lesion_rows("s", {**CASE, "criterion": "mRECIST", "visits": visits})[1:]
    assert [(row["fragment_id"], row["mm_x100"], row["viable_mm_x100"]) for row in rows] == [
        ("F1", 700, 700),
        ("F2", 550, 550),
    ]


def test_a_visit_at_which_nothing_was_assessed_is_not_evaluable() -> None:
    visits = [VISIT, {"date": "2024-03-04", "rows": []}]
    assert [row["state"] for row in lesion_rows("s", {**CASE, "visits": visits})] == [None, "ne"]


# Comparison


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (12.3, Decimal("12.3"), True), (12.3, Decimal("12.31"), False), (100, Decimal(100), True), (0.1 + 0.2, Decimal("0.3"), False),
        (None, None, True), (None, Decimal(0), False), (True, True, True), (True, 1, False), (False, None, False),
        ("2024-01-02", "2024-01-02", True), (["2024-01-02", None], ["2024-01-02", None], True), (["a"], ["a", "b"], False),
        ("PR", "PR", True), ("PR", None, False),
    ],
)  # fmt: skip
def test_values_are_compared_exactly(expected: object, actual: object, same: bool) -> None:
    assert is_same(expected, actual) is same


def test_only_what_is_expected_is_compared_and_the_difference_is_told() -> None:
    assert compare("", {"bor": "PR"}, {"bor": "PR", "more": 1}) == []
    assert compare("visit 2 ", {"overall": "PD"}, {"overall": None}) == ["visit 2 overall: expected PD, actual null"]
    assert compare("", {"wish": 1}, {}) == ["wish: expected 1, but a case of this kind has no wish"]


def test_a_subject_without_a_row_has_no_record() -> None:
    assert record_values(None) == {"record": False}


def test_an_endpoint_case_is_the_smallest_protocol() -> None:
    case = {"id": "E1", "endpoint": "PFS", "ruleset": {"preset": "fda", "options": {"new_therapy": "ignore"}}}
    protocol = protocol_of(case)
    assert protocol["extends"] == ["fda"]
    assert protocol["endpoints"]["PFS"] == {
        "like": "PFS",
        "response": "collected",
        "options": {"new_therapy": "ignore"},
    }
    assert "schedule" not in protocol


# Files


def test_a_folder_is_searched_for_cases_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b/ruleset.yaml", "b/presets.yaml", "b/z.yml", "a.yaml", "notes.md", "table.csv", "grades.csv"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        header = (
            "case_id,version,term,analyte,direction,value,unit,expected_grade\n" if name == "grades.csv" else "a: 1\n"
        )
        file.write_text(header, encoding="utf-8")
    assert [str(file.relative_to(tmp_path)) for file in case_files([tmp_path])] == ["a.yaml", "b/z.yml", "grades.csv"]


@pytest.mark.parametrize("words", [["/nowhere"], []])
def test_a_missing_path_is_a_matter_of_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = run(capsys, *words)
    assert code == 2
    assert lines


def test_a_folder_without_cases_is_a_matter_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = run(capsys, str(tmp_path))
    assert code == 2
    assert any("no worked case is there" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "this is no YAML"),
        ("- 1\n", "a list, not a mapping"),
        ("a: 1\n", "it states neither `criterion` nor `endpoint`"),
        ("cases: 3\n", "`cases` is not a list of cases"),
        ("cases: [3, {id: X}]\n", "it states neither `criterion` nor `endpoint`"),
        ("id: E\nendpoint: PFS\n", "the key 'subject' is missing"),
        ("id: E\nendpoint: PFS\nsubject: {deaths: {date: 2024-01-01}}\ncut_off: 2024-12-31\nexpected: {}\n", "there is no key 'deaths' here"),
        ("id: E\nendpoint: PFS\nsubject: {}\ncut_off: tomorrow\nexpected: {}\n", "`tomorrow` has not the form"),
        ("id: E\nendpoint: PFS\nsubject: {death: {date: 2024}}\ncut_off: 2024-12-31\nexpected: {}\n", "`2024` is not a text"),
        ("id: C\ncriterion: mRECIST\nlesions: {T1: {rol: target}}\nvisits: []\n", "there is no key 'rol' here"),
        ("id: C\ncriterion: mRECIST\nlesions: {T1: {role: targt}}\nvisits: [{date: 2024-01-01}]\n", "did you mean 'target'?"),
        ("id: C\ncriterion: mRECIST\nlesions: {T1: {role: target}}\nvisits: [{date: 2024-01-01, rows: [{lesion: T1, mm: 10,5}]}]\n", "there is no key '5' here"),
        ("id: C\ncriterion: mRECIST\nlesions: {T1: {role: target}}\nvisits: [{date: 2024-01-01, baseline: yes}]\n", "`yes` is not true or false"),
    ],
)  # fmt: skip
def test_a_malformed_case_fails_and_says_why(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case.yaml").write_text(text, encoding="utf-8")
    code, lines = run(capsys, str(tmp_path / "case.yaml"))
    assert code == 1
    assert any(said in line for line in lines), lines
    assert lines[-1].startswith("0 passed, ")


def test_the_outcome_can_be_read_by_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "case.yaml").write_text("a: 1\n", encoding="utf-8")
    code, lines = run(capsys, str(tmp_path), "--json")
    document = json.loads("\n".join(lines))
    assert code == 1
    assert (document["passed"], document["failed"]) == (0, 1)
    assert document["cases"][0]["mismatches"]
