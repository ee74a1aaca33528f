"""Findings: what is odd in the data, said aloud instead of repaired.

One row is one finding: which rule noticed it, how serious it is, where it stands and what the engine did about it.
Severity `error`: the record could not be used as it stands; `warning`: used, but a person should look; `note`: for information.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

ERROR = "error"
WARNING = "warning"
NOTE = "note"
SEVERITIES = (ERROR, WARNING, NOTE)

#: Columns of the findings frame. `record` names the record inside its table (row number in the source, a visit date, a lesion);
#: `value` is what was found; `action` is what the engine did.
SCHEMA: dict[str, pl.DataType] = {
    "rule_id": pl.String(),
    "severity": pl.String(),
    "table": pl.String(),
    "subject": pl.String(),
    "record": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
    "message": pl.String(),
    "action": pl.String(),
}


def phrase(template: str, *columns: str | pl.Expr) -> pl.Expr:
    """The template with each `{}` filled by a column, as text; missing where a column is missing.

    Does what `pl.format` does, which in Polars 2.1 panics on frames that come in several pieces.
    """
    literals = template.split("{}")
    parts: list[pl.Expr] = []
    for position, literal in enumerate(literals):
        if literal:
            parts.append(pl.lit(literal))
        if position < len(columns):
            column = columns[position]
            parts.append((pl.col(column) if isinstance(column, str) else column).cast(pl.String))
    return pl.concat_str(parts)


def empty_findings() -> pl.LazyFrame:
    """A findings frame without rows."""
    return pl.LazyFrame(schema=SCHEMA)


def derive_findings(
    records: pl.LazyFrame,
    *,
    rule_id: str,
    severity: str,
    table: str,
    message: str | pl.Expr,
    action: str,
    subject: str | None = "subject",
    record: pl.Expr | None = None,
    field: str = "",
    value: pl.Expr | None = None,
) -> pl.LazyFrame:
    """Turn each row of `records` (already filtered to the odd ones) into one finding."""
    return records.select(
        pl.lit(rule_id).alias("rule_id"),
        pl.lit(severity).alias("severity"),
        pl.lit(table).alias("table"),
        (pl.col(subject).cast(pl.String) if subject else pl.lit(None, pl.String)).alias("subject"),
        (pl.lit(None, pl.String) if record is None else record.cast(pl.String)).alias("record"),
        pl.lit(field).alias("field"),
        (pl.lit(None, pl.String) if value is None else value.cast(pl.String)).alias("value"),
        (message if isinstance(message, pl.Expr) else pl.lit(message)).cast(pl.String).alias("message"),
        pl.lit(action).alias("action"),
    )


def concat_findings(parts: Iterable[pl.LazyFrame]) -> pl.LazyFrame:
    """Stack findings frames; the order of rows carries no meaning until `sort_findings`."""
    frames = list(parts)
    return pl.concat(frames, how="vertical") if frames else empty_findings()


def sort_findings(findings: pl.LazyFrame) -> pl.LazyFrame:
    """Findings in their published order: errors first, then by table, rule, subject and record; duplicates dropped."""
    rank = {name: position for position, name in enumerate(SEVERITIES)}
    keys: Sequence[str] = ["_rank", "table", "rule_id", "subject", "record", "field", "value", "message", "action"]
    return (
        findings.unique(maintain_order=False)
        .with_columns(pl.col("severity").replace_strict(rank, default=len(rank), return_dtype=pl.Int8).alias("_rank"))
        .sort(keys, nulls_last=True)
        .drop("_rank")
    )
