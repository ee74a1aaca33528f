"""The examples run as they stand; what needs a program that is not there is skipped, its own part still tried."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from rules_engine import FindingsOverview, Ruleset

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DAYS_PER_MONTH = 30.4375
PROTOCOL = """rules_engine: 1
id: small
kind: protocol
extends: [ema]
title: A small protocol
options: {origin: first_tace}
responses: {overall: {criterion: recist_1_1, assessor: investigator}}
endpoints: {PFS: {like: PFS, response: overall}, OS: {like: OS, response: overall}}
analyses: {survival: {estimator: kaplan_meier, endpoints: [PFS], by: arm}}
"""


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("protocol") / "protocol.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def results(protocol: Path, study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example of a subprocess wrote."""
    out = tmp_path_factory.mktemp("examples") / "results"
    summary = example("subprocess_json").run(str(protocol), str(study_folder), str(out))
    assert summary["endpoints"]["PFS"]["label"] == "Progression-free survival"
    return out


def test_a_program_reads_the_json_of_the_command_line(results: Path) -> None:
    assert {path.name for path in results.glob("adtte.*")} == {"adtte.parquet", "adtte.csv"}


def test_a_program_is_told_what_went_wrong(study_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"exit code 2\n.*no_such_ruleset"):
        example("subprocess_json").run("no_such_ruleset", str(study_folder), str(tmp_path / "out"))


def test_an_asset_of_dagster_is_derived(protocol: Path, study_folder: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    asset = example("dagster_asset")
    told = asset.derive_endpoints(study_folder, tmp_path / "out", stages.append, ruleset=str(protocol))
    assert (told["subjects"], told["records"]) == (60, pl.read_parquet(told["adtte"]).height)
    assert stages[0] == "reading"


@pytest.mark.skipif(importlib.util.find_spec("dagster") is None, reason="Dagster is not installed")
def test_dagster_itself_materialises_the_asset(
    study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster

    monkeypatch.setenv("RULES_ENGINE_STUDY", str(study_folder))
    monkeypatch.setenv("RULES_ENGINE_OUT", str(tmp_path / "out"))
    asset = example("dagster_asset")
    done = dagster.materialize([asset.endpoints, asset.every_subject_has_an_overall_survival])
    assert done.success
    assert all(check.passed for check in done.get_asset_check_evaluations())


def test_sql_over_the_outputs_counts_what_the_data_set_has(results: Path) -> None:
    pytest.importorskip("duckdb")
    adtte = pl.read_parquet(results / "adtte.parquet")
    rows = example("duckdb_outputs").event_rates(results)
    assert len(rows) == adtte.select("PARAMCD", "TRT01A").n_unique()
    for paramcd, arm, subjects, events, years, *_rest in rows:
        part = adtte.filter(PARAMCD=paramcd, TRT01A=arm)
        assert (subjects, events) == (part.height, part.filter(CNSR=0).height)
        assert years == pytest.approx(part["AVAL"].sum() / 365.25, abs=0.005)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_finds_the_same_median(results: Path) -> None:
    known = subprocess.run(["Rscript", "-e", "library(survival)"], capture_output=True, check=False)
    if known.returncode != 0:
        pytest.skip("R has no package survival")
    done = subprocess.run(
        ["Rscript", str(EXAMPLES / "survival.R"), str(results), "PFS"], capture_output=True, text=True, check=True
    )
    adtte = pl.read_parquet(results / "adtte.parquet").filter(PARAMCD="PFS")
    medians = pl.read_parquet(results / "ard.parquet").filter(paramcd="PFS", statistic="median")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert {line[0] for line in lines} == set(adtte["TRT01A"])
    for arm, records, events, median in lines:
        part = adtte.filter(TRT01A=arm)
        assert (int(records), int(events)) == (part.height, part.filter(CNSR=0).height)
        ours = medians.filter(group=arm)["value"].item()
        assert float(median) / DAYS_PER_MONTH == pytest.approx(ours, abs=1e-9)


def test_the_notebook_runs_from_the_first_cell_to_the_last(
    study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study_folder, tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, Any] = {}
    shown: list[Any] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == []  # results are not kept in the repository
        # As a notebook does: run all statements, show the value of a last expression.
        tree = ast.parse(cell["source"])
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names)  # noqa: S102  (our own notebook)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))  # noqa: S307
    assert isinstance(shown[0], Ruleset)
    assert all("<" in value._repr_html_() for value in shown)
    assert isinstance(names["result"].findings_overview(), FindingsOverview)
    assert {rule.path[-1] for rule in names["difference"].rules} == {"new_therapy"}
