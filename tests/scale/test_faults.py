"""Whatever happens to a run in parts, there is either the whole result or none, and the same command goes on.

Every fault is a real one: processes are killed, files are damaged, disks are full.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rules_engine import Engine
from rules_engine.errors import StudyError, UsageError
from rules_engine.partitions import Shard, merge_shards, run_in_parts, run_shard
from rules_engine.partitions.folder import working_in

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
    damage(next((shards[1] / "parts" / "00001").glob("0003.parquet")))
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
    damage(next((folder / "parts" / "00001").glob("0005.parquet")))
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
