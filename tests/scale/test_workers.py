"""Parts derived by several processes: the same files, and no process that dies, fails or is told to stop leaves half a result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rules_engine import Engine
from rules_engine.errors import PluginError, UsageError
from rules_engine.machine import cores
from rules_engine.partitions import Shard, merge_shards, run_in_parts, run_shard
from rules_engine.partitions.plan import BASE_BYTES, LEAST_OF_WORKER, WORTH_A_PART, share_of, workers_for
from rules_engine.registry import build_registry

from tests.scale.conftest import CUTOFF, files

PARTS = 4
GIB = 1 << 30


def children(process: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text(encoding="ascii").split()]


def test_every_file_is_the_same(small: Path, small_whole: dict[str, bytes], tmp_path: Path) -> None:
    told: list[str] = []
    with run_in_parts(
        Engine(small / "protocol.yaml"), small / "data", tmp_path / "out", parts=3, workers=2, progress=told.append
    ) as result:
        assert result.adtte.height == 10
    assert files(tmp_path / "out") == small_whole
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["out"]
    for number in (1, 2, 3):
        assert any(stage.startswith(f"part {number} of 3") and stage.endswith(": endpoints") for stage in told)
    assert any(stage.startswith("part 3 of 3, about") for stage in told)
    assert children(os.getpid()) == []


@pytest.mark.slow
def test_every_file_of_a_made_up_study_is_the_same(made_up: Path, tmp_path: Path) -> None:
    engine = Engine("tace_ici_hcc")
    engine.run(made_up, data_cutoff=CUTOFF).write(tmp_path / "whole")
    with run_in_parts(engine, made_up, tmp_path / "out", parts=5, workers=3, data_cutoff=CUTOFF):
        pass
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_shards_with_workers_are_the_whole(small: Path, small_whole: dict[str, bytes], tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml")
    one = run_shard(engine, small / "data", tmp_path / "1", Shard(1, 2), parts=2, workers=2)
    two = run_shard(engine, small / "data", tmp_path / "2", Shard(2, 2))
    with merge_shards(engine, [one, two], tmp_path / "out"):
        pass
    assert files(tmp_path / "out") == small_whole


# Workers that die -----------------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_stops_the_run_and_the_same_command_goes_on(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, engine = tmp_path / "out", Engine(small / "protocol.yaml")
    killed: list[int] = []

    def tell(stage: str) -> None:
        if not killed and stage.startswith("part") and "left" in stage:  # some part is done by now
            killed.extend(children(os.getpid()))
            for process in killed:
                os.kill(process, signal.SIGKILL)

    with pytest.raises(UsageError, match=r"was ended by signal 9.*\n.*finished parts are kept"):
        run_in_parts(engine, small / "data", out, parts=PARTS, workers=2, progress=tell)
    assert killed
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ".out.parts" / "parts").glob("0*")}
    assert 1 < len(kept) < 1 + PARTS
    with run_in_parts(engine, small / "data", out, parts=PARTS, workers=2):
        now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ".out.parts" / "parts").glob("0*")}
    assert {name: now[name] for name in kept} == kept
    assert files(out) == small_whole
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


#: A run with two workers that says so when they are at work, and then waits.
WAITING = """
import sys, time
from rules_engine import Engine
from rules_engine.partitions import run_in_parts
def tell(stage):
    if ": endpoints" in stage:
        print(stage, flush=True)
        time.sleep(60)
run_in_parts(Engine(sys.argv[1]), sys.argv[2], sys.argv[3], parts=4, workers=2, progress=tell)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_no_worker_outlives_the_run(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, end: signal.Signals
) -> None:
    out = tmp_path / "out"
    words = [str(small / "protocol.yaml"), str(small / "data"), str(out)]
    run = subprocess.Popen([sys.executable, "-c", WAITING, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with run:
        assert run.stdout is not None
        assert b"endpoints" in run.stdout.readline()
        workers = children(run.pid)
        assert len(workers) == 2
        run.send_signal(end)
    deadline = time.monotonic() + 20
    while any(is_there(process) for process in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_there(process) for process in workers)
    assert not out.exists()
    with run_in_parts(Engine(small / "protocol.yaml"), small / "data", out, parts=PARTS):
        pass
    assert files(out) == small_whole


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# Workers that fail ----------------------------------------------------------------------------------------------------


def test_what_fails_in_a_worker_is_told_as_it_is_here(small: Path, tmp_path: Path) -> None:
    """The work folder cannot be written to: its place is taken by a file as soon as the tables are split."""
    out = tmp_path / "out"

    def tell(stage: str) -> None:
        if stage == "splitting":
            (tmp_path / ".out.parts" / "parts" / "00001").touch()

    with pytest.raises(UsageError, match="cannot be written"):
        run_in_parts(Engine(small / "protocol.yaml"), small / "data", out, parts=PARTS, workers=2, progress=tell)
    assert not out.exists()
    assert children(os.getpid()) == []


class Handed:
    """A plugin that only this process has."""


def test_plugins_that_no_other_process_can_find(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = build_registry(extra=[("handed", Handed())])
    engine = Engine(small / "protocol.yaml", registry=registry)
    with pytest.raises(PluginError, match=r"the worker processes\n.*lack what the driver has .*plugin handed"):
        run_in_parts(engine, small / "data", tmp_path / "out", parts=2, workers=2)
    # Where nobody asked for workers, this process does the work itself.
    monkeypatch.setattr("rules_engine.partitions.plan.WORTH_A_PART", 1)
    monkeypatch.setattr("rules_engine.partitions.plan.cores", lambda: 2)
    with run_in_parts(engine, small / "data", tmp_path / "out", parts=2) as result:
        assert result.adtte.height


# How many -------------------------------------------------------------------------------------------------------------


def test_workers_follow_from_cores_subjects_and_memory() -> None:
    room = BASE_BYTES + LEAST_OF_WORKER
    assert workers_for(None, 100 * WORTH_A_PART, 64 * GIB) == min(cores(), 100)
    assert workers_for(None, WORTH_A_PART - 1, 64 * GIB) == 1
    assert workers_for(8, 10, 64 * GIB) == 8
    assert workers_for(8, 10, BASE_BYTES + 3 * room) == 3
    assert workers_for(8, 10, 600 << 20) == 1
    assert share_of(4 * GIB, 1) == 4 * GIB
    assert BASE_BYTES + 3 * share_of(BASE_BYTES + 3 * room, 3) <= BASE_BYTES + 3 * room
    with pytest.raises(UsageError, match="at least one process"):
        workers_for(0, 10, 64 * GIB)
