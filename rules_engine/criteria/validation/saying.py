"""How a finding about lesions is put together, and how a record, a lesion or a visit is named in one."""

from __future__ import annotations

import polars as pl

from rules_engine.contracts import UNITS_PER_MM
from rules_engine.criteria.subjects import in_units
from rules_engine.findings import derive_findings, phrase

TABLE = "lesion_assessments"

VISIT = phrase("visit {}", "visit_date")
#: The first date at which the lesion stands where the finding is about all its records.
RECORD = phrase("visit {}, lesion {}", "visit_date", "lesion_id")

IS_TARGET = pl.col("role") == "target"


def finding(
    rows: pl.LazyFrame,
    rule: str,
    severity: str,
    message: str | pl.Expr,
    action: str,
    record: pl.Expr | None = None,
    field: str = "",
    value: pl.Expr | None = None,
) -> pl.LazyFrame:
    """One finding per row, under the id `lesions.<rule>`."""
    return derive_findings(
        rows,
        rule_id=f"lesions.{rule}",
        severity=severity,
        table=TABLE,
        message=message,
        action=action,
        record=record,
        field=field,
        value=value,
    )


def in_mm(column: str) -> pl.Expr:
    """A length of the engine in millimetres, as a finding shows it."""
    return in_units(pl.col(column), UNITS_PER_MM)


def place() -> pl.Expr:
    """The organ for limits per organ: all lymph nodes are one (Eisenhauer 2009 §4.2)."""
    organ = pl.col("organ").cast(pl.String).str.strip_chars().str.to_lowercase()
    return pl.when(pl.col("node").fill_null(value=False)).then(pl.lit("lymph_node")).otherwise(organ)
