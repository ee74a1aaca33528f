"""The engine inside another program: typed, quiet, stoppable, in threads and processes, and leaving nothing changed behind."""

from __future__ import annotations

import locale
import logging
import multiprocessing
import os
import random
import re
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import rules_engine
from rules_engine import Cancelled, Engine, Result, deprecation

ROOT = Path(__file__).resolve().parents[2]
CUTOFF = "2025-12-31"
PROTOCOL: dict[str, Any] = {
    "rules_engine": 1,
    "id": "embedded",
    "kind": "protocol",
    "extends": ["ema"],
    "options": {"origin": "first_tace"},
    "title": "A trial <script>alert(1)</script>",
    "responses": {"overall": {"criterion": "recist_1_1", "assessor": "investigator"}},
    "endpoints": {name: {"like": name, "response": "overall"} for name in ("PFS", "OS", "ORR")},
}


def derive(folder: Path) -> dict[str, pl.DataFrame]:
    """Every data set of a run, as a worker process returns it."""
    return Engine(PROTOCOL).run(folder, data_cutoff=CUTOFF).data_sets()


@pytest.fixture(scope="module")
def result(study_folder: Path) -> Result:
    return Engine(PROTOCOL).run(study_folder, data_cutoff=CUTOFF)


# Types, names, deprecation


def check_types(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_typed_client_passes_a_strict_type_checker() -> None:
    done = check_types("tests/clients/typed_client.py")
    assert done.returncode == 0, done.stdout
    client = (ROOT / "tests" / "clients" / "typed_client.py").read_text(encoding="utf-8")
    assert [name for name in rules_engine.__all__ if not re.search(rf"\b{name}\b", client)] == []


def test_a_wrong_client_does_not() -> None:
    done = check_types("-c", "from rules_engine import Engine\nEngine('x').run('study', data_cutoff=5)")
    assert done.returncode == 1
    assert 'incompatible type "int"' in done.stdout


def test_the_public_names_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    table = page.split("## Public names")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE)) == sorted(rules_engine.__all__)


def test_a_deprecated_function_works_and_warns_where_it_is_called() -> None:
    @deprecation.deprecated(since="0.2.0", removed_in="0.4.0", instead="new()")
    def old(number: int) -> int:
        """Double."""
        return 2 * number

    with pytest.warns(
        DeprecationWarning, match=r"old\(\) is deprecated since version 0\.2\.0 .* 0\.4\.0; use new\(\)"
    ) as told:
        assert old(2) == 4
    assert [Path(one.filename) for one in told] == [Path(__file__)]
    assert old.__doc__ == "Double."


def test_a_renamed_public_name_works_and_warns_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules_engine._RENAMED, "RuleEngine", ("Engine", "0.2.0", "0.4.0"))
    with pytest.warns(
        DeprecationWarning, match=r"rules_engine\.RuleEngine is deprecated .* use rules_engine\.Engine"
    ) as told:
        assert rules_engine.RuleEngine is Engine
    assert Path(told[0].filename) == Path(__file__)
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = rules_engine.NoSuchName


# Quiet, and nothing changed behind its back


def state() -> dict[str, Any]:
    return {
        "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters),
        "polars": pl.Config.state(),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "random": random.getstate(),
        "numpy random": tuple(map(str, np.random.get_state())),
        "numpy errors": np.geterr(),
        "root log": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "threads": threading.active_count(),
    }


def test_a_run_prints_nothing_and_changes_nothing(study_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = state()
    with warnings.catch_warnings(record=True) as warned:
        result = Engine(PROTOCOL).run(study_folder, data_cutoff=CUTOFF)
        result.explain("HCC-000014", "PFS")
        result.data_sets()
    assert [str(one.message) for one in warned] == []
    assert state() == before
    assert capfd.readouterr() == ("", "")


def test_the_log_has_stages_and_no_subject(study_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("rules_engine")
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    stages: list[str] = []
    with caplog.at_level(logging.DEBUG, logger="rules_engine"):
        Engine(PROTOCOL).run(study_folder, data_cutoff=CUTOFF, progress=stages.append)
    infos = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert infos[:3] == ["reading", "responses", "endpoints"]
    assert infos[-1].startswith("done: ruleset embedded, ")
    assert [stage for stage in stages if stage.startswith("endpoints: ")] == [
        "endpoints: PFS",
        "endpoints: OS",
        "endpoints: ORR",
    ]
    assert "HCC-" not in caplog.text


# Stopping


@pytest.mark.parametrize("stage", ["reading", "responses", "endpoints: OS"])
def test_a_run_stops_before_the_next_step(stage: str, study_folder: Path) -> None:
    stop = threading.Event()
    seen: list[str] = []

    def progress(name: str) -> None:
        seen.append(name)
        if name == stage:
            stop.set()

    with pytest.raises(Cancelled, match="it was cancelled before") as cancelled:
        Engine(PROTOCOL).run(study_folder, data_cutoff=CUTOFF, progress=progress, cancel=stop.is_set)
    assert cancelled.value.exit_code == 130
    assert seen[-1] == stage


def test_a_run_that_is_cancelled_from_the_start_reads_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled, match="before reading"):
        Engine(PROTOCOL).run(tmp_path / "no_such_study", data_cutoff=CUTOFF, cancel=lambda: True)


# Threads and processes


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return list(one) == list(other) and all(one[name].equals(other[name], null_equal=True) for name in one)


def test_four_threads_at_once_give_what_one_gives(study_folder: Path, result: Result) -> None:
    engine = Engine(PROTOCOL)  # one engine for all of them
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(lambda: engine.run(study_folder, data_cutoff=CUTOFF).data_sets()) for _ in range(4)]
    assert all(same(run.result(), result.data_sets()) for run in runs)


def test_a_pool_of_spawned_processes_gives_what_one_gives(study_folder: Path, result: Result) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = [pool.submit(derive, study_folder) for _ in range(2)]
        assert all(same(run.result(), result.data_sets()) for run in runs)


# Notebooks


def test_objects_show_themselves_in_notebooks_with_everything_escaped(result: Result) -> None:
    subject = str(result.adtte["USUBJID"][0])
    for shown in (result, result.ruleset, result.explain(subject), result.diff(result), result.findings_overview()):
        html = shown._repr_html_()
        assert html.startswith('<div class="rules-engine">')
        assert "<script" not in html
        assert html.count("<table") == html.count("</table>")
    assert "&lt;script&gt;" in result._repr_html_()
    assert "PFS" in result.ruleset._repr_html_()


def test_what_the_data_say_is_escaped_in_notebooks(study_folder: Path) -> None:
    tables = {path.stem: pl.read_parquet(path) for path in study_folder.glob("*.parquet")}
    evil = "<img src=x onerror=alert(1)>"
    tables["subjects"] = tables["subjects"].with_columns(
        pl.col("subject").str.replace("HCC-000014", evil, literal=True)
    )
    tables["lesion_assessments"] = tables["lesion_assessments"].with_columns(
        pl.col("subject").str.replace("HCC-000014", evil, literal=True)
    )
    result = Engine(PROTOCOL).run(tables, data_cutoff=CUTOFF)
    explanation = result.explain(evil)._repr_html_()
    assert evil not in explanation
    assert "&lt;img src=x" in explanation
    assert evil not in result._repr_html_() + result.findings_overview()._repr_html_()
    assert evil not in str(result.findings._repr_html_())


def test_findings_at_a_glance_count_every_finding(result: Result) -> None:
    overview = result.findings_overview().by_rule()
    assert overview["n"].sum() == result.findings.height
    assert overview["severity"].to_list() == sorted(
        overview["severity"].to_list(), key=["error", "warning", "note"].index
    )
