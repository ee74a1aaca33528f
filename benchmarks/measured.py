"""A command run once in a process of its own: wall time, processor time, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


#: Starts a command and tells what it used. A process begins with the memory peak of the one that started it: this one is small.
_LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stdout=sys.stderr)
_pid, status, used = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
with open(sys.argv[1], "w") as file:
    json.dump({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}, file)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""


def measured(command: list[str], **environment: str) -> dict[str, Any]:
    """`seconds`, `cpu` (user and system) and `peak_mib` of the command, start-up included; `failed` with its last words."""
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, told.name, *command]
        done = subprocess.run(
            launcher, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}
        )
        figures: dict[str, Any] = json.loads(Path(told.name).read_text(encoding="utf-8"))
    return {**figures, "failed": done.stderr[-600:]} if done.returncode else figures


def engine_run(ruleset: Path | str, data: Path, out: Path, threads: int, *more: str) -> dict[str, Any]:
    """`rules-engine run` without a report, as a user starts it."""
    command = [
        sys.executable,
        "-m",
        "rules_engine",
        "run",
        str(ruleset),
        "--data",
        str(data),
        "--out",
        str(out),
        "--no-report",
    ]
    return measured([*command, *more], POLARS_MAX_THREADS=str(threads))


def plain_run(way: str, data: Path, out: Path) -> dict[str, Any]:
    """The plain derivation in `pandas` or `python`."""
    return measured([sys.executable, "-m", "benchmarks.plain", way, str(data), str(out)])
