"""What a run in Spark gives back: data sets as Spark DataFrames, and everything else as after a run in parts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from rules_engine.partitions import StoredResult, files
from rules_engine.partitions.part import CODES, DATA_SET, DATA_SETS
from rules_engine.spark import packing
from rules_engine.spark.tasks import unpack_task
from rules_engine.spark.work import to_spark


@dataclass(frozen=True, repr=False)
class SparkResult:
    """The result of a run in Spark; a context manager, at whose end Spark and the disk let go of it.

    Data sets as Spark DataFrames: `result["adtte"]`, or all of them as `data_sets()`; their rows come in the order of a run in
    memory, clock times as text. `local` is the same as Polars frames, with `report`, `explain`, `write` and the rest; `written` are
    the paths of what was written, by name.
    """

    local: StoredResult
    spark: Any
    packed: Any
    ending: ExitStack

    def __getitem__(self, name: str) -> Any:
        """The data set of this name as a Spark DataFrame: `adtte`, `adrs`, `ard`, `findings` …"""
        if name in DATA_SETS:
            return self._of_parts(name)
        rows = to_spark(self.local.data_sets()[name])
        return self.spark.createDataFrame(rows, ddl_of(rows.schema))

    def data_sets(self) -> dict[str, Any]:
        """Every data set as a Spark DataFrame, by name."""
        return {name: self[name] for name in self.local.data_sets()}

    @property
    def written(self) -> Mapping[str, Path]:
        """The path of everything written, by name; empty where no folder was named."""
        return self.local.written

    def __enter__(self) -> SparkResult:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the rows that Spark keeps, and delete the driver's copy of the parts. DataFrames of this result end with it."""
        self.ending.close()

    def _of_parts(self, name: str) -> Any:
        """A data set whose rows stay on the workers, in the order of the parts."""
        columns = self.local.stored(name).collect_schema().to_frame()
        finish = None
        if name == "adlb" and CODES in self.local.parts[0]:
            finish = packing.pack(files.read([part[CODES] for part in self.local.parts]))
        of_parts = self.packed.filter(self.packed["name"] == DATA_SET + name).orderBy("part", "slice")
        return of_parts.mapInArrow(unpack_task(finish), ddl_of(to_spark(columns).schema))


def ddl_of(schema: pa.Schema) -> str:
    """The schema in Spark's own words."""
    return ", ".join(f"`{field.name.replace('`', '``')}` {_word(field.type)}" for field in schema)


def _word(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    words = {
        "string": "string", "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
        "float": "float", "double": "double", "date32[day]": "date",
    }  # fmt: skip
    return words[str(kind)]
