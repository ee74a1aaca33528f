"""A run in Spark gives the same files, records, findings and errors as a run in memory, whatever happens to its workers.

Skipped without PySpark and Java: `pip install -c constraints.txt -e ".[test,spark]"`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import rules_engine
from rules_engine import Engine
from rules_engine.errors import Cancelled, PluginError, StudyError, UsageError
from rules_engine.registry import BUILT_IN_PLUGINS, build_registry
from rules_engine.study import read_study

from tests.scale.conftest import CUTOFF, files

pytest.importorskip("pyspark", reason="PySpark is not installed")
if shutil.which("java") is None:
    pytest.skip("Java is not installed", allow_module_level=True)

from rules_engine.spark import run

ENVIRONMENT = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session of two workers that tries every task up to four times, in a zone of its own."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.session.timeZone", "Asia/Tokyo").config("spark.sql.shuffle.partitions", "3")
        session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


def frames_of(folder: Path) -> dict[str, pl.DataFrame]:
    return {file.stem: pl.read_csv(file, infer_schema=False) for file in folder.glob("*.csv")}


@pytest.fixture(scope="module")
def odd(small: Path) -> dict[str, pl.DataFrame]:
    """The small study with everything that reading remarks on: orphans, repeated subjects and lesions, cells that cannot be used, a
    column of numbers of its own, moments with a zone, upper-case names; and one subject with most of the rows.
    """
    frames = frames_of(small / "data")
    subjects, lesions = frames["subjects"], frames["lesion_assessments"]
    last = lesions.filter(subject="S9")
    days = pl.date_range(datetime(2024, 5, 1), datetime(2024, 11, 1), "1d", eager=True).cast(pl.String)
    many = (
        last.head(1)
        .join(pl.DataFrame({"day": days}), how="cross")
        .with_columns(visit_date="day", is_baseline=pl.lit("N"))
    )
    stray = last.with_columns(subject=pl.Series(["nobody", "S95", "S95"]))
    wrong = lesions.head(3).with_columns(
        subject=pl.Series(["S3", None, "S4"]), visit_date=pl.Series(["soon", "2024-03-01", " "])
    )
    all_lesions = pl.concat(
        [stray, lesions, wrong, many.drop("day"), lesions.tail(2), lesions.head(1).with_columns(mm=pl.lit("41"))]
    )
    moment = datetime(2024, 1, 10, 20, tzinfo=UTC)
    others = {name: frame for name, frame in frames.items() if name not in ("subjects", "lesion_assessments")}
    return {
        **others,
        "SUBJECTS": pl.concat([subjects.reverse(), subjects.head(1)]).with_columns(
            death_date=pl.when(pl.col("subject") == "S2").then(pl.lit("2023-12-01")), seen=pl.lit(moment), row=pl.lit(7)
        ),
        "lesion_assessments": all_lesions.rename({"mm": "MM ", "organ": "Organ"}),
        "labz": pl.DataFrame({"subject": ["S1"]}),
    }  # fmt: skip


def sparkled(spark: Any, frames: dict[str, pl.DataFrame], partitions: int = 3) -> dict[str, Any]:
    """The frames as Spark DataFrames of several partitions, their rows in this order."""
    found = {}
    for name, frame in frames.items():
        ordered = (
            frame.with_row_index("_order").cast({"_order": pl.Int64}).to_arrow(compat_level=pl.CompatLevel.oldest())
        )
        found[name] = (
            spark.createDataFrame(ordered)
            .repartitionByRange(partitions, "_order")
            .sortWithinPartitions("_order")
            .drop("_order")
        )
    return found


def test_frames_in_give_the_same_files_and_frames_out(
    small: Path, odd: dict[str, pl.DataFrame], spark: Any, tmp_path: Path
) -> None:
    engine = Engine(small / "protocol.yaml")
    here = engine.run(read_study(odd, ruleset=engine.ruleset))
    here.write(tmp_path / "here")
    assert {
        "data.orphan",
        "data.subject_duplicate",
        "data.required_missing",
        "data.column_unread",
        "data.file_unread",
    } <= set(here.findings["rule_id"])
    with run(engine, sparkled(spark, odd), out=tmp_path / "there", spark=spark, parts=4) as result:
        assert result.written["adtte"] == tmp_path / "there" / "adtte.parquet"
        for name, frame in here.data_sets().items():
            arrived = pl.DataFrame(result[name].toArrow())
            assert (
                arrived.rows() == frame.with_columns(pl.col(pl.Enum, pl.Categorical, pl.Time).cast(pl.String)).rows()
            ), name
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]


@pytest.fixture(scope="module")
def parquet(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("columnar") / "data"
    folder.mkdir()
    for name, frame in frames_of(small / "data").items():
        frame.with_columns(pl.col("^mm$").cast(pl.Float64), pl.col("^organ$").cast(pl.Categorical)).write_parquet(
            folder / f"{name}.parquet", row_group_size=4
        )
    return folder


def test_a_folder_that_spark_reads(small: Path, parquet: Path, spark: Any, tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml")
    engine.run(parquet).write(tmp_path / "here")
    with run(engine, parquet, out=tmp_path / "there", spark=spark, parts=3):
        pass
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_a_folder_that_the_driver_reads(small: Path, small_whole: dict[str, bytes], spark: Any, tmp_path: Path) -> None:
    with run(Engine(small / "protocol.yaml"), small / "data", out=tmp_path / "out", spark=spark, parts=2):
        pass
    assert files(tmp_path / "out") == small_whole


@pytest.mark.slow
def test_every_file_of_a_made_up_study_is_the_same(made_up: Path, spark: Any, tmp_path: Path) -> None:
    engine = Engine("tace_ici_hcc")
    engine.run(made_up, data_cutoff=CUTOFF).write(tmp_path / "here", formats=("parquet", "csv"))
    with run(
        engine, made_up, out=tmp_path / "there", spark=spark, parts=3, data_cutoff=CUTOFF, formats=("parquet", "csv")
    ) as result:
        assert result["adlb"].count() == result.local.adlb.height
    assert files(tmp_path / "there") == files(tmp_path / "here")


MOMENT = datetime(1500, 1, 10, 20, tzinfo=UTC)
#: Columns of types that Parquet has; Spark reads them, or leaves the study to the driver.
COLUMNS: dict[str, dict[str, pl.Expr]] = {
    "plain": {
        "small": pl.lit(3, pl.UInt8), "code": pl.lit("a", pl.Enum(["a", "b"])), "word": pl.lit("z", pl.Categorical),
        "old": pl.lit(date(1, 1, 1)), "half": pl.lit(1.5, pl.Float32), "moment": pl.lit(MOMENT),
        "exact": pl.lit("1.25").cast(pl.Decimal(10, 2)), "ROW": pl.lit(4), "a.b c`": pl.lit("x"),
    },
    "fine": {"nanoseconds": pl.lit(MOMENT.replace(year=2024, tzinfo=None)).cast(pl.Datetime("ns")), "clock": pl.lit(time(8, 30))},
    "nested": {"list": pl.lit([1, 2]), "struct": pl.struct(a=1), "bytes": pl.lit(b"x")},
    "taken": {"_metadata": pl.lit("y")},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_every_type_are_read_as_they_are_here(small: Path, spark: Any, tmp_path: Path, kind: str) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name, frame in frames_of(small / "data").items():
        frame.with_columns(**COLUMNS[kind]).write_parquet(study / f"{name}.parquet")
    engine = Engine(small / "protocol.yaml")
    engine.run(study).write(tmp_path / "here")
    with run(engine, study, out=tmp_path / "there", spark=spark, parts=2):
        pass
    assert files(tmp_path / "there") == files(tmp_path / "here")


# Faults ---------------------------------------------------------------------------------------------------------------


def dying_once(marker: Path, victim: str) -> Callable[[bytes], Callable[[Any], Any]]:
    """A task that kills a process while it derives a part, the first time: its own worker, or Spark's executor above it."""

    def task(job: bytes) -> Callable[[Any], Any]:
        def derive(pieces: Any) -> Any:
            from rules_engine.spark import work

            derived = work.derive(job, pieces)
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return derived
            daemon = os.getppid()
            executor = int(Path(f"/proc/{daemon}/stat").read_text().rsplit(")", 1)[1].split()[1])
            os.kill(os.getpid() if victim == "worker" else executor, signal.SIGKILL)
            signal.pause()
            return derived

        return derive

    return task


def test_a_lost_worker_changes_nothing(
    small: Path, parquet: Path, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "died"
    monkeypatch.setattr("rules_engine.spark.running.derive_task", dying_once(marker, "worker"))
    engine = Engine(small / "protocol.yaml")
    engine.run(parquet).write(tmp_path / "here")
    with run(engine, parquet, out=tmp_path / "there", spark=spark, parts=3):
        pass
    assert marker.exists()
    assert files(tmp_path / "there") == files(tmp_path / "here")


LOST_EXECUTOR = """
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from rules_engine import Engine
from rules_engine.spark import run, running
from tests.scale.test_spark import dying_once
protocol, data, out, marker = sys.argv[1:]
running.derive_task = dying_once(Path(marker), "executor")
builder = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
spark = builder.config("spark.executorEnv.PYTHONPATH", ":".join(sys.path)).getOrCreate()
with run(Engine(protocol), data, out=out, spark=spark, parts=3):
    pass
spark.stop()
"""


@pytest.mark.slow
def test_a_lost_executor_changes_nothing(small: Path, parquet: Path, tmp_path: Path) -> None:
    """Two executors in processes of their own; one is killed, with all that it had kept."""
    marker = tmp_path / "died"
    Engine(small / "protocol.yaml").run(parquet).write(tmp_path / "here")
    words = [str(small / "protocol.yaml"), str(parquet), str(tmp_path / "there"), str(marker)]
    done = subprocess.run(
        [sys.executable, "-c", LOST_EXECUTOR, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert marker.exists()
    assert files(tmp_path / "there") == files(tmp_path / "here")


def with_column(frame: pl.DataFrame, **column: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(value).alias(name) for name, value in column.items())


def test_bad_data_gives_the_same_error(small: Path, spark: Any) -> None:
    engine = Engine(small / "protocol.yaml", overrides={"responses": {"overall": {"reader": "R7"}}})
    good = frames_of(small / "data")
    subjects, lesions = good["subjects"], good["lesion_assessments"]
    studies: list[dict[str, pl.DataFrame]] = [
        {**good, "lesion_assessments": with_column(lesions, visit_date="later", mm="large")},
        {**good, "lesion_assessments": lesions.drop("organ", "visit_date"), "subjects": subjects.drop("subject")},
        {**good, "subjects": pl.concat([subjects, with_column(subjects.head(3), arm="Y")])},
        {**good, "subjects": subjects.clear()},
        {"subjects": subjects},
        {**good, "lesion_assessments": with_column(lesions, reader="R1")},
    ]
    for study in studies:
        with pytest.raises(StudyError) as here:
            engine.run(read_study(study, ruleset=engine.ruleset))
        with pytest.raises(StudyError) as there:
            run(engine, sparkled(spark, study, partitions=2), spark=spark)
        assert str(there.value) == str(here.value)


def test_what_is_no_study_is_refused(small: Path, spark: Any) -> None:
    engine = Engine(small / "protocol.yaml")
    frames = sparkled(spark, frames_of(small / "data"), 1)
    with pytest.raises(StudyError, match="is no Spark DataFrame, as the other tables are"):
        run(engine, {**frames, "subjects": pl.DataFrame()}, spark=spark)
    with pytest.raises(StudyError, match="neither a folder nor a mapping"):
        run(engine, 7, spark=spark)
    mapped = Engine(small / "protocol.yaml", overrides={"data": {"layout": "sdtm"}})
    with pytest.raises(UsageError, match="come as input tables"):
        run(mapped, frames, spark=spark)


def test_a_stopped_run_leaves_nothing(small: Path, parquet: Path, spark: Any, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(Cancelled):
        run(
            Engine(small / "protocol.yaml"), parquet, out=tmp_path / "out", spark=spark,
            progress=told.append, cancel=lambda: "splitting" in told,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_not_taken(
    small: Path, parquet: Path, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More parts than subjects, of another study; they are still there when the next run begins."""
    engine, out = Engine(small / "protocol.yaml"), tmp_path / "there"
    other = tmp_path / "other"
    other.mkdir()
    for file in parquet.iterdir():
        rows = pl.read_parquet(file)
        rows.with_columns(subject=pl.lit("other ") + pl.col("subject")).write_parquet(other / file.name)
    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("rules_engine.partitions.folder.WorkFolder.remove", lambda _self: None)
        with pytest.raises(Cancelled):
            run(
                engine, other, out=out, spark=spark, parts=20, progress=told.append,
                cancel=lambda: "collecting" in told,
            )  # fmt: skip
    assert len(list((tmp_path / ".there.parts" / "parts").iterdir())) == 11  # ten subjects, and what reading found
    engine.run(parquet).write(tmp_path / "here")
    with run(engine, parquet, out=out, spark=spark, parts=2):
        pass
    assert files(out) == files(tmp_path / "here")


# Plugins --------------------------------------------------------------------------------------------------------------


def test_workers_load_the_plugins_that_were_chosen(small: Path, parquet: Path, spark: Any, tmp_path: Path) -> None:
    engine = Engine(small / "protocol.yaml", registry=build_registry(selection=BUILT_IN_PLUGINS))
    engine.run(engine.read(parquet)).write(tmp_path / "here")
    with run(engine, parquet, out=tmp_path / "there", spark=spark):
        pass
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert json.loads((tmp_path / "there" / "manifest.json").read_text())["plugins_selected"] == []


class Elsewhere:
    """A plugin of the driver's own."""

    @rules_engine.hookimpl
    def rules_engine_events(self) -> list[Any]:
        return []


def test_workers_without_the_drivers_plugins_are_refused(small: Path, parquet: Path, spark: Any) -> None:
    engine = Engine(small / "protocol.yaml", registry=build_registry(extra=[("elsewhere", Elsewhere())]))
    with pytest.raises(PluginError, match=r"they lack what the driver has .*plugin elsewhere"):
        run(engine, parquet, spark=spark)


@pytest.mark.slow
def test_the_command(small: Path, parquet: Path, tmp_path: Path) -> None:
    Engine(small / "protocol.yaml").run(parquet).write(tmp_path / "here")
    words = [
        sys.executable, "-m", "rules_engine", "run", str(small / "protocol.yaml"), "--data", str(parquet), "--out",
        str(tmp_path / "there"), "--spark", "local[2]",
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "there") == files(tmp_path / "here")
    both = subprocess.run([*words, "--shard", "1/2"], capture_output=True, text=True, check=False)
    assert both.returncode == 2
    assert "exclude each other" in both.stderr
