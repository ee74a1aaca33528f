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
#: `peak_mib` is that of one process, the largest; `together_mib` is what all of them held at a time, looked at twenty times a second.
_LAUNCHER = """
import glob, json, os, subprocess, sys, threading, time
together = 0
def resident(process):
    pages = int(open(f"/proc/{process}/statm").read().split()[1])
    children = [child for task in glob.glob(f"/proc/{process}/task/*/children") for child in open(task).read().split()]
    return pages + sum(map(resident, children))
def look(process):
    global together
    while True:
        try:
            together = max(together, resident(process))
        except OSError:  # it ended, or this system does not tell
            pass
        time.sleep(0.05)
began = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stdout=sys.stderr)
threading.Thread(target=look, args=(process.pid,), daemon=True).start()
_pid, status, used = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
peak = used.ru_maxrss / 1024
figures = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mib": peak}
figures["together_mib"] = max(peak, together * os.sysconf("SC_PAGE_SIZE") / (1 << 20))
with open(sys.argv[1], "w") as file:
    json.dump(figures, file)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""
#: Modules are compiled once, as they are where a package is installed.
_COMPILED = tempfile.TemporaryDirectory(prefix="benchmark-compiled-")


def measured(command: list[str], **environment: str) -> dict[str, Any]:
    """`seconds`, `cpu` (user and system) and `peak_mib` of the command, start-up included; `failed` with its last words."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    given |= {"PYTHONPYCACHEPREFIX": _COMPILED.name, **environment}
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, told.name, *command]
        done = subprocess.run(launcher, capture_output=True, text=True, check=False, cwd=ROOT, env=given)
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


def bare_run(data: Path) -> dict[str, Any]:
    """Reading the same Parquet files whole, and grouping each once by subject."""
    return measured([sys.executable, "-c", _BARE, str(data)])


_BARE = """
import sys
from pathlib import Path
import polars as pl
for file in sorted(Path(sys.argv[1]).glob("*.parquet")):
    pl.read_parquet(file).group_by("subject").agg(pl.len())
"""
