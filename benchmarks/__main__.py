"""Simulate 1,000, 10,000 and 100,000 subjects, run the whole protocol, print time and memory of each stage.

`python -m benchmarks all` measures everything and makes a page.

`python -m benchmarks estimates` times the estimates of the first trial alone, for a million subjects, and
`python -m benchmarks criteria` the response criteria alone, for up to ten million lesion rows.

Each size is simulated in one process and run in another, so that the peaks are those of a run that starts cold. The
numbers are also written to `benchmarks/results/` as JSON. `python -m benchmarks endpoints` measures the endpoints alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import rules_engine

RESULTS = Path(__file__).parent / "results"
SIZES = (1_000, 10_000, 100_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    if sys.argv[1:2] == ["estimates"]:
        from benchmarks import estimates

        del sys.argv[1]
        return estimates.main()
    if sys.argv[1:2] == ["criteria"]:
        from benchmarks import criteria

        del sys.argv[1]
        return criteria.main()
    parser.add_argument(
        "--subjects", type=int, nargs="+", default=list(SIZES), help="sizes to run (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ruleset", default="tace_ici_hcc", help="protocol to run (default: %(default)s)")
    parser.add_argument("--data-cutoff", default="2025-12-31")
    parser.add_argument(
        "--work", type=Path, help="folder for studies and results in between (default: a temporary one)"
    )
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON instead of tables")
    asked = parser.parse_args()

    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=asked.work) as work:
        for subjects in asked.subjects:
            measured.append(measure(asked, subjects, Path(work) / str(subjects)))
            if not asked.json:
                print(as_table(measured[-1]), flush=True)
    document = {"about": about(asked), "sizes": measured}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if asked.json:
        print(json.dumps(document, indent=2))
    else:
        print(growth(measured))
        print(f"\nNumbers: {file}")
    return 1 if any("failed" in one for one in measured) else 0


def measure(asked: argparse.Namespace, subjects: int, work: Path) -> dict[str, Any]:
    """Simulate and run one size; where a process fails, its last words stand under `failed`."""
    work.mkdir(parents=True)
    study, out = work / "study", work / "out"
    simulated = worker(["simulate", "--subjects", str(subjects), "--seed", str(asked.seed), "--study", str(study)])
    ran: dict[str, Any] = {"stages": []}
    if "failed" not in simulated:
        ran = worker(
            [
                "run",
                "--study",
                str(study),
                "--out",
                str(out),
                "--ruleset",
                asked.ruleset,
                "--data-cutoff",
                asked.data_cutoff,
            ]
        )
    stages = [*simulated["stages"], *ran["stages"]]
    one: dict[str, Any] = {
        "subjects": subjects,
        "rows": simulated.get("rows", {}),
        "own_peaks": simulated.get("own_peaks", False),
        "stages": stages,
        "run_seconds": sum(stage["seconds"] for stage in ran["stages"]),
        "run_peak_mib": ran.get("peak_mib", 0.0),
    }
    failed = simulated.get("failed") or ran.get("failed")
    if failed:
        one["failed"] = failed
    return one


def worker(arguments: list[str]) -> dict[str, Any]:
    """What a measured process reports; where it fails, its last words."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    if finished.returncode:
        return {"stages": [], "failed": "\n".join((finished.stderr or finished.stdout).strip().splitlines()[-6:])}
    report: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return report


def as_table(one: dict[str, Any]) -> str:
    """Time and memory of each stage of one size, for reading."""
    rows = ", ".join(
        f"{count:,} {name}" for name, count in one["rows"].items() if name in ("lesion_assessments", "labs")
    )
    lines = [f"\n{one['subjects']:,} subjects ({rows})", f"  {'stage':16}{'seconds':>10}{'peak MiB':>11}"]
    lines += [f"  {stage['stage']:16}{stage['seconds']:>10.2f}{stage['peak_mib']:>11,.0f}" for stage in one["stages"]]
    if "failed" in one:
        lines.append(f"  failed:\n    {one['failed'].replace(chr(10), chr(10) + '    ')}")
    else:
        lines.append(f"  {'whole run':16}{one['run_seconds']:>10.2f}{one['run_peak_mib']:>11,.0f}")
    if not one["own_peaks"]:
        lines.append("  (peaks are those of the process so far)")
    return "\n".join(lines)


def growth(measured: list[dict[str, Any]]) -> str:
    """How the time of the whole run grows with the number of subjects: seconds per 1,000 subjects."""
    done = [one for one in measured if "failed" not in one]
    lines = ["\nSeconds per 1,000 subjects (falling or level = linear or better)"]
    lines += [f"  {one['subjects']:>9,}{one['run_seconds'] / one['subjects'] * 1000:>10.3f}" for one in done]
    return "\n".join(lines)


def about(asked: argparse.Namespace) -> dict[str, Any]:
    """What the numbers were measured with."""
    return {
        "rules_engine": rules_engine.__version__,
        "polars": pl.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "polars_threads": pl.thread_pool_size(),
        "ruleset": asked.ruleset,
        "data_cutoff": asked.data_cutoff,
        "seed": asked.seed,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["all"]:
        from benchmarks.suite import main as everything

        sys.exit(everything(sys.argv[2:]))
    if sys.argv[1:2] == ["grading"]:
        from benchmarks.grading import main as grading

        sys.exit(grading(sys.argv[2:]))
    if sys.argv[1:2] == ["endpoints"]:
        from benchmarks.endpoints import main as endpoints

        sys.exit(endpoints(sys.argv[2:]))
    sys.exit(main())
