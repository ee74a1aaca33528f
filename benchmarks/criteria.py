"""The response criteria over made-up lesion rows: `python -m benchmarks criteria`.

For each size the rows are written once; a first process reads the file and groups the rows by subject and visit, a second one runs
the criteria as the pipeline does: it holds the reading, then assesses it by each criterion. CPU seconds are those of all threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.lesions import write_lesions
from benchmarks.meter import Meter

SIZES = (100_000, 1_000_000, 10_000_000)
CRITERIA = ("recist_1_1", "mrecist", "irecist", "mrecist_irecist")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks criteria", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), help="sizes (default: %(default)s)")
    parser.add_argument("--criteria", nargs="+", default=list(CRITERIA[:3]), choices=CRITERIA)
    parser.add_argument("--findings", action="store_true", help="look for odd records as well")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--measure", choices=["bare", "criteria"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        stages = bare(asked.file) if asked.measure == "bare" else assess(asked.file, asked.criteria, asked.findings)
        print(json.dumps(stages))
        return 0
    measured = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
        for rows in asked.rows:
            file = Path(work) / f"{rows}.parquet"
            one: dict[str, Any] = write_lesions(file, rows, asked.seed)
            one["bare"], one["stages"] = _in_a_process("bare", file, asked), _in_a_process("criteria", file, asked)
            file.unlink()
            measured.append(one)
            if not asked.json:
                print(as_table(one), flush=True)
    if asked.json:
        print(json.dumps(measured, indent=2))
    return 0


def bare(file: Path) -> list[dict[str, Any]]:
    """Read the file, and count its rows by subject and visit."""
    meter = Meter()
    meter("reading")
    rows = pl.scan_parquet(file).collect()
    meter("group by visit")
    rows.lazy().group_by("subject", "visit_date").agg(pl.len()).collect()
    meter.stop()
    return meter.stages


def assess(file: Path, criteria: list[str], findings: bool) -> list[dict[str, Any]]:
    """Hold the reading and assess it by each criterion, as the pipeline does."""
    from rules_engine.loading import load_criterion_rules
    from rules_engine.pipeline import ENGINE, hold_reading
    from rules_engine.registry import default_registry

    registry = default_registry()
    meter = Meter()
    meter("sorting out")
    reading = hold_reading(pl.scan_parquet(file))
    kept = []
    for name in criteria:
        criterion, rules = registry.criteria.require(name), load_criterion_rules(name, registry=registry)
        meter(name)
        kept.append(criterion.assess(reading, rules).collect(engine=ENGINE))
        if findings:
            meter(f"{name}, findings")
            criterion.validate(reading, rules, kept[-1].lazy()).collect(engine=ENGINE)
    meter.stop()
    return meter.stages


def _in_a_process(measure: str, file: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks", "criteria", "--measure", measure, "--file", str(file)]
    command += ["--criteria", *asked.criteria, *(["--findings"] if asked.findings else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=True)
    stages: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return stages


def as_table(one: dict[str, Any]) -> str:
    """The stages of one size, and what the criteria cost beyond reading the file and a bare group-by."""
    lines = [
        f"\n{one['rows']:,} rows, {one['subjects']:,} subjects",
        f"  {'stage':28}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}",
    ]

    def line(name: str, stages: list[dict[str, Any]]) -> str:
        seconds, cpu = (sum(stage[key] for stage in stages) for key in ("seconds", "cpu"))
        return f"  {name:28}{seconds:>9.2f}{cpu:>9.2f}{max(stage['peak_mib'] for stage in stages):>10,.0f}"

    lines += [line(stage["stage"], [stage]) for stage in (*one["bare"], *one["stages"])]
    lines.append(line("criteria, reading included", one["stages"]))
    least, total = (sum(stage["cpu"] for stage in one[part]) for part in ("bare", "stages"))
    lines.append(f"  share of CPU beyond reading and a bare group-by: {max(0.0, 1 - least / total):.0%}")
    return "\n".join(lines)
