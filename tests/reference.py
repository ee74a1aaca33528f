"""Reference values that R's `survival` and `cmprsk` gave, and the data that they were given: tests/data/survival."""

from __future__ import annotations

import csv
import math
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

FOLDER = Path(__file__).parent / "data" / "survival"


@cache
def _values() -> dict[tuple[str, str], float]:
    with (FOLDER / "reference.csv").open(encoding="utf-8") as lines:
        return {(row["case"], row["statistic"]): float(row["value"] or "nan") for row in csv.DictReader(lines)}


def reference(case: str, statistic: str) -> float | None:
    """A value that R gave; None where R gave NA."""
    value = _values()[case, statistic]
    return None if math.isnan(value) else value


def statistics_of(case: str, start: str = "") -> list[str]:
    """The statistics of a case whose names begin with `start`, in R's order."""
    return [statistic for one, statistic in _values() if one == case and statistic.startswith(start)]


def table(name: str) -> pl.DataFrame:
    """One of R's classic data sets."""
    return pl.read_csv(FOLDER / f"{name}.csv")


def endpoint_rows(subjects: pl.DataFrame, days: str | pl.Expr, event: pl.Expr, **more: pl.Expr) -> pl.DataFrame:
    """Rows of a time-to-event endpoint; columns of the data stay."""
    time = pl.col(days) if isinstance(days, str) else days
    return subjects.with_columns(
        days=time.cast(pl.Int64), event=event, entry_days=pl.lit(None, pl.Int64), **more
    ).with_columns(event_type=pl.coalesce(more.get("event_type", pl.lit(None)), pl.col("event").cast(pl.Int64)))


def value(estimates: pl.DataFrame, statistic: str, **where: Any) -> float | None:
    """The one number of a statistic at a group, variable or level."""
    found = estimates.filter(
        pl.col("statistic") == statistic,
        *(pl.col(key).is_null() if text is None else pl.col(key) == str(text) for key, text in where.items()),
    )
    number: float | None = found["value"].item()
    return number
