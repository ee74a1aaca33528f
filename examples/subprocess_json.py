"""Run a protocol from any program, through the command line and its JSON.

    python examples/subprocess_json.py RULESET STUDY OUT

The exit code says how it went (0 done, 2 usage or ruleset, 3 data, 4 plugin, 70 our fault), the JSON on standard output what happened.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def run(ruleset: str, study: str, out: str, cutoff: str = "2025-12-31") -> dict[str, Any]:
    """What `rules-engine run --json` says; raises `RuntimeError` with every problem where it did not run."""
    command = [
        sys.executable,
        "-m",
        "rules_engine",
        "run",
        ruleset,
        "--data",
        study,
        "--data-cutoff",
        cutoff,
        "--out",
        out,
    ]
    done = subprocess.run(
        [*command, "--format", "parquet", "--format", "csv", "--json"], capture_output=True, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    if done.returncode != 0:
        told = [f"{one['where']}: {one['what']} ({one['remedy']})" for one in answer["problems"]]
        raise RuntimeError(f"exit code {done.returncode}\n" + "\n".join(told))
    return answer


if __name__ == "__main__":
    summary = run(*sys.argv[1:4])
    for name, endpoint in summary["endpoints"].items():
        print(name, endpoint["label"], endpoint["records"], sep="\t")
