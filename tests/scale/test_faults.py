"""Whatever happens to a run in parts, there is either the whole result or none, and the same command goes on.

Every fault is a real one: processes are killed, files are damaged, disks are full.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rules_engine import Engine
from rules_engine.errors import StudyError, UsageError
from rules_engine.partitions import Shard, merge_shards, run_in_parts, run_shard
from rules_engine.partitions.folder import working_in
from rules_engine.study import writing as study_writing

from tests.scale.conftest import CUTOFF, files

PARTS = 4
#: A run in parts that kills its own process where the stage of this number begins, or where a part is about to get its name.
KILLED = """
import os, signal, sys
from rules_engine import Engine
from rules_engine.partitions import Shard, folder, run_in_parts, run_shard
protocol, data, out, moment, place = sys.argv[1:]
seen = 0
def tell(_what):
    global seen
    seen += 1
    if seen == int(moment):
        os.kill(os.getpid(), signal.SIGKILL)
if place == "rename":
    flush = folder.flush
    def flush_and_tell(path):
        flush(path)
        tell(path)
    folder.flush = flush_and_tell
progress = tell if place == "stage" else None
if place == "shard":
    run_shard(Engine(protocol), data, out, Shard(1, 2), parts=4, progress=tell)
else:
    with run_in_parts(Engine(protocol), data, out, parts=4, progress=progress):
        pass
"""


def killed(small: Path, out: Path, moment: int, place: str) -> None:
    code = [
        sys.executable,
        "-c",
        KILLED,
        str(small / "protocol.yaml"),
        str(small / "data"),
        str(out),
        str(moment),
        place,
    ]
    assert subprocess.run(code, check=False).returncode == -signal.SIGKILL


def finished(out: Path) -> dict[str, int]:
    """The parts that are there, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.with_name(f".{out.name}.parts").glob("parts/0*")}


@pytest.mark.parametrize(
    ("moment", "place", "parts"),
    [
        (2, "stage", 0),  # before the tables are split
        (12, "stage", 1),  # while the second part is derived
        (1, "rename", 0),
        (4, "rename", 1),  # the second part is complete and has not got its name
        *(
            pytest.param(moment, "stage", None, marks=pytest.mark.slow)
            for moment in (1, 3, 5, 8, 16, 21, 26, 28, 29, 30)
        ),
    ],
)
def test_a_killed_run_goes_on_where_it_stopped(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, moment: int, place: str, parts: int | None
) -> None:
    out = tmp_path / "out"
    killed(small, out, moment, place)
    assert not out.exists()
    there = finished(out)
    if parts is not None:
        assert len([name for name in there if name != "00000"]) == parts
    told: list[str] = []
    with run_in_parts(
        Engine(small / "protocol.yaml"), small / "data", out, parts=PARTS, progress=told.append
    ) as result:
        after = finished(out)
        assert result.adtte.height == 10
    assert {name: after[name] for name in there} == there
    derived = {stage for stage in told if stage.startswith("part") and ": " not in stage}
    assert len(derived) == PARTS - len([name for name in there if name != "00000"])
    assert files(out) == small_whole


def test_a_killed_run_leaves_an_earlier_result_as_it_was(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(small / "whole", out)
    killed(small, out, 12, "stage")
    assert files(out) == small_whole


def test_a_shard_that_died_is_no_shard(small: Path, tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml")
    killed(small, tmp_path / "one", 14, "shard")
    two = run_shard(engine, small / "data", tmp_path / "two", Shard(2, 2))
    with pytest.raises(StudyError, match=r"part \d is missing"):
        merge_shards(engine, [tmp_path / "one", two], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_a_damaged_shard_is_refused(small: Path, tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml")
    shards = [run_shard(engine, small / "data", tmp_path / f"{n}", Shard(n, 2)) for n in (1, 2)]
    damage(next((shards[1] / "parts" / "00001").glob("0003.*")))
    with pytest.raises(StudyError, match="not as it was written"):
        merge_shards(engine, shards, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # The same command derives the damaged part anew.
    run_shard(engine, small / "data", shards[1], Shard(2, 2))
    with merge_shards(engine, shards, tmp_path / "out"):
        pass


def test_a_damaged_part_is_derived_again(small: Path, small_whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed(small, out, 20, "stage")
    folder = out.with_name(".out.parts")
    damage(next((folder / "parts" / "00001").glob("0005.*")))
    (folder / "parts" / "00002" / "part.json").write_text("{", encoding="utf-8")
    with run_in_parts(Engine(small / "protocol.yaml"), small / "data", out, parts=PARTS):
        pass
    assert files(out) == small_whole


def test_what_another_run_left_is_not_taken(small: Path, small_whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed(small, out, 20, "stage")
    changed = Engine(small / "protocol.yaml", overrides={"title": "Another"})
    with run_in_parts(changed, small / "data", out, parts=2):
        pass
    assert b"Another" in (out / "manifest.json").read_bytes()


def test_two_runs_into_one_folder(small: Path, tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml")
    out = tmp_path / "out"
    with (
        working_in(out.with_name(".out.parts")),
        pytest.raises(UsageError, match="another process is at work"),
    ):
        run_in_parts(engine, small / "data", out)
    assert not out.exists()
    with run_in_parts(engine, small / "data", out):
        pass


def test_nothing_of_the_user_is_deleted(small: Path, tmp_path: Path) -> None:
    """A folder that somebody else filled is no work folder, whatever its files are called."""
    engine = Engine(small / "protocol.yaml")
    own = tmp_path / "own"
    (own / "tables").mkdir(parents=True)
    (own / "tables" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="which no run in parts wrote"):
        run_shard(engine, small / "data", own, Shard(1, 2))
    with pytest.raises(UsageError, match="which no run in parts wrote"):
        run_in_parts(engine, small / "data", tmp_path / "out", work=own)
    assert [path.name for path in own.iterdir()] == ["tables"]
    assert (own / "tables" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_a_refused_run_leaves_no_folder(small: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError):
        run_in_parts(Engine(small / "protocol.yaml"), tmp_path / "nowhere", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# Disks ----------------------------------------------------------------------------------------------------------------


def command(small: Path, out: Path, *more: str, **environment: str) -> list[str]:
    return [
        sys.executable, "-m", "rules_engine", "run", str(small / "protocol.yaml"), "--data", str(small / "data"), "--out", str(out),
        "--memory", "2GiB", *more,
    ]  # fmt: skip


def no_file_above(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [1_500, 4_000, 20_000])
def test_a_file_that_cannot_be_written_to_its_end(small: Path, tmp_path: Path, size: int) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        command(small, out), capture_output=True, text=True, check=False, preexec_fn=lambda: no_file_above(size)
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert not out.exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_and_then_one_with_room(small: Path, small_whole: dict[str, bytes], disk: Path) -> None:
    (disk / "ballast").write_bytes(b"0" * 250_000)
    out = disk / "results"
    done = subprocess.run(command(small, out), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert not out.exists()
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    subprocess.run(command(small, out), capture_output=True, check=True)
    assert files(out) == small_whole


def test_a_disk_that_may_only_be_read(small: Path, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for more in (["--memory", "2GiB"], []):
        arguments = [*command(small, disk / "out")[:-2], *more]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "may not write" in done.stderr or "cannot be written" in done.stderr


# Two runs into one folder ---------------------------------------------------------------------------------------------

#: A run in memory that stands still while it moves its files into place, until it is told to go on.
SLOW_TO_MOVE = """
import sys, time
from pathlib import Path
from rules_engine import Engine
protocol, data, out, here = sys.argv[1:]
result = Engine(protocol).run(data)
replace, moved = Path.replace, []
def replace_slowly(self, target):
    moved.append(target)
    if len(moved) == 3:
        Path(here, "moving").touch()
        while not Path(here, "go").exists():
            time.sleep(0.02)
    return replace(self, target)
Path.replace = replace_slowly
result.write(out)
"""


def within(seconds: float, is_true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not is_true() and time.monotonic() < end:
        time.sleep(0.02)
    return is_true()


def of_one_run(out: Path) -> str:
    """The title of the ruleset whose run wrote all of the files."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {one["file"] for one in manifest["outputs"]} == {path.name for path in out.iterdir()} - {
        "manifest.json",
        "mine.txt",
    }
    for one in manifest["outputs"]:
        assert hashlib.sha256((out / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
    title: str = manifest["ruleset"]["document"]["title"]
    return title


def test_two_runs_that_end_together_leave_the_result_of_one(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among a user's own files results are replaced one by one: the second run waits until the first has moved all of its own."""
    out = tmp_path / "out"
    shutil.copytree(small / "whole", out)
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    words = [str(small / "protocol.yaml"), str(small / "data"), str(out), str(tmp_path)]
    first = subprocess.Popen([sys.executable, "-c", SLOW_TO_MOVE, *words])
    assert within(60, (tmp_path / "moving").exists)
    made, moves = threading.Event(), threading.Event()
    flush, put_in_place = study_writing.flush, study_writing._put_in_place
    monkeypatch.setattr(study_writing, "flush", lambda folder: (flush(folder), made.set()))
    monkeypatch.setattr(study_writing, "_put_in_place", lambda *given: (moves.set(), put_in_place(*given)))
    second = Engine(small / "protocol.yaml", overrides={"title": "The second"}).run(small / "data")
    writing = threading.Thread(target=second.write, args=(out,))
    writing.start()
    assert made.wait(60)
    assert not moves.wait(1)
    (tmp_path / "go").touch()
    writing.join(60)
    assert first.wait(60) == 0
    assert of_one_run(out) == "The second"
    assert (out / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_that_dies_while_it_moves_files_leaves_nothing_that_looks_complete(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(small / "whole", out)
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    words = [str(small / "protocol.yaml"), str(small / "data"), str(out), str(tmp_path)]
    first = subprocess.Popen([sys.executable, "-c", SLOW_TO_MOVE, *words])
    assert within(60, (tmp_path / "moving").exists)
    first.kill()
    first.wait(60)
    assert not (out / "manifest.json").exists()
    # Nothing is left locked: another run into the folder says what stands in its way, or writes elsewhere.
    with pytest.raises(UsageError, match="not written by a previous run"):
        Engine(small / "protocol.yaml").run(small / "data").write(out)
    Engine(small / "protocol.yaml").run(small / "data").write(tmp_path / "elsewhere")
    assert files(tmp_path / "elsewhere") == small_whole


# The machine ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "threads", [1, 3, *(pytest.param(number, marks=pytest.mark.slow) for number in (2, 4, 5, 6, 7, 8))]
)
def test_threads_zone_and_language_change_no_byte(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, threads: int
) -> None:
    zones = ("Asia/Tokyo", "America/Lima")
    environment = {"POLARS_MAX_THREADS": str(threads), "TZ": zones[threads % 2], "LC_ALL": "tr_TR.UTF-8"}
    subprocess.run(command(small, tmp_path / "out"), check=True, capture_output=True, env={**os.environ, **environment})
    assert files(tmp_path / "out") == small_whole


@pytest.mark.parametrize("threads", [8, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 3, 5))])
def test_threads_change_no_byte_of_a_run_in_memory(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, threads: int
) -> None:
    in_memory = command(small, tmp_path / "out")[:-2]
    subprocess.run(in_memory, check=True, capture_output=True, env={**os.environ, "POLARS_MAX_THREADS": str(threads)})
    assert files(tmp_path / "out") == small_whole


def test_a_clock_that_jumps_changes_no_byte(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = itertools.cycle([0.0, 4e9, 1e9, 1.7e9])
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: next(moments))
    with run_in_parts(Engine(small / "protocol.yaml"), small / "data", tmp_path / "out", parts=PARTS):
        pass
    assert files(tmp_path / "out") == small_whole


#: A run in which the clock of the system is set back or forth by decades as each stage begins.
CLOCK_SET = """
import sys, time
from pathlib import Path
from rules_engine import Engine
protocol, data, out, clock = sys.argv[1:]
seen = []
def tell(_stage):
    Path(clock).write_text(f"@{1975 + 37 * len(seen) % 60}-02-03 04:05:06")
    seen.append(time.time())
Engine(protocol).run(data, progress=tell).write(out)
assert max(seen) - min(seen) > 10 * 365 * 86_400
"""


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_that_is_set_during_a_run_changes_no_byte(
    small: Path, small_whole: dict[str, bytes], tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("@2001-01-01 00:00:00")
    words = [str(small / "protocol.yaml"), str(small / "data"), str(tmp_path / "out"), str(clock)]
    environment = {
        "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "LD_PRELOAD": next(str(path) for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", CLOCK_SET, *words], check=True, env={**os.environ, **environment})
    assert files(tmp_path / "out") == small_whole


PEAK = """
import resource, sys
from rules_engine import Engine
from rules_engine.partitions import run_in_parts
with run_in_parts(Engine("tace_ici_hcc"), sys.argv[1], sys.argv[2], memory=sys.argv[3], data_cutoff=sys.argv[4], report=False):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_the_memory_that_was_allowed_is_kept(tmp_path: Path) -> None:
    """As far as Polars' own allocation goes: what it keeps for itself is in the figure of a run without any rows."""
    from rules_engine.simulator import simulate_to

    simulate_to(tmp_path / "study", subjects=3_000, seed=3)
    run = [sys.executable, "-c", PEAK, str(tmp_path / "study"), str(tmp_path / "out"), "900MiB", CUTOFF]
    peak = int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert peak < 900 << 20
