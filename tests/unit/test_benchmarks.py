"""The benchmark measures what it says: time and memory of each stage, and a failure is told instead of hidden."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from benchmarks.__main__ import as_table, growth, worker
from benchmarks.meter import Meter


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
