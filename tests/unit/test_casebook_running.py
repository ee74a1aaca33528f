"""Worked cases through the engine: what passes, how a failure is told, and that no case disturbs another."""

# ruff: noqa: E501  (the tables of cases read better with one case on a line)
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rules_engine.cli import main

CRITERION = """\
cases:
- id: C-1
  title: A sum of 20 after a nadir of 16 is progression only from 5 mm on
  criterion: RECIST_1.1
  lesions: {T1: {role: target}, 2: {role: target, organ: lung}}
  visits:
  - {date: 2024-01-08, baseline: true, rows: [{lesion: T1, mm: 15}, {lesion: 2, mm: 15}]}
  - {date: 2024-03-04, rows: [{lesion: T1, mm: 8}, {lesion: 2, mm: 8}], expect: {target: PR, sum_mm: 16, overall: PR}}
  - {date: 2024-04-29, rows: [{lesion: T1, mm: 12.9}, {lesion: 2, mm: 8}], expect: {sum_mm: 20.9, nadir_mm: 16, target: PR}}
  - {date: 2024-06-24, rows: [{lesion: T1, mm: 13}, {lesion: 2, mm: 8}], expect: {sum_mm: 21, overall: PD}}
  expect: {bor: PR, progression_date: 2024-06-24, pfs: {event: true, date: 2024-06-24, cause: progression}}
"""
ENDPOINT = """\
id: E-1
title: The first progression is the event
endpoint: PFS
subject:
  origins: {randomisation: 2024-02-05}
  baseline: {date: 2024-01-29, adequate: true}
  assessments: [{id: A1, date: 2024-04-01, response: SD}, {id: A2, date: 2024-05-27, response: PD}]
cut_off: 2024-12-31
ruleset: {preset: ema}
expected: {record: true, event: true, cnsr: 0, date: 2024-05-27, start: 2024-02-05, days: 113, months: 3.71252567, reason: PD, source: A2}
"""
GRADES = """\
case_id,version,term,variant,analyte,direction,value,unit,lln,uln,baseline_value,baseline_lln,baseline_uln,mi_cutoff,qualifiers,policy,expected_grade,basis,why
G-1,5.0,Anemia,,HGB,L,10,g/dL,13,17,,,,,,worst_case,1,,floor included
G-2,5.0,Anemia,,HGB,L,9.99,g/dL,13,17,,,,,,worst_case,2,,below the floor
"""


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as left:
        main(["cases", *words])
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert isinstance(left.value.code, int)
    return left.value.code, told.out.splitlines()


@pytest.mark.parametrize(("name", "text"), [("c.yaml", CRITERION), ("e.yaml", ENDPOINT), ("g.csv", GRADES)])
def test_cases_that_hold_pass(name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    code, lines = run(capsys, str(tmp_path))
    assert (code, lines) == (0, [f"{2 if name == 'g.csv' else 1} passed, 0 failed"])


@pytest.mark.parametrize(
    ("name", "text", "old", "new", "told"),
    [
        ("c.yaml", CRITERION, "sum_mm: 20.9", "sum_mm: 20.8", ["FAILED C-1:", "    visit 2024-04-29 sum_mm: expected 20.8, actual 20.9"]),
        ("c.yaml", CRITERION, "{bor: PR", "{bor: CR", ["FAILED C-1:", "    bor: expected CR, actual PR"]),
        ("c.yaml", CRITERION, "cause: progression", "cause: death", ["FAILED C-1:", "    pfs.cause: expected death, actual progression"]),
        ("c.yaml", CRITERION, "progression_date: 2024-06-24", "progression_date: null", ["FAILED C-1:", "    progression_date: expected null, actual 2024-06-24"]),
        ("e.yaml", ENDPOINT, "days: 113", "days: 112", ["FAILED E-1:", "    days: expected 112, actual 113"]),
        ("e.yaml", ENDPOINT, "months: 3.71252567", "months: 3.7126", ["FAILED E-1:", "    months: expected 3.7126, actual 3.7125256"]),
        ("e.yaml", ENDPOINT, "{record: true, event: true", "{record: false, event: true", ["FAILED E-1:", "    record: expected false, actual true"]),
        ("g.csv", GRADES, "worst_case,2", "worst_case,3", ["FAILED G-2:", "    grade: expected 3, actual 2"]),
        ("g.csv", GRADES, "worst_case,2", "worst_case,II", ["FAILED G-2:", "    expected_grade is II; it must be one of"]),
        ("g.csv", GRADES, "G-2,5.0", "G-2,9.9", ["FAILED G-2:", "    UsageError: CTCAE version '9.9'"]),
    ],
)  # fmt: skip
def test_a_failing_case_is_named_with_what_was_expected_and_what_came_out(
    name: str, text: str, old: str, new: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
    code, lines = run(capsys, str(tmp_path))
    assert code == 1
    for wanted in told:
        assert any(line.startswith(wanted) for line in lines), lines
    assert lines[-1] == f"{1 if name == 'g.csv' else 0} passed, 1 failed"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("criterion: RECIST_1.1", "criterion: RECIST_2", "there is no ruleset 'RECIST_2'"),
        ("lesions: {T1", "options: {pd.percent: 20}\n  lesions: {T1", "there is no key 'pd.percent' here"),
        ("{lesion: T1, mm: 8}", "{lesion: T9, mm: 8}", "lesion 'T9' is not in `lesions`"),
        ("mm: 12.9}", "mm: 12.999}", "12.999 mm is finer than 0.01 mm"),
        ("date: 2024-04-29", "date: 2024-04-31", "2024-04-31 is no calendar day"),
        ("baseline: true", "baseline: false", "the first visit must be the baseline"),
    ],
)
def test_a_broken_case_breaks_no_other(
    old: str, new: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in CRITERION
    (tmp_path / "a.yaml").write_text(CRITERION, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(CRITERION.replace("C-1", "C-2").replace(old, new), encoding="utf-8")
    (tmp_path / "c.yaml").write_text("cases: [", encoding="utf-8")
    (tmp_path / "d.yaml").write_text(ENDPOINT, encoding="utf-8")
    code, lines = run(capsys, str(tmp_path))
    assert code == 1
    assert any(told in line for line in lines), lines
    assert [line.split(":")[0] for line in lines if line.startswith("FAILED")] == ["FAILED C-2", "FAILED c.yaml"]
    assert lines[-1] == "2 passed, 2 failed"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("preset: ema", "preset: emma", "there is no ruleset 'emma'"),
        ("endpoint: PFS", "endpoint: PFSS", "there is no endpoint and no definition `PFSS`"),
        ("{preset: ema}", "{preset: ema, options: {new_therapi: censor}}", "did you mean 'new_therapy'?"),
        ("{preset: ema}", "{preset: fda}", "the protocol states no schedule"),
        ("response: PD", "response: PDD", "`PDD` is none of the choices"),
        ("cut_off: 2024-12-31", "cut_off: 2024-13-31", "cut_off: 2024-13-31 is no calendar day"),
    ],
)
def test_an_endpoint_case_that_cannot_be_run_says_why(
    old: str, new: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in ENDPOINT
    (tmp_path / "e.yaml").write_text(ENDPOINT.replace(old, new), encoding="utf-8")
    code, lines = run(capsys, str(tmp_path / "e.yaml"))
    assert code == 1
    assert any(told in line for line in lines), lines
    assert lines[-1] == "0 passed, 1 failed"


def test_the_order_is_that_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "1.yaml").write_text(ENDPOINT, encoding="utf-8")
    (tmp_path / "2.csv").write_text(GRADES, encoding="utf-8")
    (tmp_path / "3.yaml").write_text(CRITERION, encoding="utf-8")
    code, lines = run(capsys, str(tmp_path), "--json")
    document: dict[str, Any] = json.loads("\n".join(lines))
    assert code == 0
    assert [case["id"] for case in document["cases"]] == ["E-1", "G-1", "G-2", "C-1"]
    assert document["passed"] == 4
