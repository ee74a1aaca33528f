"""What a worker does with the rows that it is given, in frames of Polars. Nothing here knows Spark."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from types import MappingProxyType

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.contracts import ROW
from rules_engine.engine import Engine
from rules_engine.errors import RulesEngineError
from rules_engine.findings import concat_findings
from rules_engine.model import Ruleset
from rules_engine.partitions.job import rebuilt
from rules_engine.partitions.part import derive_part
from rules_engine.pipeline.plans import nothing
from rules_engine.registry import PluginSelection
from rules_engine.spark import packing
from rules_engine.spark.tasks import POSITION
from rules_engine.study import Study, checks
from rules_engine.study.canonical import Reading
from rules_engine.study.sources import RawTable
from rules_engine.study.study import contracts_of

#: Rows that a worker holds at once while it reads.
_AT_ONCE = 200_000
#: A row of a table of Spark's stood at `partition << _SHIFT | place in it` (`monotonically_increasing_id`).
_SHIFT = 33
TALLIES, ODD, READINGS, SUBJECTS, STUDIES = "tallies", "odd", "readings", "subjects", "studies"
_OF_READING = ("criterion", "assessor", "reader")


@dataclass(frozen=True)
class Job:
    """What every worker must know: the ruleset, the plugins of the driver, the tables as they come in (`schemas`) and in canonical
    form (`canonical`), and which of their columns the study brought.
    """

    ruleset: Ruleset
    cutoff: date
    selection: PluginSelection
    versions: tuple[str, ...]
    schemas: Mapping[str, Mapping[str, pl.DataType]]
    canonical: Mapping[str, Mapping[str, pl.DataType]] = field(default_factory=dict)
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    study_id: str = ""
    sends_tables: bool = True


@lru_cache(maxsize=4)
def _opened(job: bytes) -> tuple[Job, Engine]:
    """The job and its engine; raises `PluginError` where this worker has other versions than the driver."""
    read: Job = pickle.loads(job)  # noqa: S301  (from the driver, as everything that Spark's Python runs)
    return read, rebuilt(read.ruleset, read.selection, read.versions, "Spark's workers")


# Reading --------------------------------------------------------------------------------------------------------------


def look(
    job: bytes, table: str, offsets: Mapping[int, int] | None, known: bytes | None, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """What the driver must know of these rows before they are derived: how many there are, what is odd, who read what.

    `known` are the packed subjects of the study; without it the table is that of the subjects, and its rows are sent.
    """
    try:
        reading = _reading(job, table)
        for rows in _rows(reading.raw, offsets, batches):
            looked = reading.look(rows)
            yield from packing.packed(0, f"{table}/{TALLIES}", looked.tallies)
            yield from packing.packed(0, f"{table}/{ODD}", looked.odd)
            yield from packing.packed(0, f"{table}/{STUDIES}", studies(reading.raw, rows))
            canonical = reading.rows(rows)
            if known is None:
                yield from packing.packed(0, f"{table}/{SUBJECTS}", canonical.collect())
            else:
                names = packing.unpack(known).lazy()
                yield from packing.packed(
                    0, f"{table}/{READINGS}", readings(canonical.join(names, on="subject", how="semi"))
                )
    except RulesEngineError as error:
        yield packing.packed_error(0, error)


def readings(rows: pl.LazyFrame) -> pl.DataFrame:
    """One row of each reading (`Study.readings`), or one of a table that nobody reads."""
    by = [name for name in _OF_READING if name in rows.collect_schema().names()]
    return (rows.unique(by, keep="any") if by else rows.head(1)).collect()


def studies(raw: RawTable, rows: pl.LazyFrame) -> pl.DataFrame:
    """The identifiers of studies in a table, at most two of them."""
    if "studyid" not in raw.schema:
        return pl.DataFrame(schema={"studyid": pl.String})
    return rows.select(pl.col("studyid").cast(pl.String).drop_nulls().unique().sort().head(2)).collect()


def split(
    job: bytes, table: str, offsets: Mapping[int, int] | None, firsts: bytes, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Canonical rows, packed by part; `firsts` are the packed first subjects of the parts. Orphans go where their name falls."""
    try:
        reading = _reading(job, table)
        bounds = packing.unpack(firsts)
        for rows in _rows(reading.raw, offsets, batches):
            place = pl.lit(bounds["subject"]).search_sorted(pl.col("subject"), side="right").cast(pl.Int64) - 1
            part = pl.lit(bounds["part"]).gather(pl.max_horizontal(place, 0))
            canonical = reading.rows(rows).with_columns(part.alias("_part")).collect()
            for (number,), of_part in canonical.partition_by("_part", as_dict=True, include_key=False).items():
                yield from packing.packed(int(number), table, of_part)
    except RulesEngineError as error:
        yield packing.packed_error(0, error)


def _reading(job: bytes, table: str) -> Reading:
    read, engine = _opened(job)
    schema = read.schemas[table]
    raw = RawTable(table, pl.LazyFrame(schema=schema), schema)
    return Reading.of(raw, contracts_of(engine.registry)[table])


def _rows(
    raw: RawTable, offsets: Mapping[int, int] | None, batches: Iterator[pa.RecordBatch]
) -> Iterator[pl.LazyFrame]:
    """Numbered rows of a table as the driver sees them, many batches at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= _AT_ONCE:
            yield _numbered(raw, offsets, waiting)
            waiting = []
    if waiting:
        yield _numbered(raw, offsets, waiting)


def column_names(raw: RawTable) -> list[str]:
    """What the columns of a table are called on their way: a name of the study's may be one that Spark cannot read as it stands."""
    return [f"column_{place}" for place in range(len(raw.schema))]


def _numbered(raw: RawTable, offsets: Mapping[int, int] | None, batches: list[pa.RecordBatch]) -> pl.LazyFrame:
    frame = pl.DataFrame(pa.Table.from_batches(batches))
    position = pl.col(POSITION)
    if offsets is None:
        number = position + 1
    else:
        before = (position // (1 << _SHIFT)).replace_strict(offsets, return_dtype=pl.Int64)
        number = before + position % (1 << _SHIFT) + 1
    columns = [
        pl.col(place).cast(dtype).alias(name)
        for place, (name, dtype) in zip(column_names(raw), raw.schema.items(), strict=True)
        if name != ROW.name
    ]
    return frame.lazy().select(number.cast(pl.Int64).alias(ROW.name), *columns)


# Deriving -------------------------------------------------------------------------------------------------------------


def derive(job: bytes, pieces: pa.Table) -> pa.Table:
    """Everything that is kept of one part (`partitions.part`), from the pieces of its tables in any order."""
    part = int(pieces.column("part")[0].as_py())
    try:
        return pa.Table.from_batches(list(_derived(job, part, pieces)), schema=packing.SCHEMA)
    except RulesEngineError as error:
        return pa.Table.from_batches([packing.packed_error(part, error)], schema=packing.SCHEMA)


def _derived(job: bytes, part: int, pieces: pa.Table) -> Iterator[pa.RecordBatch]:
    read, engine = _opened(job)
    failed = pieces.filter(pc.equal(pieces.column("name"), packing.ERROR))
    packing.raise_packed(failed.column("payload").to_pylist())
    study = _study(read, _tables(pieces))
    if read.sends_tables:
        for name, rows in study.tables.items():
            yield from packing.packed(part, f"table/{name}", rows.collect())
    for name, frame in derive_part(engine, study, read.cutoff, nothing):
        yield from packing.packed(part, name, frame)


def _tables(pieces: pa.Table) -> dict[str, pl.DataFrame]:
    """The rows of each table in the order of the source, whatever the order in which the pieces arrived."""
    found: dict[str, list[pl.DataFrame]] = {}
    for row in pieces.to_pylist():
        found.setdefault(row["name"], []).append(packing.unpack(row["payload"]))
    return {name: pl.concat(frames).sort(ROW.name) for name, frames in found.items()}


def _study(read: Job, given: Mapping[str, pl.DataFrame]) -> Study:
    """The part as `open_study` would have given it: every table, each subject once, no orphans."""
    tables = {
        name: given[name].lazy() if name in given else pl.LazyFrame(schema=schema)
        for name, schema in read.canonical.items()
    }
    subjects, _repeated, _problems = checks.check_subjects(tables["subjects"], "table subjects")
    tables["subjects"] = subjects.lazy()
    kept, orphans = checks.drop_orphans(tables, subjects.lazy())
    return Study(
        MappingProxyType(kept),
        concat_findings(orphans).collect().lazy(),
        (),
        read.study_id,
        MappingProxyType({**read.columns}),
    )


# Data sets ------------------------------------------------------------------------------------------------------------


def unpack_data_set(finish: bytes | None, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of a data set from its packed frames; `finish` are the names of the laboratory tests, which all parts decide."""
    from rules_engine.study import adam

    for batch in batches:
        for row in batch.to_pylist():
            frame = packing.unpack(row["payload"])
            if finish is not None:
                frame = frame.with_columns(PARAM=adam.test_name(packing.unpack(finish)))
            yield from to_spark(frame).to_batches()


def to_spark(frame: pl.DataFrame) -> pa.Table:
    """The frame in types that every Spark 4 takes: codes and clock times as text, whole numbers signed."""
    table = frame.with_columns(pl.col(pl.Time).cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(pa.schema([(column.name, _kind(column.type)) for column in table.schema]))


def _kind(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return pa.int64() if pa.types.is_unsigned_integer(kind) else kind
