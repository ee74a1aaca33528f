"""Small studies for tests of safety: events and laboratory results of a few subjects with their treatments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
from rules_engine import contracts, grading
from rules_engine.grading.documents import rules_of_version
from rules_engine.grading.rules import GradingRules
from rules_engine.loading import load_ruleset

Rows = Sequence[Mapping[str, Any]]

CUTOFF = date(2024, 12, 31)


def table(name: str, rows: Rows) -> pl.LazyFrame:
    """Rows as the canonical table; `row` counts from 1 where it is not stated."""
    numbered = [{"row": position, **row} for position, row in enumerate(rows, start=1)]
    return pl.LazyFrame(numbered, schema=contracts.canonical_schema(contracts.TABLES[name]))


def context(subjects: Rows, treatments: Rows, window: Mapping[str, Any] | None = None) -> pl.LazyFrame:
    """What grading knows of each subject at the cut-off."""
    return grading.derive_context(table("subjects", subjects), table("treatments", treatments), CUTOFF, window)


def protocol_options() -> dict[str, Any]:
    """The options of adverse events as `tace_ici_safety` states them."""
    asked = load_ruleset("tace_ici_safety").adverse_events
    assert asked is not None
    return dict(asked.options)


def graded_events(
    events: Rows, of_subjects: pl.LazyFrame, *, rules: GradingRules | None = None, **options: Any
) -> pl.DataFrame:
    """Events graded by v5.0 or by `rules`; `aeseq` is the row where it is not stated."""
    numbered = [{"aeseq": position, **event} for position, event in enumerate(events, start=1)]
    rows = table("adverse_events", numbered)
    chosen = grading.event_options(options)
    return grading.derive_event_grades(rows, rules or rules_of_version("5.0"), chosen, of_subjects).collect()
