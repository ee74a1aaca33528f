"""`rules-engine simulate`: what it prints, what it refuses, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from rules_engine.cli import main
from rules_engine.simulator.defects import DEFECTS


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main(["simulate", *map(str, words)])
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_it_writes_a_study_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "study"
    assert run("--subjects", "12", "--seed", "1", "--out", out, "--format", "csv") == 0
    printed = capsys.readouterr().out
    assert str(out) in printed
    assert "subjects" in printed
    assert pl.read_csv(out / "subjects.csv", infer_schema=False).height == 12


def test_json_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--subjects", "12", "--seed", "1", "--out", tmp_path / "study", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["ok"] is True
    assert summary["rows"]["subjects"] == 12
    assert summary["seed"] == 1


def test_defects_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "study"
    words = ["--subjects", "60", "--seed", "1", "--out", out]
    assert run(*words, "--defects", "two_baselines,missing_unit", "--defects", "grade_roman") == 0
    placed = json.loads((out / "defects.json").read_text(encoding="utf-8"))
    assert {one["defect"] for one in placed} == {"two_baselines", "missing_unit", "grade_roman"}
    assert "two_baselines" in capsys.readouterr().out


def test_defects_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list-defects") == 0
    printed = capsys.readouterr().out
    for name, defect in DEFECTS.items():
        assert name in printed
        assert defect.meaning in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--subjects", "0", "--seed", "1"], "--subjects"),
        (["--subjects", "ten", "--seed", "1"], "--subjects"),
        (["--subjects", "5", "--seed", "-1"], "--seed"),
        (["--subjects", "5"], "--seed"),
        (["--subjects", "5", "--seed", "1", "--format", "xlsx"], "--format"),
        (["--subjects", "50", "--seed", "1", "--defects", "missing_unt"], "missing_unit"),
        (["--subjects", "2", "--seed", "1", "--defects", "all"], "more subjects"),
    ],
)
def test_a_wrong_call_is_told_and_leaves_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--out", tmp_path / "study") == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run("--subjects", "5", "--seed", "1", "--out", tmp_path) == 2
    assert "mine.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
