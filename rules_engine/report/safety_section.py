"""Safety on the page: adverse events and laboratory grades, as the analysis results count them."""

from __future__ import annotations

import polars as pl

from rules_engine.pages import Block, Paragraph, Section
from rules_engine.report.adverse_event_tables import adverse_event_tables
from rules_engine.report.butterfly import butterflies
from rules_engine.report.laboratory_tables import laboratory_tables
from rules_engine.report.tables import counts_by_arm
from rules_engine.report.view import ReportView

SEVERE = 3
NOT_CODED = "(not coded)"


def safety_section(view: ReportView) -> Section:
    """Adverse events and laboratory grades, among the subjects of the safety population."""
    events = adverse_event_tables(view)
    blocks = [*events[:1], *_butterfly(view), *events[1:], *laboratory_tables(view)]
    if blocks:
        blocks.insert(0, Paragraph(_population(view)))
    return Section("safety", "Safety", blocks)


def _population(view: ReportView) -> str:
    if _has_safety_flag(view):
        return "Safety population: subjects who received at least one dose or session."
    return "All subjects: the data do not mark a safety population."


def _has_safety_flag(view: ReportView) -> bool:
    return "safety_population" in view.subjects.columns and view.subjects["safety_population"].any()


def _safety_subjects(view: ReportView) -> pl.DataFrame:
    """`subject` and `arm` of the safety population; without a flag, of all."""
    if not _has_safety_flag(view):
        return view.subjects_with_arm
    safe = view.subjects.filter(pl.col("safety_population").fill_null(value=False)).select("subject")
    return safe.join(view.subjects_with_arm, on="subject", how="left")


def _butterfly(view: ReportView) -> list[Block]:
    """The most frequent terms of two arms back to back, where the events were graded in the toolbox's columns."""
    events = view.adverse_events
    if events is None or "is_counted" not in events.columns:
        return []
    counted = (
        events.filter("is_counted")
        .with_columns(
            pl.col("atoxgrn").cast(pl.Int64).alias("_grade"),
            pl.col("analysis_term").fill_null(NOT_CODED).alias("_term"),
        )
        .join(_safety_subjects(view), on="subject", how="inner")
    )
    totals = counts_by_arm(_safety_subjects(view), view.arms)
    return butterflies(counted, dict(zip(view.arms, totals, strict=False)), SEVERE)
