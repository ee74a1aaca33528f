"""Columns of a study's tables that no contract declares and a plugin reads: brought into the form of the contract's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from rules_engine.contracts import ROW, Column
from rules_engine.findings import concat_findings, derive_findings
from rules_engine.study.canonical import record_name
from rules_engine.study.casting import as_text, can_hold, cast_column
from rules_engine.study.study import Study


def read_extra_columns(study: Study, table: str, columns: Sequence[Column]) -> Study:
    """The study with these columns of a table as the engine holds them, where the study has them.

    Each is read by its kind: a length becomes whole hundredths of a millimetre under the name `Column.held_as`, and a cell that
    cannot be used is a finding. A column that the study lacks stays out.
    """
    rows = study.tables[table]
    schema = rows.collect_schema()
    there = [column for column in columns if column.name in schema and can_hold(column, schema[column.name])]
    if not there:
        return study
    casts = {column: cast_column(column, pl.col(column.name), schema[column.name]) for column in there}
    read = rows.with_columns(cast.value.cast(column.dtype).alias(column.held_as) for column, cast in casts.items())
    odd = [
        derive_findings(
            rows.filter(fault.is_odd.fill_null(value=False)),
            rule_id=fault.rule_id,
            severity=fault.severity,
            table=table,
            message=fault.message,
            action=fault.action,
            record=record_name(ROW.name, schema.names(), table),
            field=column.name,
            value=as_text(pl.col(column.name), schema[column.name]),
        )
        for column, cast in casts.items()
        for fault in cast.faults
    ]
    return replace(
        study,
        tables=MappingProxyType({**study.tables, table: read}),
        findings=concat_findings([study.findings, *odd]),
    )
