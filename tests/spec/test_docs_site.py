"""The documentation: the site builds without a warning and needs nothing from elsewhere; the tutorial works as it is written."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from rules_engine import Engine, load_ruleset, read_study
from rules_engine.cli import main

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', flags=re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, title and text of each block of a page."""
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def command(line: str) -> tuple[list[str], int]:
    """The words of a command, and the exit code that the page expects of it."""
    words, _or, expected = line.partition(" || test $? = ")
    return shlex.split(words), int(expected or 0)


def test_the_tutorial_works_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said: dict[str, str] = {}
    for language, title, text in blocks("tutorial.md"):
        if title and Path(title).exists():  # what a command wrote, shown in part
            assert text in Path(title).read_text(encoding="utf-8")
            continue
        if title:
            Path(title).parent.mkdir(exist_ok=True)
            Path(title).write_text(text, encoding="utf-8")
            continue
        assert language == "sh"
        for line in text.strip().splitlines():
            words, expected = command(line)
            if words[0] == "pip":
                continue
            assert words[0] == "rules-engine"
            with pytest.raises(SystemExit) as left:
                main(words[1:])
            said[words[1]] = capsys.readouterr().out
            assert (left.value.code or 0) == expected, line
    # What the page says in its own words.
    assert {"template", "check", "describe", "map", "run", "explain", "diff"} == set(said)
    assert "0 things are missing, 0 kinds of oddity" in said["map"]
    assert "Findings: none" in said["run"]
    assert (tmp_path / "results" / "report.html").is_file()
    assert "2025-04-14: PD, progressive disease, comes first and ends the time" in re.sub(r"\s+", " ", said["explain"])
    assert "| 003 | event on 2025-04-14 (day 211): PD | censored on 2024-11-18 (day 64): NEW_THERAPY |" in said["diff"]
    words = [
        "explain",
        "registry.yaml",
        "--data",
        "hospital",
        "--data-cutoff",
        "2025-06-30",
        "--subject",
        "002",
        "--endpoint",
        "PFS",
    ]
    with pytest.raises(SystemExit):
        main(words)
    assert "PD on 2025-02-17" in capsys.readouterr().out
    _fill_in(Path("study.xlsx"))
    by_hand = Engine("protocol.yaml").run("study.xlsx", data_cutoff="2025-06-30")
    columns = ["USUBJID", "PARAMCD", "ADT", "AVAL", "CNSR", "REASON"]
    assert by_hand.adtte.select(columns).equals(pl.read_parquet("results/adtte.parquet").select(columns))
    assert by_hand.adrs.select("USUBJID", "AVALC").equals(
        pl.read_parquet("results/adrs.parquet").select("USUBJID", "AVALC")
    )


def _fill_in(workbook: Path) -> None:
    """The registry's records in the sheets of the template, as a person types them."""
    book = openpyxl.load_workbook(workbook)
    study = read_study("hospital", ruleset=load_ruleset("registry.yaml"))
    for name in ("subjects", "treatments", "lesion_assessments"):
        sheet = book[name]
        headings = [cell.value for cell in sheet[1]]
        rows = study.tables[name].collect()
        if "mm_x100" in rows.columns:
            rows = rows.with_columns(mm=pl.col("mm_x100") / 100, viable_mm=pl.col("viable_mm_x100") / 100)
        for number, record in enumerate(rows.iter_rows(named=True), sheet.max_row + 1):
            for place, heading in enumerate(headings, 1):
                value = record.get(str(heading))
                typed = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
                sheet.cell(number, place, typed.isoformat() if isinstance(typed, date) else typed)
    book.save(workbook)


def test_the_rules_that_a_statistician_is_shown_are_right() -> None:
    shown = [text for language, _title, text in blocks("for_statisticians.md") if language == "yaml"]
    head = (
        "rules_engine: 1\nid: plan\nkind: protocol\nextends: [ema]\ntitle: Plan\noptions: {origin: first_tace}\n"
        "responses:\n  overall: {criterion: recist_1_1, assessor: independent}\n"
    )
    from rules_engine.loading import to_plain
    from rules_engine.loading.yaml_reader import parse

    ruleset = load_ruleset(to_plain(parse(head + shown[0], "plan.yaml")))
    assert list(ruleset.endpoints) == ["PFS", "PFSNAT", "PFSGAP"]


@pytest.mark.parametrize("page", ["for_statisticians.md", "for_pipeline_engineers.md", "service.md", "index.md"])
def test_commands_that_are_shown_are_commands_that_there_are(page: str) -> None:
    from rules_engine.cli import COMMANDS

    lines = [line for language, _title, text in blocks(page) if language == "sh" for line in text.splitlines()]
    named = {words[1] for line in lines if (words := line.split()) and words[0] == "rules-engine"}
    assert named <= set(COMMANDS)


class Loads(HTMLParser):
    """What a page makes a browser load: scripts, styles, pictures, fonts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe") and values.get("src"):
            self.found.append(str(values["src"]))
        if tag == "link" and values.get("rel") in ("stylesheet", "preconnect", "icon", "preload"):
            self.found.append(str(values.get("href")))


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="the extra `docs` is not installed")
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert [one for one in loads.found if re.match(r"(?:https?:)?//", one)] == [], page.name
    reference = (tmp_path / "site" / "reference" / "ruleset.html").read_text(encoding="utf-8")
    assert "new_therapy" in reference
    api = (tmp_path / "site" / "reference" / "api.html").read_text(encoding="utf-8")
    assert "asked before each" in api
