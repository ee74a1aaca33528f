"""A study in Spark, opened as `study.open_study` opens one here: the same checks, findings, errors and numbers of rows.

The workers look at the rows, the driver concludes. Rows of a Parquet file are numbered by their place in the file, those of a
DataFrame by the order in which `collect` gives them.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.engine import Engine
from rules_engine.errors import StudyError
from rules_engine.spark import packing
from rules_engine.spark.tasks import PACKED, POSITION, look_task
from rules_engine.spark.work import ODD, READINGS, STUDIES, SUBJECTS, TALLIES, Job, column_names, readings
from rules_engine.study import Study
from rules_engine.study.canonical import CanonicalTable, Looked, Reading
from rules_engine.study.mapping import mapping_of
from rules_engine.study.sources import Found, RawTable, find_tables
from rules_engine.study.study import contracts_of, open_found
from rules_engine.vocabulary import Table


@dataclass(frozen=True)
class Incoming:
    """A table as Spark holds it: its numbered rows, the columns named by their place (`work.column_names`); `offsets` say how many
    rows stand before each of Spark's partitions, None where rows are numbered from 0 throughout.
    """

    raw: RawTable
    rows: Any
    offsets: dict[int, int] | None


@dataclass(frozen=True)
class OpenedStudy:
    """A study opened in Spark: `study` with its subjects and, of the other tables, one row of each reading; the number of rows of
    every table; and the tables themselves.
    """

    study: Study
    counts: Mapping[str, int]
    incoming: Mapping[str, Incoming]


# Tables in ------------------------------------------------------------------------------------------------------------


def is_frames(source: Any) -> bool:
    """Whether this is a mapping of table names to Spark DataFrames."""
    return isinstance(source, Mapping) and any(_is_spark(frame) for frame in source.values())


def found_frames(source: Mapping[str, Any], engine: Engine) -> Found:
    """The tables of a mapping of Spark DataFrames, without rows."""
    strange = [name for name, frame in source.items() if not _is_spark(frame)]
    if strange:
        kind = type(source[strange[0]]).__name__
        raise StudyError.at(
            f"table {strange[0]}", f"{kind} is no Spark DataFrame, as the other tables are",
            "pass every table as a Spark DataFrame: `spark.createDataFrame` makes one",
        )  # fmt: skip
    empty = {name: frame.limit(0).toArrow() for name, frame in source.items()}
    found = find_tables(empty, engine.registry, frozenset(contracts_of(engine.registry)))
    return replace(found, tables={name: _in_utc(raw) for name, raw in found.tables.items()})


def incoming_frames(source: Mapping[str, Any], found: Found) -> dict[str, Incoming]:
    """The rows of these DataFrames, numbered and kept on the workers' disks, so that they keep their numbers."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as f

    by_name = {str(name).strip().lower(): frame for name, frame in source.items()}
    numbered = {
        name: by_name[name].toDF(*column_names(raw)).withColumn(POSITION, f.monotonically_increasing_id())
        for name, raw in found.tables.items()
    }
    for rows in numbered.values():
        rows.persist(StorageLevel.DISK_ONLY)
    return {name: Incoming(found.tables[name], rows, _offsets(rows)) for name, rows in numbered.items()}


def _offsets(rows: Any) -> dict[int, int]:
    """How many rows stand before each partition."""
    from pyspark.sql import functions as f

    place = f.shiftright(f.col(POSITION), 33).alias("partition")
    counts = sorted((row["partition"], row["count"]) for row in rows.groupBy(place).count().collect())
    offsets, before = {}, 0
    for partition, count in counts:
        offsets[partition] = before
        before += count
    return offsets


def can_read(found: Found, engine: Engine) -> bool:
    """Whether Spark can read these files by itself: Parquet alone, with no mapping over it."""
    paths = [raw.path for raw in found.tables.values()]
    return mapping_of(engine.ruleset) is None and all(path is not None and path.suffix == ".parquet" for path in paths)


def incoming_files(spark: Any, found: Found) -> dict[str, Incoming]:
    """The rows of these Parquet files, read by Spark; raises what Spark raises where it cannot."""
    return {name: Incoming(raw, _rows_of_file(spark, raw), None) for name, raw in found.tables.items()}


def _rows_of_file(spark: Any, raw: RawTable) -> Any:
    from pyspark.sql import functions as f

    # Days before 1582 are what the file says, as for every other reader of Parquet.
    reader = spark.read.option("datetimeRebaseMode", "CORRECTED").option("int96RebaseMode", "CORRECTED")
    rows = reader.parquet(Path(str(raw.path)).absolute().as_uri())
    return rows.select("*", f.col("_metadata.row_index").alias(POSITION)).toDF(*column_names(raw), POSITION)


def _is_spark(frame: Any) -> bool:
    return hasattr(frame, "mapInArrow")


def _in_utc(raw: RawTable) -> RawTable:
    """The same with moments in UTC: Spark hands them out in the zone of its session, which must change nothing."""
    schema = {
        name: pl.Datetime(dtype.time_unit, "UTC") if isinstance(dtype, pl.Datetime) and dtype.time_zone else dtype
        for name, dtype in raw.schema.items()
    }
    return replace(raw, schema=schema, rows=pl.LazyFrame(schema=schema))


# Opening --------------------------------------------------------------------------------------------------------------


def open_in_spark(engine: Engine, source: Any, found: Found, incoming: Mapping[str, Incoming], job: Job) -> OpenedStudy:
    """The study, from looks of the workers at its tables; raises `StudyError` as `open_study` does."""
    sent = pickle.dumps(job)
    contracts = contracts_of(engine.registry)
    readable = {name: one for name, one in incoming.items() if _is_readable(one.raw, contracts[name])}
    subjects = _looked(readable.keys() & {"subjects"}, readable, sent, None)
    known = _known_subjects(subjects)
    others = _looked(readable.keys() - {"subjects"}, readable, sent, packing.pack(known))
    looks = {**subjects, **others}
    counts: dict[str, int] = {}

    def read(raw: RawTable, contract: Table) -> CanonicalTable:
        reading = Reading.of(raw, contract)
        frames = looks[raw.name]
        empty = pl.LazyFrame(schema={"row": pl.Int64(), **{name: t for name, t in raw.schema.items() if name != "row"}})
        here = reading.look(empty)
        tallies, odd = ([getattr(here, kind), *frames.get(kind, [])] for kind in (TALLIES, ODD))
        looked = Looked.sum([Looked(*pair) for pair in zip(tallies, odd, strict=True)])
        counts[raw.name] = int(looked.tallies["rows"].item())
        kept = pl.concat([reading.rows(empty).collect(), *frames.get(SUBJECTS, []), *frames.get(READINGS, [])])
        rows = kept.sort("row") if raw.name == "subjects" else readings(kept.sort("row").lazy())
        return reading.conclude(looked, rows.lazy())

    with_studies = {name: _with_studies(raw, looks.get(name, {})) for name, raw in found.tables.items()}
    study = open_found(source, replace(found, tables=with_studies), engine.ruleset, contracts, read=read)
    return OpenedStudy(study, counts, incoming)


def _is_readable(raw: RawTable, contract: Table) -> bool:
    """False for a table that lacks a column, which is told when all tables are held against their contracts."""
    try:
        Reading.of(raw, contract)
    except StudyError:
        return False
    return True


Looks = dict[str, dict[str, list[pl.DataFrame]]]


def _looked(names: Any, incoming: Mapping[str, Incoming], job: bytes, known: bytes | None) -> Looks:
    """What the workers saw: by table and kind, the frames of all their looks."""
    found: Looks = {name: {} for name in names}
    if not found:
        return found
    looks = [
        incoming[name].rows.mapInArrow(look_task(job, name, incoming[name].offsets, known), PACKED)
        for name in sorted(names)
    ]
    rows = reduce(lambda one, other: one.unionAll(other), looks).collect()
    packing.raise_packed([row["payload"] for row in rows if row["name"] == packing.ERROR])
    for row in rows:
        name, _, kind = row["name"].partition("/")
        found[name].setdefault(kind, []).append(packing.unpack(row["payload"]))
    return found


def _known_subjects(looks: Looks) -> pl.DataFrame:
    names = [rows.select("subject") for rows in looks.get("subjects", {}).get(SUBJECTS, [])]
    return pl.concat([pl.DataFrame(schema={"subject": pl.String}), *names]).unique().sort("subject")


def _with_studies(raw: RawTable, frames: Mapping[str, list[pl.DataFrame]]) -> RawTable:
    """The table with a row for each study that it names, for whoever asks which study it is of."""
    ids = pl.concat([pl.DataFrame(schema={"studyid": pl.String}), *frames.get(STUDIES, [])]).unique()
    if "studyid" not in raw.schema or ids.is_empty():
        return replace(raw, rows=pl.LazyFrame(schema=raw.schema))
    return replace(
        raw, rows=pl.concat([pl.LazyFrame(schema={**raw.schema, "studyid": pl.String()}), ids.lazy()], how="diagonal")
    )
