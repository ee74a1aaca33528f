"""One measured process: `python -m benchmarks.worker simulate|run …` prints its numbers as JSON on the last line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.meter import Meter


def simulate(meter: Meter, subjects: int, seed: int, study: Path) -> dict[str, Any]:
    """Make up a study and write it."""
    from rules_engine.simulator import simulate_to

    meter("simulate")
    summary = simulate_to(study, subjects, seed)
    return {"rows": summary["rows"]}


def run(meter: Meter, ruleset: str, cutoff: str, study: Path, out: Path) -> dict[str, Any]:
    """Run a protocol on a study on disk, from loading the ruleset to the written report."""
    meter("loading")
    from rules_engine import Engine, read_study

    engine = Engine(ruleset)
    meter("reading")
    tables = read_study(study, ruleset=engine.ruleset)
    result = engine.run(tables, data_cutoff=cutoff, progress=meter)
    meter("writing")
    result.write(out, report=False)
    meter("report")
    result.report(out / "report.html")
    meter.stop()
    return {"rows": {"adtte": result.adtte.height, "adrs": result.adrs.height}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=["simulate", "run"])
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--subjects", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ruleset", default="")
    parser.add_argument("--data-cutoff", default="")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    meter = Meter()
    if asked.work == "simulate":
        more = simulate(meter, asked.subjects, asked.seed, asked.study)
    else:
        more = run(meter, asked.ruleset, asked.data_cutoff, asked.study, asked.out)
    meter.stop()
    measured = {
        "stages": meter.stages,
        "own_peaks": meter.own_peaks,
        "peak_mib": meter.peak_mib,
        **more,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
