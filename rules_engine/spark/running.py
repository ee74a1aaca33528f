"""Run a protocol in Spark: open the study, derive its parts on the workers, put the whole together on the driver."""

from __future__ import annotations

import pickle
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.engine import Engine, cutoff_of
from rules_engine.errors import StudyError, UsageError
from rules_engine.model import Ruleset
from rules_engine.partitions.folder import WorkFolder, working_in
from rules_engine.partitions.job import versions_of
from rules_engine.partitions.plan import WORTH_A_PART, Shard, parted, parts_needed, read_memory, subjects_of
from rules_engine.partitions.running import OPENED, require_separable, run_of, what_is_run, whole_of
from rules_engine.pipeline.plans import Progress
from rules_engine.spark import opening, packing
from rules_engine.spark.result import SparkResult
from rules_engine.spark.tasks import PACKED, derive_task, split_task
from rules_engine.spark.work import Job
from rules_engine.study import Study, open_study, require_tables
from rules_engine.study.mapping import mapping_of
from rules_engine.study.sources import find_tables, input_folders
from rules_engine.study.study import contracts_of
from rules_engine.study.writing import require_writable
from rules_engine.watching import watched

#: Memory of one worker, that is of one core; Spark's own is beside it.
DEFAULT_MEMORY = "2GiB"
_TABLE = "table/"


def run(
    engine: Engine | Ruleset | str | Path | Mapping[str, Any],
    source: Any,
    *,
    out: str | Path | None = None,
    spark: Any = None,
    memory: int | str = DEFAULT_MEMORY,
    parts: int | None = None,
    data_cutoff: date | str | None = None,
    formats: Sequence[str] = ("parquet",),
    report: bool = True,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SparkResult:
    """Run a protocol on the workers of a Spark session, and write everything to `out` where that is given.

    `source` is a mapping of table names to Spark DataFrames, or a folder as `Engine.run` takes it: Parquet files are read by Spark,
    so its workers must see the folder; everything else, and what a ruleset maps (`data:`), is read by the driver. `spark` is the
    session, by default the active one. `memory` is what one core may use while it derives a part, `parts` the number of parts
    where it is to be stated. The same records and files come out as from `Engine.run(…).write(out)`.

    Raises what `Engine.run` raises; `UsageError` without PySpark and where Spark gives up; `PluginError` where the workers have other
    versions or plugins than the driver.
    """
    chosen = engine if isinstance(engine, Engine) else Engine(engine)
    tell = watched(progress, cancel)
    cutoff = cutoff_of(data_cutoff, chosen.ruleset)
    target = None if out is None else require_writable(out, inputs=input_folders(source))
    require_separable(chosen)
    with spark_told(), ExitStack() as stack:
        session = _session(spark)
        tell("reading")
        opened = _open(chosen, source, session, cutoff, stack)
        require_tables(opened.study, chosen.ruleset, chosen.registry)
        place = stack.enter_context(working_in(_work_folder(target, stack)))
        stack.callback(place.remove)
        what = what_is_run(chosen, opened.study.sources, cutoff)
        number = _number_of_parts(opened, chosen, read_memory(memory), session, parts)
        # A key of its own: what a run that was killed left in the folder goes, whatever it was a run of.
        run_here = place.begin({**run_of(what, opened.study, number), "key": uuid.uuid4().hex})
        place.write(0, run_here["key"], iter([(OPENED, opened.study.findings.collect())]))
        tell("splitting")
        pieces, job = _pieces(opened, session, place, number)
        tell(f"{number} part{'s' if number > 1 else ''}")
        packed = _derived(pieces, job, number, stack)
        tell("collecting")
        _store(packed, place, run_here["key"])
        result = whole_of(chosen, [place], cutoff, tell)
        if target is not None:
            tell("writing")
            result = replace(result, written=result.write(target, formats=formats, report=report))
        return SparkResult(result, session, packed, stack.pop_all())


# The session ----------------------------------------------------------------------------------------------------------


def _session(given: Any) -> Any:
    if given is not None:
        return given
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or SparkSession.builder.appName("rules-engine").getOrCreate()


@contextmanager
def spark_told() -> Iterator[None]:
    """Raises `UsageError` without PySpark, and where Spark gives up, with the first line of what it says."""
    try:
        import pyarrow  # noqa: F401
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
    except ImportError as error:
        raise UsageError.at(
            "Spark",
            f"running in it needs PySpark 4 and PyArrow ({error})",
            "pip install 'endpoint-rules-engine[spark]'; and Java 17",
        ) from None
    try:
        yield
    except (PySparkException, Py4JError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        lacking = next((line for line in lines if "No module named" in line), "")
        remedy = (
            "install the same packages on every worker" if lacking else "Spark's log says more; nothing was written"
        )
        raise UsageError.at(
            "Spark", f"it gave up: {lacking or (lines[0] if lines else type(error).__name__)}", remedy
        ) from error


def _work_folder(target: Path | None, stack: ExitStack) -> Path:
    """Where the driver keeps the derived parts until the result is closed."""
    if target is not None:
        return target.with_name(f".{target.name}.parts")
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rules-engine-"))) / "parts"


# Opening --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Opened:
    """A study and the job on it; the rows of its tables lie in Spark (`incoming`), or in `study` where the driver read them."""

    study: Study
    counts: Mapping[str, int]
    incoming: Mapping[str, opening.Incoming] | None
    job: Job


def _open(engine: Engine, source: Any, session: Any, cutoff: date, stack: ExitStack) -> _Opened:
    job = Job(engine.ruleset, cutoff, engine.registry.selection, versions_of(engine.registry), {})
    if opening.is_frames(source):
        _require_input_tables(engine)
        found = opening.found_frames(source, engine)
        incoming = opening.incoming_frames(source, found)
        for one in incoming.values():
            stack.callback(one.rows.unpersist)
        return _opened_in_spark(engine, source, found, incoming, job)
    if not isinstance(source, str | Path):
        raise StudyError.at(
            "study", f"{type(source).__name__} is neither a folder nor a mapping of table names to Spark DataFrames",
            "pass a path, or a mapping such as {'subjects': spark.table('subjects')}",
        )  # fmt: skip
    found = find_tables(source, engine.registry, frozenset(contracts_of(engine.registry)))
    if found.tables and opening.can_read(found, engine):
        from pyspark.errors import AnalysisException

        try:
            incoming = opening.incoming_files(session, found)
        except AnalysisException:  # a type that Spark does not know: the driver reads it
            incoming = {}
        if incoming:
            return _opened_in_spark(engine, source, found, incoming, job)
    study = open_study(source, ruleset=engine.ruleset, registry=engine.registry)
    counts = {name: int(rows.select(pl.len()).collect().item()) for name, rows in study.tables.items()}
    return _Opened(study, counts, None, _with_study(job, study))


def _opened_in_spark(
    engine: Engine, source: Any, found: Any, incoming: Mapping[str, opening.Incoming], job: Job
) -> _Opened:
    schemas = {name: dict(one.raw.schema) for name, one in incoming.items()}
    opened = opening.open_in_spark(engine, source, found, incoming, replace(job, schemas=schemas))
    return _Opened(opened.study, opened.counts, incoming, _with_study(replace(job, schemas=schemas), opened.study))


def _with_study(job: Job, study: Study) -> Job:
    return replace(
        job,
        canonical={name: dict(rows.collect_schema()) for name, rows in study.tables.items()},
        columns=dict(study.columns),
        study_id=study.id,
    )


def _require_input_tables(engine: Engine) -> None:
    if mapping_of(engine.ruleset) is not None:
        raise UsageError.at(
            f"ruleset {engine.ruleset.id!r}", "its section `data` maps files, and Spark DataFrames come as input tables",
            "map them in Spark and leave the section out, or name the folder of the files",
        )  # fmt: skip


# Deriving -------------------------------------------------------------------------------------------------------------


def _number_of_parts(opened: _Opened, engine: Engine, memory: int, session: Any, stated: int | None) -> int:
    """As many as stated or as the memory of one core asks for, and one for each core where there are subjects enough; none is empty."""
    subjects = int(opened.study.tables["subjects"].select(pl.len()).collect().item())
    if stated is not None:
        return max(1, min(stated, subjects))
    cores = int(getattr(getattr(session, "sparkContext", None), "defaultParallelism", 1))
    needed = parts_needed(opened.counts, engine.ruleset, memory)
    return max(1, min(max(needed, min(cores, subjects // WORTH_A_PART)), subjects))


def _pieces(opened: _Opened, session: Any, place: WorkFolder, parts: int) -> tuple[Any, Job]:
    """Canonical rows of every table, packed by part."""
    subjects = subjects_of(opened.study.tables["subjects"].select("subject").collect()["subject"], Shard())
    of_parts = parted(subjects, parts)
    if opened.incoming is None:
        place.split(opened.study.tables, of_parts)
        return _sent(session, place, list(opened.study.tables), of_parts), replace(opened.job, sends_tables=False)
    firsts = packing.pack(of_parts.group_by("part").agg(pl.col("subject").min()).sort("part"))
    job = pickle.dumps(opened.job)
    split = [
        one.rows.mapInArrow(split_task(job, name, one.offsets, firsts), PACKED)
        for name, one in sorted(opened.incoming.items())
    ]
    pieces = split[0]
    for more in split[1:]:
        pieces = pieces.unionAll(more)
    return pieces, opened.job


def _sent(session: Any, place: WorkFolder, names: Sequence[str], of_parts: pl.DataFrame) -> Any:
    """The tables that the driver read and split, as rows for the workers."""
    import pyarrow as pa

    rows = [
        row
        for part in of_parts["part"].unique().sort()
        for name, table in place.tables(names, part).items()
        for row in packing.packed(part, name, table.collect())
    ]
    return session.createDataFrame(pa.Table.from_batches(rows, schema=packing.SCHEMA), PACKED)


def _derived(pieces: Any, job: Job, parts: int, stack: ExitStack) -> Any:
    """What the workers derived of each part, kept on their disks; raises the error of the first part that has one.

    The number of partitions is stated: Spark would put many small parts into one, and one worker would derive them all.
    """
    from pyspark import StorageLevel

    of_parts = pieces.repartition(parts, "part").groupBy("part")
    packed = of_parts.applyInArrow(derive_task(pickle.dumps(job)), PACKED).persist(StorageLevel.DISK_ONLY)
    stack.callback(packed.unpersist)
    failed = packed.filter(packed["name"] == packing.ERROR).orderBy("part").collect()
    packing.raise_packed([row["payload"] for row in failed])
    return packed


def _store(packed: Any, place: WorkFolder, key: str) -> None:
    """Bring the derived parts to the driver's disk, one at a time."""
    for part, rows in groupby(packed.toLocalIterator(), key=lambda row: int(row["part"])):
        frames = _frames(rows)
        tables = {name.removeprefix(_TABLE): frame for name, frame in frames.items() if name.startswith(_TABLE)}
        place.put_tables(part, tables)
        place.write(part, key, ((name, frame) for name, frame in frames.items() if not name.startswith(_TABLE)))


def _frames(rows: Iterator[Any]) -> dict[str, pl.DataFrame]:
    """The frames of one part, each put together from its slices."""
    slices: dict[str, list[tuple[int, pl.DataFrame]]] = {}
    for row in rows:
        slices.setdefault(row["name"], []).append((row["slice"], packing.unpack(row["payload"])))
    return {
        name: pl.concat(frame for _number, frame in sorted(of, key=lambda one: one[0])) for name, of in slices.items()
    }
