"""Numbers in place of the subjects' names, and keys under which endpoints share the steps that they have in common.

A step is shared by endpoints that read the same records with the same options.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from rules_engine.vocabulary import SubjectRecords


def options_key(options: Mapping[str, Any], names: Iterable[str]) -> str:
    """The named options as text that is equal where they are equal."""
    return json.dumps([options.get(name) for name in names], sort_keys=True, default=str)


def derive_names(records: SubjectRecords) -> pl.LazyFrame:
    """One row per subject: subject (its name) and number."""
    return records.step(
        "names", lambda: records.subjects.select("subject").unique().sort("subject").with_row_index("number")
    )


def numbered(records: SubjectRecords) -> SubjectRecords:
    """The same records with a number in place of each subject's name: joins and sorts over numbers cost a fraction.

    The numbers mean nothing, not even an order. Records of subjects who are not in `subjects` are left out.
    """

    def build() -> SubjectRecords:
        names = derive_names(records)

        def with_numbers(_name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
            return frame.join(names, on="subject").with_columns(subject="number").drop("number")

        tables = _NumberedTables(records.tables, names)
        held = records.with_frames(lambda name, frame: records.hold(with_numbers(name, frame)))
        return replace(held, tables=tables)

    return records.once("numbered", build)


class _NumberedTables(Mapping[str, pl.LazyFrame]):
    """The input tables with numbers of subjects, each when it is asked for."""

    def __init__(self, tables: Mapping[str, pl.LazyFrame], names: pl.LazyFrame) -> None:
        self._tables = tables
        self._names = names

    def __getitem__(self, table: str) -> pl.LazyFrame:
        frame = self._tables[table]
        return frame.join(self._names, on="subject").with_columns(subject="number").drop("number")

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def named(rows: pl.LazyFrame, records: SubjectRecords, columns: Iterable[str]) -> pl.LazyFrame:
    """Rows of numbered subjects (`subject`), with the subjects' names again; rows of no subject stay as they are."""
    names = derive_names(records).select(subject="number", _name="subject")
    return (
        rows.with_columns(pl.col("subject").cast(pl.UInt32))
        .join(names, on="subject", how="left")
        .with_columns(subject="_name")
        .select(list(columns))
    )
