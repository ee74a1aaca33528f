"""How the pipeline runs its plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

#: Called with the name of each stage as it begins (`endpoints`, then `endpoints: PFS` …). What it raises ends the run.
Progress = Callable[[str], None]
#: Input tables in canonical form, by name.
Tables = Mapping[str, pl.LazyFrame]
#: Criteria and endpoints work on frames gathered before; their plans have many small steps, which stream badly.
ENGINE: Literal["in-memory"] = "in-memory"


def nothing(_stage: str) -> None:
    """The progress of a run that nobody watches."""
