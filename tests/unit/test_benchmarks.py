"""The benchmark measures what it says: time and memory of each stage, and a failure is told instead of hidden."""

from __future__ import annotations

import json
import time
from pathlib import Path

import polars as pl
import pytest
from benchmarks.__main__ import as_table, growth, worker
from benchmarks.criteria import as_table as as_criteria_table
from benchmarks.criteria import assess, bare
from benchmarks.lesions import write_lesions
from benchmarks.meter import Meter
from rules_engine import terms
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema


def test_stages_are_timed_and_resumed() -> None:
    meter = Meter()
    meter("one")
    time.sleep(0.02)
    meter("two")
    meter("one")
    time.sleep(0.02)
    meter.stop()
    meter.stop()
    assert [stage["stage"] for stage in meter.stages] == ["one", "two"]
    assert meter.stages[0]["seconds"] >= 0.04
    assert meter.stages[1]["seconds"] < 0.02


def test_a_stage_has_a_peak_of_its_own() -> None:
    meter = Meter()
    meter("large")
    large = bytearray(200 * 1024 * 1024)
    del large
    meter("small")
    meter.stop()
    peaks = {stage["stage"]: stage["peak_mib"] for stage in meter.stages}
    assert peaks["large"] >= 200
    if meter.own_peaks:
        assert peaks["small"] < peaks["large"] - 150
    assert meter.peak_mib == peaks["large"]


def test_a_worker_reports_and_a_failing_one_says_why(tmp_path: Path) -> None:
    made = worker(["simulate", "--subjects", "20", "--study", str(tmp_path / "study")])
    assert made["rows"]["subjects"] == 20
    assert made["stages"][0]["stage"] == "simulate"
    assert made["stages"][0]["peak_mib"] > 0
    failed = worker(["run", "--study", str(tmp_path / "study"), "--out", str(tmp_path / "out"), "--ruleset", "no_such"])
    assert failed["failed"]
    table = as_table({"subjects": 20, "rows": {}, "own_peaks": True, "run_seconds": 0, "run_peak_mib": 0, **failed})
    assert "failed" in table


def test_growth_is_per_thousand_subjects() -> None:
    sizes = [{"subjects": 1_000, "run_seconds": 2.0}, {"subjects": 10_000, "run_seconds": 10.0}]
    lines = growth(sizes).splitlines()[-2:]
    assert [line.split() for line in lines] == [["1,000", "2.000"], ["10,000", "1.000"]]


def test_the_estimates_alone_are_timed_by_analysis(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import estimates

    monkeypatch.setattr("sys.argv", ["estimates", "--subjects", "300", "--json"])
    assert estimates.main() == 0
    told = json.loads(capsys.readouterr().out)
    assert told["subjects"] == 300
    assert {"survival", "hazard_weighted", "subgroups", "balance"} <= {stage["stage"] for stage in told["analyses"]}


def test_the_criteria_are_measured_on_rows_of_every_kind(tmp_path: Path) -> None:
    file = tmp_path / "lesions.parquet"
    made = write_lesions(file, 20_000)
    rows = pl.read_parquet(file)
    assert rows.schema == canonical_schema(LESION_ASSESSMENTS)
    assert made["rows"] == rows.height
    assert set(rows["state"].drop_nulls()) == set(terms.LESION_STATES)
    assert set(rows["role"]) == set(terms.LESION_ROLES)
    assert rows["fragment_id"].drop_nulls().len() > 0
    stages = assess(file, ["recist_1_1", "irecist"], findings=False)
    assert [stage["stage"] for stage in stages] == ["sorting out", "recist_1_1", "irecist"]
    one = {**made, "bare": bare(file), "stages": stages}
    assert "share of CPU beyond" in as_criteria_table(one)
