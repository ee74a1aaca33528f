"""Numbers in place of the subjects' names, and keys under which endpoints share the steps that they have in common.

A step is shared by endpoints that read the same records with the same options.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from rules_engine.endpoints.days import of_known
from rules_engine.vocabulary import SubjectRecords


def options_key(options: Mapping[str, Any], names: Iterable[str]) -> str:
    """The named options as text that is equal where they are equal."""
    return json.dumps([options.get(name) for name in names], sort_keys=True, default=str)


def derive_names(records: SubjectRecords) -> pl.LazyFrame:
    """One row per subject, in the order of their names: subject (its name) and number."""
    return records.step(
        "names", lambda: records.subjects.select("subject").unique().sort("subject").with_row_index("number")
    )


def numbered(records: SubjectRecords) -> SubjectRecords:
    """The same records with a number in place of each subject's name: joins and sorts over numbers cost a fraction.

    The numbers mean nothing. Records of subjects who are not in `subjects` are left out.
    """

    def build() -> SubjectRecords:
        names = derive_names(records)
        held = records.with_frames(lambda _name, frame: records.hold(_with_numbers(frame, names)))
        return replace(held, tables=_NumberedTables(records.tables, names))

    return records.once("numbered", build)


def _with_numbers(rows: pl.LazyFrame, names: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with numbers of subjects. A name is looked up once for all rows of the subject that follow one another."""
    rows = rows.with_columns(_run=pl.col("subject").rle_id().set_sorted())
    firsts = rows.select("subject", "_run").unique("_run", keep="any", maintain_order=True)
    numbers = firsts.join(names, on="subject", maintain_order="left").select("_run", "number")
    return of_known(rows, numbers, on="_run").with_columns(subject="number").drop("_run", "number")


class _NumberedTables(Mapping[str, pl.LazyFrame]):
    """The input tables with numbers of subjects, each when it is asked for."""

    def __init__(self, tables: Mapping[str, pl.LazyFrame], names: pl.LazyFrame) -> None:
        self._tables = tables
        self._names = names

    def __getitem__(self, table: str) -> pl.LazyFrame:
        return _with_numbers(self._tables[table], self._names)

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
