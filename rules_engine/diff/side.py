"""One side of a comparison: a run with everything that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from rules_engine.model import Ruleset
from rules_engine.pipeline import Derived
from rules_engine.registry import Registry
from rules_engine.report import ReportView
from rules_engine.vocabulary import ARD_SCHEMA


@dataclass(frozen=True)
class Side:
    """The ruleset, the canonical tables that it ran on, what was derived, the data cut-off, the plugins, and what a page shows of it."""

    ruleset: Ruleset
    tables: Mapping[str, pl.LazyFrame]
    derived: Derived
    cutoff: date
    registry: Registry
    view: ReportView

    @property
    def ard(self) -> pl.DataFrame:
        """The analysis results."""
        return self.derived.ard.select(list(ARD_SCHEMA))
