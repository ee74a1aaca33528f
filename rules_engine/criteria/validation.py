"""Odd lesion data, said aloud."""

from __future__ import annotations

import polars as pl

from rules_engine.findings import empty_findings
from rules_engine.model import CriterionRules


def derive_lesion_findings(lesions: pl.LazyFrame, rules: CriterionRules, timepoints: pl.LazyFrame) -> pl.LazyFrame:
    """Findings about the lesions."""
    return empty_findings()
