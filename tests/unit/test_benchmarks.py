"""The benchmark measures what it says: time and memory of each stage, and a failure is told instead of hidden."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from benchmarks.__main__ import as_table, growth, worker
from benchmarks.collected import write_collected
from benchmarks.criteria import as_table as as_criteria_table
from benchmarks.criteria import assess, bare
from benchmarks.lesions import write_lesions
from benchmarks.measured import measured
from benchmarks.meter import Meter
from benchmarks.page import _load, write_page
from benchmarks.plain import with_pandas, with_python
from benchmarks.plain_study import write_plain_study
from benchmarks.suite import RULESETS, differing
from rules_engine import Engine, terms
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


def test_plain_pandas_and_plain_python_give_the_answers_of_the_engine(tmp_path: Path) -> None:
    """On a study with every answer; three ways that share no line."""
    write_plain_study(tmp_path / "study", 20_000)
    result = Engine(RULESETS / "lesions.yaml").run(tmp_path / "study")
    assert result.findings.is_empty()
    result.write(tmp_path / "out", report=False)
    with_pandas(tmp_path / "study").to_parquet(tmp_path / "pandas.parquet")
    pl.DataFrame(with_python(tmp_path / "study")).write_parquet(tmp_path / "python.parquet")
    found = pl.read_parquet(tmp_path / "python.parquet")
    assert set(found["BOR"]) >= {"PR", "SD", "PD"}
    assert set(found["PFS_event"]) == set(found["OS_event"]) == {0, 1}
    for way in ("pandas", "python"):
        assert differing(tmp_path / "out", tmp_path / f"{way}.parquet") == 0
    found.with_columns(BOR=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("NE")).otherwise("BOR")).write_parquet(
        tmp_path / "wrong.parquet"
    )
    assert differing(tmp_path / "out", tmp_path / "wrong.parquet") == 1


def test_collected_responses_are_as_many_as_asked_for(tmp_path: Path) -> None:
    assert write_collected(tmp_path, 100, 1_898)["response_assessments"] == 1_898
    result = Engine(RULESETS / "collected.yaml").run(tmp_path)
    assert set(result.adrs.filter(PARAMCD="BOR")["AVALC"]) >= {"CR", "PR", "SD", "PD"}
    assert set(result.adtte["PARAMCD"]) == {"PFS", "OS", "RSD"}
    assert result.findings.filter(severity="error").is_empty()


def test_a_command_is_measured_alone() -> None:
    small, large = (measured([sys.executable, "-S", "-c", f"b = bytearray({size} << 20)"]) for size in (1, 200))
    assert large["peak_mib"] - small["peak_mib"] > 150
    assert small["peak_mib"] < 60
    assert "no such thing" in measured([sys.executable, "-S", "-c", "raise SystemExit('no such thing')"])["failed"]


def test_the_page_shows_what_was_measured(tmp_path: Path) -> None:
    def figures(cpu: float, **more: object) -> dict[str, object]:
        return {"seconds": cpu, "cpu": cpu, "peak_mib": 300.0, **more}

    document = {
        "about": {"date": "2026-11-27", "cores": 2, "memory_gib": 24, "load": 1.0, "system": "Linux", "python": "3", "polars": "2"},
        "goal": {
            "rows": {"subjects": 30_600, "response_assessments": 580_800}, "made": {"adrs": 7, "adtte": 3},
            "runs": [figures(3.0), figures(1.5)],
        },
        "scaling": [
            {"lesion_assessments": rows, "subjects": rows // 34, "ways": {
                "engine, 2 threads": figures(rows / 1e5), "pandas": figures(rows / 1e5, differing=0), "python": figures(1.0, differing=2),
            }}
            for rows in (1_000, 1_000_000)
        ],
    }  # fmt: skip
    page = write_page(document, tmp_path / "page.md").read_text(encoding="utf-8")
    assert "under 2 s with start-up on two cores, is reached" in page
    assert "| 1,000,000 | 29,411 | 10.00 / 10.00 / 300 |" in page
    assert "differ from the engine's in 4 subjects" in page
    assert "1,000,000 rows: 10.0" in page
    first = (tmp_path / "page" / "time.svg").read_bytes()
    write_page(document, tmp_path / "page.md")
    assert (tmp_path / "page" / "time.svg").read_bytes() == first


#: A process of 100 MB that waits for one of 150 MB.
TWO_PROCESSES = """
import subprocess, sys
held = bytearray(100_000_000)
subprocess.run([sys.executable, "-c", "import time; held = bytearray(150_000_000); time.sleep(1)"], check=True)
"""


def test_memory_is_that_of_one_process_and_of_all_together() -> None:
    figures = measured([sys.executable, "-c", TWO_PROCESSES])
    assert 140 < figures["peak_mib"] < 220
    if sys.platform == "linux":
        assert figures["together_mib"] > figures["peak_mib"] + 60


def test_the_page_tells_the_whole_beside_the_bare_reading(tmp_path: Path) -> None:
    rows = {"subjects": 1_000, "lesion_assessments": 50_000, "labs": 100_000}
    used = {"cpu": 30.0, "seconds": 20.0, "peak_mib": 800.0, "together_mib": 1_500.0}
    sizes = [
        {"rows": rows, "engine": used, "bare": {"cpu": 2.0, "seconds": 1.0, "peak_mib": 90.0, "together_mib": 90.0}},
        {"rows": rows, "engine": {**used, "failed": "x"}, "bare": used},
    ]
    about = {**dict.fromkeys(("date", "cores", "memory_gib", "system", "python", "polars"), "x"), "load": 0.2}
    page = write_page({"about": about, "whole": sizes}, tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 1,000 | 50,000 | 100,000 | 30.0 / 20.0 / 1,500 | 2.0 / 1.0 / 90 | 15 | 600 |" in page
    assert "| 1,000 | 50,000 | 100,000 | failed |" in page


@pytest.mark.parametrize(("load", "said"), [(0.9, "had little else to do"), (1.0, "was shared"), (14.2, "was shared")])
def test_the_page_says_of_a_machine_whether_it_was_shared(load: float, said: str) -> None:
    assert f"The machine {said}" in _load(load)
    assert f"its load was {load:.1f}" in _load(load)
