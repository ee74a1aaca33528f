"""Safety on the page: adverse events and laboratory grades, as the analysis results count them."""

from __future__ import annotations

from rules_engine.pages import Paragraph, Section
from rules_engine.report.adverse_event_tables import adverse_event_tables
from rules_engine.report.butterfly import butterflies
from rules_engine.report.laboratory_tables import laboratory_tables
from rules_engine.report.view import ReportView


def safety_section(view: ReportView) -> Section:
    """Adverse events and laboratory grades, among the subjects of the safety population."""
    events = adverse_event_tables(view)
    blocks = [*events[:1], *butterflies(view), *events[1:], *laboratory_tables(view)]
    if blocks:
        blocks.insert(0, Paragraph(_population(view)))
    return Section("safety", "Safety", blocks)


def _population(view: ReportView) -> str:
    if view.marks_safety_population:
        return "Safety population: subjects who received at least one dose or session."
    return "All subjects: the data do not mark a safety population."
