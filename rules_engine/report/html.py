"""Puts the page together, section by section."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules_engine.describe import study_facts
from rules_engine.pages import Block, Figure, Page, Section, Table, render_html, walk
from rules_engine.report.agreement_section import agreement_section
from rules_engine.report.further_section import further_section
from rules_engine.report.glance_section import glance_tables
from rules_engine.report.quality_section import provenance_section, quality_section
from rules_engine.report.response_section import response_section
from rules_engine.report.safety_section import safety_section
from rules_engine.report.subject_panel import subject_panel
from rules_engine.report.subjects_section import subjects_section
from rules_engine.report.survival_section import survival_section
from rules_engine.report.tables import Estimates
from rules_engine.report.view import ReportView


def render_report(view: ReportView) -> str:
    """The page as one HTML text. The same view gives the same text: no clock, no network; one script, that of the panel of subjects.

    Raises `UsageError` where jinja2 is not installed (the extra `report` brings it).
    """
    footer = f"Derived from ruleset {view.ruleset.id} at data cut-off {view.data_cutoff}."
    cutoff = ("Data cut-off", view.data_cutoff.isoformat())
    sections = _sections(view, Estimates.of(view.ard))
    place = next(number for number, section in enumerate(sections) if section.anchor == "quality")
    sections.insert(place, subject_panel(view))
    return render_html(Page(view.title, [*study_facts(view.ruleset), cutoff], sections, footer))


def figures_of(view: ReportView) -> dict[str, Figure]:
    """Every figure of the page by its name, in the order of the page."""
    return {block.name: block for block in _blocks(view) if isinstance(block, Figure)}


def tables_of(view: ReportView) -> dict[str, Table]:
    """Every table of the page by a name made of its caption, in the order of the page; a caption's second table ends in -2."""
    named: dict[str, Table] = {}
    for block in _blocks(view):
        if isinstance(block, Table) and block.rows:
            name = re.sub("[^a-z0-9]+", "-", block.caption.lower()).strip("-") or "table"
            number = 1 + sum(re.sub(r"-\d+$", "", one) == name or one == name for one in named)
            named[name if number == 1 else f"{name}-{number}"] = block
    return named


def _blocks(view: ReportView) -> Iterator[Block]:
    return walk(block for section in _sections(view, Estimates.of(view.ard)) for block in section.blocks)


def _sections(view: ReportView, estimates: Estimates) -> list[Section]:
    return [
        Section("glance", "Results at a glance", glance_tables(view, estimates)),
        Section("definitions", "Definitions", view.definitions),
        subjects_section(view),
        survival_section(view, estimates),
        response_section(view, estimates),
        agreement_section(view),
        further_section(view),
        safety_section(view),
        quality_section(view),
        provenance_section(view),
    ]
