"""The command line as a new user meets it: what it prints, what it writes, and how it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    "demo",
    "run",
    "explain",
    "plot",
    "tables",
    "diff",
    "check",
    "describe",
    "cases",
    "serve",
    "ctcae",
    "simulate",
    "plugins",
    "schema",
]


def rules_engine(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "rules_engine", *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_teaches(command: str) -> None:
    done = rules_engine(command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 8
    assert "--json" in done.stdout or command in ("schema", "describe")


def test_an_unknown_command_names_the_closest_one() -> None:
    done = rules_engine("chek")
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_demo_ends_by_saying_where_everything_lies(tmp_path: Path) -> None:
    done = rules_engine("demo", "--out", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stderr
    *_, data, report = done.stdout.strip().splitlines()
    assert data.startswith("ADaM data sets: ")
    assert report.startswith("Report: ")
    assert Path(report.removeprefix("Report:").strip()).is_file()
    assert (Path(data.removeprefix("ADaM data sets:").strip()) / "adtte.parquet").is_file()


def test_run_prints_json_for_programs(study_folder: Path, tmp_path: Path) -> None:
    done = rules_engine(
        "run", "tace_ici_hcc", "--data", str(study_folder), "--data-cutoff", "2025-12-31", "--out", str(tmp_path / "out"),
        "--no-report", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["subjects"] == 60
    assert document["endpoints"]["PFS"]["records"] <= 60
    assert Path(document["written"]["adtte"]).is_file()


def test_figures_and_tables_are_listed_and_written_by_name(study_folder: Path, tmp_path: Path) -> None:
    asked = ["tace_ici_hcc", "--data", str(study_folder), "--data-cutoff", "2025-12-31", "--json"]
    listed = json.loads(rules_engine("plot", *asked, "--list").stdout)
    assert {"km-PFS", "km-OS", "swimmer-0", "butterfly"} <= set(listed["captions"])
    out = tmp_path / "figures"
    drawn = rules_engine("plot", *asked, "--out", str(out), "--figure", "km-PFS", "--format", "svg", "--format", "pdf")
    assert drawn.returncode == 0, drawn.stderr
    assert sorted(path.name for path in out.iterdir()) == ["km-PFS.pdf", "km-PFS.svg"]
    refused = rules_engine("tables", *asked, "--out", str(out), "--table", "pfs-estimate")
    assert refused.returncode == 2
    assert "pfs-estimates" in refused.stdout


def test_without_a_cutoff_the_run_is_refused(study_folder: Path, tmp_path: Path) -> None:
    done = rules_engine("run", "tace_ici_hcc", "--data", str(study_folder), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "--data-cutoff" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cutoff", ["31.12.2025", "2025-02-30", "soon"])
def test_a_cutoff_that_is_no_day_is_refused(study_folder: Path, tmp_path: Path, cutoff: str) -> None:
    done = rules_engine(
        "run", "tace_ici_hcc", "--data", str(study_folder), "--data-cutoff", cutoff, "--out", str(tmp_path / "out")
    )
    assert done.returncode == 2
    assert cutoff in done.stderr


def test_a_missing_study_is_an_error_of_the_data(tmp_path: Path) -> None:
    done = rules_engine(
        "run",
        "tace_ici_hcc",
        "--data",
        str(tmp_path / "nowhere"),
        "--data-cutoff",
        "2025-12-31",
        "--out",
        str(tmp_path / "out"),
    )
    assert done.returncode == 3
    assert "nowhere" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_ruleset_names_the_closest_one(tmp_path: Path) -> None:
    done = rules_engine("check", "tace_ici_hc")
    assert done.returncode == 2
    assert "tace_ici_hcc" in done.stderr + done.stdout


def test_errors_are_json_where_a_program_asks(tmp_path: Path) -> None:
    done = rules_engine("run", "nothing", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert document["problems"]
